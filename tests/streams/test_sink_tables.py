import dataclasses

import pytest
from hypothesis import given, strategies as st

from schemas.records import CategoryShift, ModelRelease, TextSignal, Verdict
from streams.sink.tables import (
    Row,
    blocks_of,
    columns_of,
    instant_of,
    person_of,
    unrepresentable_instant,
)
from tests.good_records import good
from tests.streams.sink_records import NOW, a_feedback, a_made_creative, an_impression


def row(record, offset=0):
    return Row(record, "topic", 1, offset)


def by_name(block):
    return dict(zip(block.names, block.columns, strict=True))


def test_a_flat_record_is_one_column_a_field_and_where_it_came_from():
    (block,) = blocks_of([row(an_impression(1), 5), row(an_impression(2), 6)])

    columns = by_name(block)
    assert block.table == "behavior"
    assert columns["event_id"] == ["i1", "i2"]
    assert columns["occurred_at"] == [NOW, NOW]
    assert columns["value"] == [None, None]
    assert columns["_offset"] == [5, 6]
    assert columns["_partition"] == [1, 1]


def test_nested_records_carry_their_name_in_front():
    creative = a_made_creative()
    (block,) = blocks_of([row(creative)])

    columns = by_name(block)
    assert columns["copy_headline"] == [creative.copy.headline]
    assert columns["receipt_arm"] == ["champion"]
    assert columns["design_continuous"] == [{"contrast": 0.5}]
    asset = creative.assets[0]
    assert columns["assets"][0][0] == (
        asset.name,
        asset.media_type,
        asset.width_px,
        asset.height_px,
        asset.content,
    )


def test_a_design_that_is_missing_is_an_empty_one():
    (block,) = blocks_of([row(a_feedback())])

    assert by_name(block)["design_categorical"] == [{}]


def test_lists_of_records_are_lists_of_tuples():
    shifts = (CategoryShift(category="yoga", weight=0.5),)
    signal = good(TextSignal, keywords=("a", "b"), shifts=shifts)
    columns = by_name(blocks_of([row(signal)])[0])

    assert columns["keywords"] == [["a", "b"]]
    assert columns["shifts"] == [[("yoga", 0.5)]]


def a_release(*gates):
    verdicts = tuple(
        Verdict(gate=gate, result="pass", value=1.0, threshold=0.5, detail="")
        for gate in gates
    )
    return good(ModelRelease, verdicts=verdicts)


def test_the_verdicts_of_a_release_are_rows_of_their_own():
    release, verdicts = blocks_of([row(a_release("parity", "rules")), row(a_release())])

    assert release.n_rows == 2
    assert "verdicts" not in release.names
    columns = by_name(verdicts)
    assert columns["gate"] == ["parity", "rules"]
    assert columns["version"] == [2, 2]


def test_a_release_without_verdicts_has_no_rows_of_verdicts():
    assert [block.table for block in blocks_of([row(a_release())])] == ["model_release"]


@given(st.integers())
def test_an_instant_fits_or_says_why(at):
    record = dataclasses.replace(an_impression(), occurred_at=at)
    fits = 0 <= at < 9_000_000_000_000

    assert (unrepresentable_instant(record) is None) == fits


@pytest.mark.parametrize("late", ["expires_at", "created_at"])
def test_every_instant_of_a_record_is_looked_at(late):
    creative = dataclasses.replace(a_made_creative(), **{late: 2**60})

    assert late in unrepresentable_instant(creative)


def test_a_record_tells_whom_and_when_it_is_about():
    assert person_of(an_impression(user_id="u_9")) == "u_9"
    assert instant_of(a_feedback()) == NOW
    assert person_of(a_release()) is None


def test_columns_follow_from_the_record_alone():
    assert "receipt_model_sha256" in columns_of(type(a_made_creative()))
