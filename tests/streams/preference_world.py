"""A broker's topics, a registry and a producer of all that a topic can bring."""

import asyncio
import random
import time
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from schemas.avro import AvroError, Codec, schema_of
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference
from schemas.registry import RegistryIds
from schemas.vocabulary import deployed
from streams.engine.admit import admit
from streams.engine.stage import Incoming
from streams.kafka.connection import Connection
from streams.kafka.log_reader import read_to_end
from streams.kafka.topics import BEHAVIOR
from streams.settings import PreferencesSettings
from streams.stages.preferences.reference import ReferencePreferences
from tests.streams.writer_schemas import message, newer, older, values_of

N_PARTITIONS = 2
HOUR = 3_600_000
USERS = ("用户", "12345", "naïve", *(f"user-{i}" for i in range(30)))


@dataclass
class World:
    """A broker's topics, a registry, and what was produced."""

    bootstrap: str
    prefix: str
    registry: str
    ids: RegistryIds
    writers: dict[str, int]
    rng: random.Random
    poison: dict[tuple[int, int], tuple[bytes | None, bytes | None]] = field(
        default_factory=dict
    )
    ends: dict[int, int] = field(default_factory=dict)
    n_events: int = 0

    @property
    def topic(self):
        return f"{self.prefix}ads.behavior.v1"

    @property
    def codec(self):
        return Codec(Behavior, self.ids)

    def new_events(self, n):
        """Events of the last two days, in no order of time."""
        made = []
        for _ in range(n):
            self.n_events += 1
            made.append(
                Behavior(
                    event_id=f"e{self.n_events}",
                    user_id=self.rng.choice(USERS),
                    kind=self.rng.choice(("view", "click", "impression", "dismiss")),
                    occurred_at=now_ms() - self.rng.randrange(48 * HOUR),
                    surface=self.rng.choice(("search", "device", None)),
                    category=self.rng.choice(
                        (*deployed().categories[:5], None, "unknown")
                    ),
                    consent=True,
                )
            )
        return made

    def framed(self, events):
        return [(one.user_id.encode(), self.codec.encode(one)) for one in events]

    async def produce(self, pairs, **options):
        """Send pairs; note how far each partition goes; return where they are."""
        options = {"acks": "all", "linger_ms": 5, **options}
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap, **options)
        await producer.start()
        try:
            if "transactional_id" in options:
                async with producer.transaction():
                    return await self._send(producer, pairs)
            return await self._send(producer, pairs)
        finally:
            await producer.stop()

    async def _send(self, producer, pairs):
        sent = [
            await producer.send(self.topic, key=key, value=value)
            for key, value in pairs
        ]
        await producer.flush()
        places = [(one.partition, one.offset) for one in await asyncio.gather(*sent)]
        for partition, offset in places:
            self.ends[partition] = max(self.ends.get(partition, 0), offset + 1)
        return places

    async def abort(self, pairs):
        """Send pairs in a transaction that is aborted."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, transactional_id=f"{self.prefix}aborted"
        )
        await producer.start()
        await producer.begin_transaction()
        await self._send(producer, pairs)
        await producer.abort_transaction()
        await producer.stop()

    async def produce_poison(self):
        """Send every kind of bad record, one by one between good ones."""
        for pair in poison(self):
            await self.produce(self.framed(self.new_events(1)))
            ((place),) = await self.produce([pair], max_request_size=2_000_000)
            self.poison[place] = pair

    async def all_committed(self):
        """Whether the group is past all that was produced."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            group_id=f"{self.prefix}adloom-preferences-v1",
        )
        await consumer.start()
        try:
            return all(
                [
                    (await consumer.committed(TopicPartition(self.topic, one)) or 0)
                    >= end
                    for one, end in self.ends.items()
                ]
            )
        finally:
            await consumer.stop()


