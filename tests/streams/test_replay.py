"""The Open Bandit replay against pandas, and against a broker."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior
from streams.demo.replay import (
    DISORDER_MS,
    bundled_log,
    counts_of,
    expected_cells,
    placement_of,
    replay,
    replay_events,
)
from streams.errors import ConfigurationError, UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.topics import BEHAVIOR

SHARED = Path(__file__).parents[3] / "shared" / "data"


def _cells(events):
    """(impressions, clicks) per (placement, item), each event id once."""
    once = {event.event_id: event for event in events}.values()
    shown = Counter((e.placement, e.item) for e in once if e.kind == "impression")
    clicked = Counter((e.placement, e.item) for e in once if e.kind == "click")
    return {cell: (n, clicked[cell]) for cell, n in shown.items()}


@pytest.fixture(scope="module")
def events():
    return replay_events(bundled_log(), seed=1)


def test_every_cell_equals_what_pandas_counts(events):
    pytest.importorskip("pandas")
    expected = {
        (placement_of(policy, position), item): counts
        for (policy, item, position), counts in expected_cells(bundled_log()).items()
    }
    assert _cells(events) == expected


def test_the_bundled_slice_has_8000_impressions_and_53_clicks(events):
    counts = counts_of(events)
    assert (counts.impressions, counts.clicks) == (8_000, 53)
    assert counts.sent == len(events)


def test_the_bundled_slice_is_small_and_says_whose_it_is():
    files = list(bundled_log().glob("*.csv.gz"))
    assert len(files) == 2
    assert sum(file.stat().st_size for file in files) <= 150_000
    assert "Apache License" in (bundled_log() / "NOTICE.txt").read_text("utf-8")


def test_about_5_percent_are_duplicates_and_they_are_equal(events):
    counts = counts_of(events)
    assert 0.04 < counts.duplicates_sent / (counts.impressions + counts.clicks) < 0.06
    assert len(set(events)) == counts.impressions + counts.clicks


def test_events_arrive_out_of_order_but_by_no_more_than_two_minutes(events):
    latest, behind = 0, []
    for event in events:
        latest = max(latest, event.occurred_at)
        behind.append(latest - event.occurred_at)
    assert 0 < max(behind) <= 2 * DISORDER_MS


def test_the_same_seed_gives_the_same_events_and_another_seed_another_order(events):
    assert replay_events(bundled_log(), seed=1) == events
    other = replay_events(bundled_log(), seed=2)
    assert other != events
    assert _cells(other) == _cells(events)


def test_the_full_log_has_20000_impressions_and_115_clicks():
    if not SHARED.exists():
        pytest.skip("../shared/data is not here")
    counts = counts_of(replay_events(SHARED, seed=1))
    assert (counts.impressions, counts.clicks) == (20_000, 115)


def test_every_click_belongs_to_an_impression_of_the_same_user(events):
    shown = {e.impression_id: e.user_id for e in events if e.kind == "impression"}
    clicks = [e for e in events if e.kind == "click"]
    assert clicks
    assert all(shown[click.impression_id] == click.user_id for click in clicks)


def test_a_folder_without_the_log_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"obd_men_random\.csv\.gz"):
        replay_events(tmp_path, seed=1)


def test_a_file_that_is_no_log_is_refused(tmp_path):
    for policy in ("random", "bts"):
        rows = gzip.compress(b",timestamp\n0,yesterday\n")
        (tmp_path / f"obd_men_{policy}.csv.gz").write_bytes(rows)
    with pytest.raises(ConfigurationError, match="is not an Open Bandit log"):
        replay_events(tmp_path, seed=1)


async def test_every_record_reaches_the_topic_under_its_users_key(
    broker, make_topics, read_topic, events
):
    progress = []
    topic = make_topics(broker) + BEHAVIOR.name
    counts = await replay(
        Connection(broker),
        events[:3_000],
        topic=topic,
        on_progress=lambda *at: progress.append(at),
    )
    codec = Codec(Behavior, LockedIds())
    records = await read_topic(broker, topic, counts.sent)
    assert Counter(codec.decode(r.value) for r in records) == Counter(events[:3_000])
    assert all(codec.decode(r.value).user_id.encode() == r.key for r in records)
    assert progress[-1] == (3_000, 3_000)


async def test_a_missing_broker_is_said_in_one_sentence(events):
    with pytest.raises(UnavailableError, match="no Kafka broker answers at 127"):
        await replay(Connection("127.0.0.1:9"), events[:1])
