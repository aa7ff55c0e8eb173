"""The creative cache, and how it follows its topic."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import given, strategies as st

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Creative
from streams.ad_server.delivery import CreativeCache, Delivery, ready
from streams.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.topics import CREATIVE
from tests.streams.creative_records import CONTEXTUAL, PERSONAL, a_creative

CODEC = Codec(Creative, LockedIds())


def an_entry(**changes):
    creative = a_creative(**changes)
    return ready(creative, CODEC.encode(creative))


def test_an_expired_creative_is_not_shown_and_is_forgotten():
    cache = CreativeCache()
    cache.put("u", an_entry(expires_at=5_000), now=1_000)
    assert cache.get("u", "feed-card", now=4_999)
    assert cache.get("u", "feed-card", now=5_000) is None
    assert (len(cache), cache.n_bytes) == (0, 0)


def test_an_expired_creative_is_not_kept():
    cache = CreativeCache()
    cache.put("u", an_entry(expires_at=5_000), now=5_000)
    assert len(cache) == 0


def test_the_newest_creative_of_a_placement_wins_also_when_an_older_one_is_replayed():
    cache = CreativeCache()
    for creative_id, created_at in (("old", 1_000), ("new", 2_000), ("old", 1_000)):
        cache.put("u", an_entry(creative_id=creative_id, created_at=created_at), 2_000)
    assert cache.get("u", "feed-card", 2_000).creative_id == "new"
    assert len(cache) == 1


def test_placements_and_people_are_kept_apart():
    cache = CreativeCache()
    cache.put("u", an_entry(creative_id="a"), 2_000)
    cache.put("u", an_entry(creative_id="b", placement="speaker"), 2_000)
    cache.put("v", an_entry(creative_id="c"), 2_000)
    shown = [
        cache.get(user, placement, 2_000).creative_id
        for user, placement in [
            ("u", "feed-card"),
            ("u", "speaker"),
            ("v", "feed-card"),
        ]
    ]
    assert shown == ["a", "b", "c"]


def test_the_least_recently_shown_creative_leaves_first():
    cache = CreativeCache(max_entries=2)
    cache.put("a", an_entry(), 2_000)
    cache.put("b", an_entry(), 2_000)
    cache.get("a", "feed-card", 2_000)
    cache.put("c", an_entry(), 2_000)
    assert cache.get("b", "feed-card", 2_000) is None
    assert cache.get("a", "feed-card", 2_000)


ENTRY = an_entry()


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.booleans()), max_size=40))
def test_memory_is_bounded_and_counted_exactly(steps):
    one = len(ENTRY.message)
    cache = CreativeCache(max_entries=100, max_bytes=3 * one)
    for user, put in steps:
        if put:
            cache.put(user, ENTRY, 2_000)
        else:
            cache.withdraw(user, "feed-card")
        assert cache.n_bytes == len(cache) * one <= 3 * one


@pytest.mark.parametrize(
    ("condition", "contextual"), [(PERSONAL, False), (CONTEXTUAL, True), (b"", True)]
)
def test_a_creative_is_contextual_when_no_preference_went_into_it(
    condition, contextual
):
    assert an_entry(condition=condition).is_contextual is contextual


async def test_it_reads_from_the_beginning_skips_bad_records_and_obeys_tombstones(
    broker, make_topics, eventually
):
    topic = make_topics(broker) + CREATIVE.name
    await send(
        broker,
        topic,
        ("u_1", a_creative("u_1", creative_id="first")),
        ("u_1", b"not a creative"),
        ("u_2", a_creative("u_2")),
        ("u_2", None),
        ("u_3", a_creative("u_3", created_at=1_500)),
    )
    async with following(broker, topic) as delivery:
        async with asyncio.timeout(20):
            await delivery.caught_up.wait()
        assert (delivery.n_read, delivery.n_rejected) == (5, 1)
        cache = delivery.cache
        assert cache.get("u_1", "feed-card", 2_000).creative_id == "first"
        assert cache.get("u_2", "feed-card", 2_000) is None
        assert cache.get("u_3", "feed-card", 2_000)

        await send(broker, topic, ("u_1", a_creative("u_1", creative_id="second")))
        await eventually(
            lambda: cache.get("u_1", "feed-card", 2_000).creative_id == "second"
        )


async def test_an_empty_topic_is_caught_up_at_once(local_broker, make_topics):
    topic = make_topics(local_broker) + CREATIVE.name
    async with following(local_broker, topic) as delivery, asyncio.timeout(20):
        await delivery.caught_up.wait()


async def test_a_missing_broker_is_said_in_one_sentence():
    delivery = Delivery(
        Connection("127.0.0.1:9"), "ads.creative.v1", LockedIds(), CreativeCache()
    )
    with pytest.raises(UnavailableError, match="no Kafka broker answers at 127"):
        await delivery.start()


async def test_a_key_that_is_no_text_is_counted_and_skipped():
    delivery = Delivery(
        Connection("127.0.0.1:9"), "ads.creative.v1", LockedIds(), CreativeCache()
    )
    bad = SimpleNamespace(key=b"\xff|feed-card", value=None, partition=0, offset=0)
    delivery.take(bad, 2_000)
    assert (delivery.n_read, delivery.n_rejected) == (1, 1)
    await delivery.stop()


class following:  # noqa: N801 - reads like a verb
    """Runs a delivery over a topic; the clock stands at 2,000 ms."""

    def __init__(self, bootstrap, topic):
        self._delivery = Delivery(
            Connection(bootstrap), topic, LockedIds(), CreativeCache()
        )

    async def __aenter__(self):
        await self._delivery.start()
        self._task = asyncio.create_task(self._delivery.run(lambda: 2_000))
        return self._delivery

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._delivery.stop()


async def send(bootstrap, topic, *records):
    """Send (user id, creative or bytes or tombstone) under the topic's keys."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for user_id, value in records:
            message = CODEC.encode(value) if isinstance(value, Creative) else value
            key = f"{user_id}|feed-card".encode()
            await producer.send_and_wait(topic, message, key, partition=0)
