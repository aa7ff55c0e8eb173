"""The sink's columns say what its rows say, on the real engine."""

import dataclasses
import math
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from schemas.records import Behavior, Design, Feedback, Preference
from streams.columns.decoder import Decoder
from streams.columns.payload import Payload
from streams.sink.consumer import write
from streams.sink.cuts import WINDOW, arrow_blocks
from streams.sink.designs import CHOICES, NUMBERS, entries_in_python
from streams.sink.erasures import Erasures
from streams.sink.flat import FLAT
from streams.sink.intake import SinkIntake
from streams.sink.store import Store
from streams.sink.tables import TABLES, blocks_of
from tests.streams.hostile_records import generator, mutated
from tests.streams.kernels import kernel, needs_kernels
from tests.streams.sink_record_sets import record_set
from tests.streams.sink_records import (
    IDS,
    NOW,
    a_click,
    a_feedback,
    a_preference,
    a_profile,
    an_impression,
    message,
    tombstone,
)

STRINGS = kernel("columns._strings")
KINDS = ["impression", "click", "conversion", "view", "search", "dismiss"]
NAMES = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=9)

behaviors = st.builds(
    an_impression,
    number=st.integers(0, 99),
    user_id=st.sampled_from(["u_1", "u_2"]),
    kind=st.sampled_from(KINDS),
    at=st.integers(NOW - 10**9, NOW),
    creative_id=st.none() | NAMES,
    impression_id=st.none() | NAMES,
    placement=st.none() | NAMES,
    surface=st.sampled_from([None, "search", "social", "video", "device"]),
    category=st.none() | NAMES,
    item=st.none() | NAMES,
    value=st.none() | st.floats(0, 1e12),
    consent=st.booleans(),
    user_agent=st.none() | st.text(max_size=20),
)


DESIGN = Design(categorical={"hue": "blue"}, continuous={"size": 1.5, "x": -0.25})


def weights(*values):
    return np.resize(np.array(values, "<f4"), 64).tobytes()


preferences = st.builds(
    a_preference,
    st.sampled_from(["u_1", "u_2"]),
    half_lives_s=st.sampled_from([(3_600,), (60,)]),
    weights=st.builds(weights, st.floats(0, 99, width=32)),
    n_events=st.integers(0, 10**9),
    language=st.sampled_from([None, "en", "zh"]),
    behavior_offset=st.integers(-1, 10**12),
    last_click_at=st.sampled_from([0, NOW]),
    exposures=st.binary(max_size=4).map(lambda one: one * 4),
)


SHORT = st.text(
    st.characters(exclude_categories=["C", "Zl", "Zp"]), min_size=1, max_size=20
)

designs = st.builds(
    Design,
    categorical=st.dictionaries(SHORT, SHORT, max_size=5),
    continuous=st.dictionaries(
        SHORT, st.floats(allow_nan=False, allow_infinity=False), max_size=5
    ),
)

feedbacks = st.builds(
    a_feedback,
    number=st.integers(0, 99),
    outcome=st.sampled_from(["none", "click", "conversion", "dismiss"]),
    arm=st.sampled_from(["control", "champion", "ü"]),
    revision=st.integers(0, 2**31 - 1),
    user_id=st.sampled_from(["u_1", "u_2"]),
    value=st.none() | st.floats(0, 1e12),
    valid=st.booleans(),
    delay_ms=st.none() | st.integers(0, 10**12),
    creative_id=st.none() | NAMES,
    placement=st.none() | NAMES,
    surface=st.sampled_from([None, "search", "social", "video", "device"]),
    category=st.none() | NAMES,
    item=st.none() | NAMES,
    propensity=st.none() | st.floats(0, 1, exclude_min=True),
    condition=st.none() | st.builds(weights, st.floats(0, 99, width=32)),
    design=st.none() | designs,
)


@pytest.fixture
def rows_by(clickhouse):
    """A function that writes what an intake took and reads a table back."""

    def read(intake, table):
        clickhouse.command(f"TRUNCATE TABLE {table}")
        write(intake, Store(clickhouse))
        sql = f"SELECT * EXCEPT _ingested_at FROM {table} ORDER BY _partition, _offset"  # noqa: S608 - the test's own words
        return clickhouse.query(sql).result_rows

    return read


def both_ways(messages, tombstones=()):
    """Return two intakes: of record sets, and of the messages one by one."""
    columnar, one_by_one = SinkIntake(IDS), SinkIntake(IDS)
    for intake in (columnar, one_by_one):
        intake.take(tombstones, NOW)
    columnar.take_records(record_set(messages), 0, NOW)
    one_by_one.take(messages, NOW)
    return columnar, one_by_one


