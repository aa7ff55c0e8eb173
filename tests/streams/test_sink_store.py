"""The sink's writing, on the real engine: repeats, crashes and erasure."""

import dataclasses

import pytest

from schemas.records import ModelRelease
from streams.errors import StateError, UnavailableError
from streams.sink.consumer import write
from streams.sink.erasures import Erasures
from streams.sink.intake import SinkIntake
from streams.sink.store import Store
from streams.sink.tables import Block
from tests.good_records import good
from tests.streams.sink_records import (
    IDS,
    NOW,
    a_click,
    a_feedback,
    a_made_creative,
    a_preference,
    a_profile,
    a_request,
    an_impression,
    message,
    tombstone,
)


@pytest.fixture
def store(clickhouse):
    return Store(clickhouse)


@pytest.fixture
def deliver(store):
    """A function that takes messages and writes them, as a sink that then dies."""

    def run(*messages):
        intake = SinkIntake(IDS)
        intake.erasures = Erasures(store.erasures())
        for one in messages:
            intake.take([one], NOW)
        write(intake, store)

    return run


@pytest.fixture
def count(clickhouse):
    """A function that counts the rows of a view or table."""

    def rows(source):
        sql = f"SELECT count() FROM {source}"  # noqa: S608 - the test's own words
        return clickhouse.query(sql).result_rows[0][0]

    return rows


def impressions(first, last):
    return [message(an_impression(n), offset=n) for n in range(first, last)]


def test_every_kind_of_record_is_written_and_read_back(deliver, count, clickhouse):
    creative = a_made_creative()

    deliver(
        message(an_impression()),
        message(a_profile()),
        message(a_preference()),
        message(a_request()),
        message(creative, key="u_1|feed-card"),
        message(a_feedback()),
        message(good(ModelRelease, released_at=NOW)),
    )

    tables = ["behavior", "profile", "preference", "creative_request", "creative"]
    for table in [*tables, "feedback", "model_release", "gate_verdict"]:
        assert count(table) == 1, table
    row = clickhouse.query(
        """SELECT toUnixTimestamp64Milli(created_at), copy_headline,
        hex(receipt_condition), tupleElement(assets[1], 'content') FROM creative"""
    ).result_rows[0]
    assert row == (
        NOW,
        creative.copy.headline,
        creative.receipt.condition.hex().upper(),
        creative.assets[0].content,
    )


def test_a_batch_that_is_written_again_changes_nothing(deliver, count):
    deliver(*impressions(0, 10))
    deliver(*impressions(0, 10))

    assert count("impressions") == 10
    assert count("behavior") == 10  # the second block was dropped by its token


def test_a_batch_that_is_cut_otherwise_is_one_row_per_event(deliver, count):
    deliver(*impressions(0, 7))
    deliver(*impressions(3, 10))
    deliver(*impressions(0, 2))

    assert count("impressions") == 10
    assert count("behavior FINAL") == 10


def test_the_same_offsets_with_other_contents_are_other_rows(deliver, count):
    """A topic that was made anew counts from 0 again."""
    deliver(*impressions(0, 3))
    deliver(*[message(an_impression(n + 100), offset=n) for n in range(3)])

    assert count("impressions") == 6


def test_a_repeated_event_is_one_row_also_across_months(deliver, count):
    event = an_impression()
    later = dataclasses.replace(event, occurred_at=NOW - 90 * 86_400_000)

    deliver(message(event, offset=0), message(later, offset=1))

    assert count("impressions") == 1


def test_the_latest_revision_of_feedback_wins(deliver, clickhouse):
    late = a_feedback(0, "click", revision=2)

    deliver(message(late, offset=0))
    deliver(message(a_feedback(0, "none", revision=1), offset=1))

    rows = clickhouse.query("SELECT outcome, revision FROM feedback FINAL").result_rows
    assert rows == [("click", 2)]


def test_a_tombstone_erases_from_every_table(deliver, count):
    about = ["behavior", "profile", "preference", "creative_request", "creative"]
    for user in ("u_1", "u_2"):
        deliver(
            message(an_impression(f"{user}", user_id=user)),
            message(a_profile(user)),
            message(a_preference(user)),
            message(a_request(f"r{user}", user)),
            message(a_made_creative(f"c{user}", user), key=f"{user}|feed-card"),
            message(a_feedback(f"{user}", user_id=user)),
        )

    deliver(tombstone("u_1", offset=1))

    for table in [*about, "feedback"]:
        assert count(f"{table} WHERE user_id = 'u_1'") == 0, table
        assert count(table) == 1, table


def test_a_log_replayed_from_its_beginning_resurrects_nobody(deliver, count):
    log = [*impressions(0, 5), message(a_profile()), tombstone("u_1", offset=1)]

    deliver(*log)
    deliver(*log[:3])
    deliver(*impressions(0, 5), message(a_click(1), offset=9))

    assert count("behavior") == 0
    assert count("erasure FINAL") == 1


def test_the_pseudonym_is_in_no_table_after_an_erasure(deliver, clickhouse):
    deliver(message(an_impression(user_id="u_gone")), message(a_profile("u_gone")))
    deliver(tombstone("u_gone", offset=1))

    tables = clickhouse.query("SHOW TABLES").result_columns[0]
    hits = [
        table
        for table in tables
        if "u_gone" in str(clickhouse.query(f"FROM {table} SELECT *").result_rows)
    ]
    assert not hits


def test_a_person_who_came_back_keeps_the_new_rows(deliver, count):
    deliver(message(an_impression(1, at=NOW - 9)), tombstone("u_1"))
    deliver(message(a_profile(at=NOW), offset=2))
    deliver(message(an_impression(2, at=NOW + 1), offset=1))
    deliver(message(an_impression(1, at=NOW - 9)))

    assert count("impressions") == 1
    assert count("profile") == 1


def test_rows_of_others_come_back_when_their_block_is_retried(deliver, count):
    """A crash between the rows and the commit, with an erasure in the same batch."""
    batch = [
        message(an_impression(1), offset=0),
        message(an_impression(2, user_id="u_2"), offset=1),
        tombstone("u_1"),
    ]
    deliver(*batch)
    deliver(*batch)

    assert count("impressions WHERE user_id = 'u_2'") == 1
    assert count("impressions") == 1


def test_a_block_that_fits_no_table_is_refused_at_once(store):
    with pytest.raises(StateError, match="UNKNOWN_TABLE"):
        store.insert(Block("nowhere", ("a",), [[1]]), "token")


def test_a_store_that_stays_away_ends_the_sink():
    class Away:
        """A client whose server is gone: the error is the driver's own."""

        def query(self, *_args, **_kwargs):
            raise ConnectionRefusedError

    with pytest.raises(UnavailableError, match="cannot be reached"):
        Store(Away(), give_up_s=0.5).erasures()