def poison(world):
    """(key, value) pairs that nobody can use."""
    (good,) = world.new_events(1)
    good = replace(good, user_id="user-1")
    encode = world.codec.encode
    value, key = encode(good), b"user-1"
    doubled = replace(good, value=1.5)
    return [
        (key, value[:-3]),
        (key, value + b"\0"),
        (key, b"\0\xff\xff\xff\xff" + value[5:]),
        (key, b"{" + value[1:]),
        (key, value.replace(b"e%d" % world.n_events, b"\xff\xfe!")[:200]),
        (key, b"\0" * 300_000),
        (b"someone-else", value),
        (None, value),
        (key, None),
        (b"a@b.example", encode(replace(good, user_id="a@b.example"))),
        (key, encode(replace(good, event_id="line\u2028end"))),
        (key, encode(replace(good, occurred_at=now_ms() // 1_000))),
        (key, encode(replace(good, occurred_at=now_ms() + 30 * HOUR))),
        (key, encode(replace(doubled, value=float("nan")))),
        (key, encode(replace(doubled, value=float("inf")))),
        (key, share(world, good)),
    ]


def share(world, event):
    """An event of a kind that only newer writers know."""
    values = values_of(world.rng, event) | {"kind": "share"}
    return message(world.writers["newer"], newer(schema_of(Behavior)), values)


def of_other_writers(world):
    """Pairs of an older and a newer writer, mixed."""
    pairs = []
    schemas = {"older": older(schema_of(Behavior)), "newer": newer(schema_of(Behavior))}
    for event in world.new_events(80):
        name = world.rng.choice(sorted(schemas))
        values = values_of(world.rng, event)
        value = message(world.writers[name], schemas[name], values)
        pairs.append((event.user_id.encode(), value))
    return pairs


def now_ms():
    return time.time_ns() // 1_000_000


async def admitted(world):
    """Events that the log holds for whoever reads it, by another client than ours.

    Those of an unknown category are added to the poison: they are dead letters too.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=world.bootstrap,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    found, left = [], {TopicPartition(world.topic, one) for one in world.ends}
    consumer.assign(left)
    try:
        while left:
            fetched = await consumer.getmany(timeout_ms=200)
            for records in fetched.values():
                found += [one for one in map(world_record(world), records) if one]
            left = {
                tp
                for tp in left
                if await consumer.position(tp) < world.ends[tp.partition]
            }
    finally:
        await consumer.stop()
    return found


def world_record(world):
    codec, now = world.codec, now_ms()

    def record(one):
        try:
            event = admit(BEHAVIOR, codec, one.key, one.value or b"", now)
        except AvroError:
            return None
        if event.category in (None, *deployed().categories):
            return event
        world.poison[one.partition, one.offset] = one.key, one.value
        return None

    return record


async def latest(world):
    """The newest record of everyone, by key."""
    codec = Codec(Preference, world.ids)
    connection = Connection(world.bootstrap)
    topic = f"{world.prefix}ads.preference.v1"
    return {
        one.key.decode(): codec.decode(one.value)
        async for one in read_to_end(connection, topic, range(N_PARTITIONS))
    }


async def dead_letters(world):
    """(partition, offset) -> (key, value) of the dead letters, and how often each."""
    connection = Connection(world.bootstrap)
    found, count = {}, Counter()
    async for letter in read_to_end(connection, f"dlq.{world.topic}", [0]):
        headers = dict(letter.headers)
        assert headers["__connect.errors.topic"] == world.topic.encode()
        assert headers["__connect.errors.exception.message"]
        place = (
            int(headers["__connect.errors.partition"]),
            int(headers["__connect.errors.offset"]),
        )
        found[place] = (letter.key, letter.value)
        count[place] += 1
    return found, count


def recomputed(events):
    """User id -> what the reference says of the events, in the log's order."""
    codec = Codec(Preference, LockedIds())
    settings = PreferencesSettings(duplicate_window=10**6)
    stage = ReferencePreferences(settings, deployed(), codec)
    stage.step(
        [
            Incoming(Behavior, event.user_id, event, 0, offset)
            for offset, event in enumerate(events)
        ],
        0,
    )
    return {row.key: codec.decode(row.value) for row in stage.take_dirty()}


def differing(records, expected):
    """The user ids whose record is not what the reference says."""
    users = records.keys() | expected.keys()
    return sorted(
        user
        for user in users
        if user not in records
        or user not in expected
        or not _is_equal(records[user], expected[user])
    )


def _is_equal(one, other):
    """Whether sums are close, and all else but the offsets is the same."""
    for name in ("weights", "exposures", "bursts"):
        sums = (np.frombuffer(getattr(record, name), "<f4") for record in (one, other))
        if not np.allclose(*sums, rtol=1e-4, atol=1e-5):
            return False
    counts = ("as_of", "n_events", "n_unclicked", "consent", "last_click_at")
    return all(getattr(one, name) == getattr(other, name) for name in counts)