def by_column(intake):
    """Return what waits, by column, whichever way it was read."""
    for batches in intake.batches_to_write().values():
        content = pa.Table.from_batches(batches)
        return {
            name: [
                _plain(value)
                for value in content.column(name).to_pylist(maps_as_pydicts="strict")
            ]
            for name in content.column_names
        }
    (rows,) = intake.rows_to_write().values()
    (block,) = blocks_of(rows)
    return dict(zip(block.names, block.columns, strict=True))


def _plain(value):
    if isinstance(value, datetime):
        return round(value.timestamp() * 1_000)
    return value


@pytest.mark.parametrize("records", [behaviors, preferences, feedbacks])
def test_columns_are_the_rows_that_the_codec_makes(records):
    @settings(max_examples=60)
    @given(st.lists(records, min_size=1, max_size=12))
    def equal(content):
        messages = [message(one, offset=n) for n, one in enumerate(content)]
        columnar, one_by_one = both_ways(messages)

        assert columnar.pending.n_rows == 0
        assert by_column(columnar) == by_column(one_by_one)

    equal()


@pytest.mark.parametrize(
    ("table", "content"),
    [
        ("behavior", [an_impression(n, surface="video", value=n) for n in range(9)]),
        ("behavior", [an_impression(1), a_click(2, category="ü", user_agent="")]),
        ("preference", [a_preference(), a_preference("u_2", language="en")]),
        ("feedback", [a_feedback(1), a_feedback(2, design=DESIGN, value=2.5)]),
    ],
)
def test_clickhouse_keeps_of_columns_what_it_keeps_of_rows(table, content, rows_by):
    messages = [message(one, offset=n) for n, one in enumerate(content)]
    columnar, one_by_one = both_ways(messages)

    assert columnar.pending.n_rows == 0
    assert rows_by(columnar, table) == rows_by(one_by_one, table)


@pytest.mark.parametrize(
    ("table", "make"),
    [
        ("behavior", lambda n: an_impression(n, value=n / 7)),
        ("feedback", lambda n: a_feedback(n, design=DESIGN)),
        ("preference", lambda n: a_preference(n_events=n)),
    ],
)
def test_columns_are_the_same_by_the_references(monkeypatch, rows_by, table, make):
    messages = [message(make(n), offset=n) for n in range(9)]
    first = rows_by(both_ways(messages)[0], table)

    for module in ("columns.decoder", "columns.strings", "sink.designs"):
        monkeypatch.setattr(f"streams.{module}._KERNEL", None)
    again, _ = both_ways(messages)

    assert again.pending.n_columnar_rows == 9
    assert rows_by(again, table) == first


@pytest.mark.parametrize(
    "changes",
    [
        {"weights": weights(math.nan)},
        {"weights": weights(1.0)[:-4]},
        {"half_lives_s": (0,)},
        {"half_lives_s": (), "weights": b""},
        {"last_click_at": 2**60},
        {"withdrawn_at": -1},
        {"as_of": 0},
    ],
)
def test_a_preference_that_the_admission_refuses_is_passed_over(changes):
    content = [a_preference(n_events=n) for n in range(4)]
    content[2] = dataclasses.replace(content[2], **changes)

    columnar, _ = both_ways([message(one) for one in content])

    assert columnar.pending.n_columnar_rows == 3
    assert columnar.skipped == {"ads.preference.v1": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"condition": b"123"},
        {"condition": weights(math.inf)},
        {"condition": bytes(4 * 1_025)},
        {"propensity": 0.0},
        {"reward": 1.5},
        {"decided_at": 0},
        {"design": Design(categorical={"": "a"}, continuous={})},
        {"design": Design(categorical={"a": "b\n"}, continuous={})},
        {"design": Design(categorical={"a": "b" * 129}, continuous={})},
        {"design": Design(categorical={}, continuous={"a": math.nan})},
        {"design": Design(categorical={}, continuous={"a": -math.inf})},
    ],
)
def test_feedback_that_the_admission_refuses_is_passed_over(changes):
    content = [a_feedback(n, condition=weights(1.0)) for n in range(4)]
    content[2] = dataclasses.replace(content[2], **changes)
    messages = [message(one, offset=n) for n, one in enumerate(content)]

    columnar, one_by_one = both_ways(messages)

    n_columnar, n_single = columnar.pending.n_columnar_rows, columnar.pending.n_rows
    assert n_columnar + n_single == 3
    assert columnar.skipped == one_by_one.skipped == {"ads.feedback.v1": 1}


def test_bad_records_are_judged_one_by_one():
    good = [message(an_impression(n), offset=n) for n in range(6)]
    good[1] = dataclasses.replace(good[1], value=b"junk")
    good[3] = dataclasses.replace(good[3], key=b"somebody else")
    good[4] = message(an_impression(4, creative_id="a\nb"), offset=4)

    columnar, one_by_one = both_ways(good)

    assert columnar.skipped == one_by_one.skipped == {"ads.behavior.v1": 3}
    assert columnar.pending.n_columnar_rows == 3
    assert columnar.pending.next_offsets == one_by_one.pending.next_offsets


def test_records_of_other_kinds_are_read_from_record_sets_too():
    messages = [message(a_profile(at=NOW + n), offset=n) for n in range(3)]

    columnar, one_by_one = both_ways(messages)

    assert columnar.rows_to_write() == one_by_one.rows_to_write()


@pytest.mark.parametrize("record", FLAT)
def test_dictionaries_are_what_the_tables_keep_as_low_cardinality(record, clickhouse):
    described = clickhouse.query(f"DESCRIBE TABLE {TABLES[record]}").result_rows
    low = {row[0] for row in described if row[1].startswith("LowCardinality")}
    intake = SinkIntake(IDS)

    sample = {
        Behavior: an_impression,
        Preference: a_preference,
        Feedback: a_feedback,
    }[record]
    intake.take_records(record_set([message(sample())]), 0, NOW)

    (((batch,),)) = intake.pending.batches.values()
    dictionaries = {
        field.name for field in batch.schema if pa.types.is_dictionary(field.type)
    }
    assert dictionaries == low


def test_what_was_read_before_is_left_out():
    intake = SinkIntake(IDS)
    messages = [message(an_impression(n)) for n in range(10)]

    intake.take_records(record_set(messages), 7, NOW)

    (batch,) = intake.pending.batches["ads.behavior.v1"]
    assert batch.column("_offset").to_pylist() == [7, 8, 9]


def test_a_tombstone_takes_columns_that_wait_and_that_come_later(rows_by):
    mine = [message(an_impression(n), offset=n) for n in range(3)]
    others = [message(an_impression(n, user_id="u_2"), offset=n) for n in range(3, 6)]
    intake = SinkIntake(IDS)

    intake.take_records(record_set(mine), 0, NOW)
    intake.take([tombstone("u_1", offset=1)], NOW)
    intake.take_records(record_set([*others, *mine], base_offset=3), 0, NOW)

    assert {row[1] for row in rows_by(intake, "behavior")} == {"u_2"}


def test_columns_since_a_return_are_kept():
    intake = SinkIntake(IDS)
    intake.take([tombstone("u_1"), message(a_profile(at=NOW), offset=1)], NOW)

    events = [an_impression(n, at=NOW + n - 2) for n in range(4)]
    intake.take_records(record_set(message(one) for one in events), 0, NOW)

    (batch,) = intake.pending.batches["ads.behavior.v1"]
    assert batch.column("event_id").to_pylist() == ["i2", "i3"]


@given(st.lists(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_a_stranger_is_who_was_never_erased(asked, erased):
    erasures = Erasures()
    assert erasures.strangers(asked) == set(asked)
    for user in erased:
        erasures.erase(user)

    assert erasures.strangers(asked) == set(asked) - erased
    assert erasures.strangers(asked) == set(asked) - erased


@pytest.mark.parametrize("n_batches", [1, 3])
def test_an_event_that_comes_twice_is_one_row(n_batches, rows_by, clickhouse):
    events = [an_impression(n % 5) for n in range(20)] + [a_click(1)]
    intake = SinkIntake(IDS)
    for _ in range(n_batches):
        intake.take_records(record_set(message(one) for one in events), 0, NOW)

    rows_by(intake, "behavior")

    for view, n_rows in (("impressions", 5), ("clicks", 1), ("behavior FINAL", 6)):
        sql = f"SELECT count() FROM {view}"  # noqa: S608 - the test's own words
        assert clickhouse.query(sql).result_rows == [(n_rows,)], view


def blocks(first, last, at_once):
    """Return the blocks of a partition's records, read so many at once."""
    intake = SinkIntake(IDS)
    for start in range(first, last, at_once):
        some = [message(an_impression(n)) for n in range(start, start + at_once)]
        intake.take_records(record_set(some, base_offset=start), 0, NOW)
    (batches,) = intake.pending.batches.values()
    return list(arrow_blocks("ads.behavior.v1", "behavior", batches))


def test_a_window_of_offsets_is_cut_the_same_way_whatever_was_read_with_it():
    first, last = WINDOW - 20, WINDOW + 10

    complete, filling = blocks(first, last, 30)
    again, _ = blocks(first, last + 30, 5)

    assert (complete.n_rows, filling.n_rows) == (20, 10)
    assert f"0:{first}-{WINDOW - 1}|" in complete.token
    assert again.token == complete.token
    assert filling.token != complete.token


def test_other_contents_at_the_same_offsets_have_another_name():
    def token(**changes):
        intake = SinkIntake(IDS)
        intake.take_records(record_set([message(an_impression(**changes))]), 0, NOW)
        (batches,) = intake.pending.batches.values()
        (block,) = arrow_blocks("t", "behavior", batches)
        return block.token

    assert token() == token()
    assert len({token(), token(number=5), token(at=NOW - 1)}) == 3


def test_partitions_that_are_being_filled_share_a_block():
    intake = SinkIntake(IDS)
    for partition in (1, 0):
        one = message(an_impression(partition), partition=partition)
        intake.take_records(record_set([one]), 0, NOW)
    (batches,) = intake.pending.batches.values()

    (block,) = arrow_blocks("t", "behavior", batches)

    assert block.n_rows == 2
    assert block.token.startswith("t|0:0-0,1:0-0|")


def test_the_same_block_again_changes_nothing(clickhouse):
    for _ in range(2):
        intake = SinkIntake(IDS)
        intake.take_records(record_set([message(an_impression(1))] * 3), 0, NOW)
        write(intake, Store(clickhouse))

    assert clickhouse.query("SELECT count() FROM behavior").result_rows == [(3,)]


@needs_kernels
def test_a_name_that_comes_twice_in_a_design_counts_once_and_the_last_time():
    one = message(a_feedback(design=DESIGN), offset=0)
    twice = one.value.replace(b"\x04\x08size", b"\x04\x08size").replace(
        b"\x02x", b"\x08size"
    )
    messages = [dataclasses.replace(one, value=twice)]

    columnar, one_by_one = both_ways(messages)

    assert columnar.rows_to_write() == one_by_one.rows_to_write()
    (row,) = columnar.rows_to_write()["ads.feedback.v1"]
    assert row.record.design.continuous == {"size": -0.25}


@settings(max_examples=200)
@given(st.lists(st.tuples(feedbacks, st.integers(0, 2**32)), min_size=1, max_size=6))
def test_spoilt_feedback_is_what_the_codec_makes_of_it(content):
    messages = [message(one, offset=n) for n, (one, _) in enumerate(content)]
    spoilt = [
        dataclasses.replace(one, value=mutated(generator(seed), one.value))
        for one, (_, seed) in zip(messages, content, strict=True)
    ]

    columnar, one_by_one = both_ways([*spoilt, *messages])

    assert columnar.skipped == one_by_one.skipped
    assert n_rows(columnar) == n_rows(one_by_one)


def n_rows(intake):
    return intake.pending.n_rows + intake.pending.n_columnar_rows


spans_of_designs = st.lists(st.none() | designs, max_size=6)


@given(spans_of_designs, st.sampled_from([CHOICES, NUMBERS]))
@needs_kernels
def test_the_kernel_finds_the_entries_of_the_reference(content, which):
    reader = Decoder(Feedback, IDS, ("design",), "user_id")
    messages = [message(a_feedback(n, design=one)) for n, one in enumerate(content)]
    payloads = record_set(messages).payloads if messages else ()
    columns = reader.decode(payloads, 0, NOW)
    args = (columns.payloads, columns.row_starts, columns.slot("design").copy(), which)
    ours, theirs = STRINGS.entries(*args), entries_in_python(*args)
    assert [one.tolist() for one in ours] == [one.tolist() for one in theirs]


@needs_kernels
@pytest.mark.parametrize(
    "content", [b"", b"\x01", b"\x02\x02a", b"\x02\x80", b"\x04\0\0"]
)
def test_a_span_that_points_at_no_design_is_an_error(content):
    payload, starts = Payload(content, 1, 0, 0), np.array([0, 1])
    for length in range(len(content) + 2):
        with pytest.raises(ValueError, match="no design"):
            STRINGS.entries([payload], starts, np.array([length]), NUMBERS)
