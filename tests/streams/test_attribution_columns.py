"""Attribution's kernel, in columns and in records, means what its reference means."""

from dataclasses import replace

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from schemas.records import Behavior, Creative
from streams.demo.replay import bundled_log, replay_events
from streams.engine.stage import ColumnarStage, Incoming, StateRow
from streams.settings import AttributionSettings
from streams.stages.attribution.impression import unpacked
from streams.stages.attribution.stage import Attribution
from tests.streams.attribution_events import (
    CLICK,
    CORRECTION,
    FEEDBACK,
    IDS,
    NOW,
    SECOND,
    SingleRecords,
    behaviours,
    columns,
    incoming,
)
from tests.streams.creative_records import a_creative
from tests.streams.kernels import needs_kernels

pytestmark = needs_kernels

SETTINGS = AttributionSettings(click_window_s=10, correction_window_s=100)
GONE = NOW + 10 * CORRECTION
HEAD_BYTES = 17


def new_stage():
    return SingleRecords(SETTINGS, IDS)


def reference():
    return SingleRecords(SETTINGS, IDS, use_compiled=False)


def a_known_creative(name):
    creative = a_creative(creative_id=name, user_id="u1")
    return replace(creative, created_at=NOW, expires_at=NOW + 60 * SECOND)


def learn(stage, name, now):
    creative = a_known_creative(name)
    return stage.step([Incoming(Creative, "u1|feed-card", creative, 0, 0)], now)


def messages(outgoing):
    return sorted((out.key, out.value) for out in outgoing)


def state_of(log):
    """Return what a changelog says: impressions by id, other rows by key."""
    latest = {row.key: row.value for row in log}
    rows = {key: value for key, value in latest.items() if value is not None}
    shown = {}
    segments = {int(key[2:]): rows[key] for key in rows if key.startswith("s:")}
    for number in sorted(segments):
        for one in unpacked(segments[number][HEAD_BYTES:], number):
            shown[one.key] = {
                name: getattr(one, name) for name in one.__slots__ if name != "segment"
            }
    return shown, {key: rows[key] for key in rows if not key.startswith("s:")}


def test_the_engine_takes_it_for_a_columnar_stage():
    stage = Attribution(SETTINGS)
    assert isinstance(stage, ColumnarStage)
    assert list(stage.columnar) == [Behavior]


def test_the_reference_takes_no_columns():
    assert not reference().columnar
    with pytest.raises(ValueError, match="Behavior does not come as columns"):
        reference().fold(Behavior, 0, columns([]), NOW)


def test_only_behaviour_comes_as_columns():
    with pytest.raises(ValueError, match="Creative"):
        Attribution(SETTINGS).fold(Creative, 0, columns([]), NOW)


# -- kernel and reference --------------------------------------------------------------

turns = st.lists(
    st.tuples(
        st.integers(1, 12),
        st.sampled_from([0, 1, 400, CLICK, CORRECTION]),
        st.sampled_from(["nothing", "c1", "c2", "checkpoint", "withdraw"]),
        st.booleans(),
    ),
    min_size=4,
    max_size=12,
)


def play(stage, events, plan):
    """Return the messages and the changelog of a log in batches."""
    sent, log, now, at = [], [], NOW, 0
    for size, later, extra, by_columns in plan:
        batch = events[at : at + size]
        at += size
        if by_columns and stage.columnar:
            sent += stage.fold(Behavior, 0, columns(batch), now) if batch else []
            sent += stage.tick(now)
        else:
            sent += stage.step(incoming(batch), now)
        now += later
        if extra == "checkpoint":
            log += stage.take_dirty()
        elif extra == "withdraw":
            sent += stage.step([Incoming(Creative, "u1|feed-card", None, 0, 0)], now)
        elif extra != "nothing":
            sent += learn(stage, extra, now)
    return messages(sent), log + stage.take_dirty(), now


@hypothesis_settings(max_examples=200)
@given(behaviours(), turns)
def test_the_kernel_equals_the_reference(events, plan):
    left, right = new_stage(), reference()
    sent, log, now = play(left, events, plan)
    expected, expected_log, _ = play(right, events, plan)
    assert sent == expected
    assert state_of(log) == state_of(expected_log)
    assert left.counts == right.counts
    for later in (1, CLICK - 1, CLICK, CORRECTION, CORRECTION + CLICK, 10 * CORRECTION):
        assert messages(left.tick(now + later)) == messages(right.tick(now + later))
        assert len(left) == len(right)


@hypothesis_settings(max_examples=60)
@given(behaviours(), st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_where_batches_end_changes_no_outcome(events, sizes):
    ends = []
    for plan in ([len(events)], sizes):
        stage, sent, rest = new_stage(), [], list(events)
        while rest:
            for size in plan:
                batch, rest = rest[:size], rest[size:]
                sent += stage.fold(Behavior, 0, columns(batch), NOW) if batch else []
                sent += stage.tick(NOW)
        sent += stage.tick(NOW + CLICK)
        best = {}
        for out in sent:
            one = FEEDBACK.decode(out.value)
            key = one.impression_id
            best[key] = max(best.get(key, one), one, key=lambda each: each.revision)
        ends.append((best, state_of(stage.take_dirty()), stage.counts))
    assert ends[0] == ends[1]


def test_the_open_bandit_log_gives_the_feedback_of_the_reference():
    events = replay_events(bundled_log(), seed=1)[:3_000]
    newest = max(event.occurred_at for event in events)
    now = newest + SECOND
    left = SingleRecords(AttributionSettings(), IDS)
    right = SingleRecords(AttributionSettings(), IDS, use_compiled=False)
    sent, expected = [], []
    for start in range(0, len(events), 500):
        batch = events[start : start + 500]
        sent += left.fold(Behavior, 0, columns(batch), now) + left.tick(now)
        expected += right.step(incoming(batch), now)
    day = 86_400 * SECOND
    sent, expected = sent + left.tick(now + day), expected + right.tick(now + day)
    assert messages(sent) == messages(expected)
    n_shown = len({event.impression_id for event in events})
    assert len({FEEDBACK.decode(out.value).impression_id for out in sent}) == n_shown


# -- the changelog --------------------------------------------------------------------


@hypothesis_settings(max_examples=80)
@given(behaviours(), behaviours(), turns, st.lists(st.booleans(), min_size=3))
def test_a_restored_stage_goes_on_as_if_nothing_had_happened(
    events, more, plan, choices
):
    """Whoever of the two wrote the changelog, and whoever reads it."""
    is_kernel, row_by_row, *restarts = choices
    stage = new_stage() if is_kernel else reference()
    _, log, now = play(stage, events, plan)
    stage.tick(now)
    log += stage.take_dirty()
    restored = new_stage() if restarts[0] else reference()
    for chunk in [[row] for row in log] if row_by_row else [log]:
        restored.restore(chunk)
    assert len(restored) == len(stage)
    assert restored.take_dirty() == []
    # Event time is as new as the newest event that comes.
    newest = replace(many(1)[0], kind="view")
    batch = incoming([newest, *more])
    for number, later in enumerate((0, 1, CLICK, CORRECTION, 10 * CORRECTION)):
        for one in (stage, restored):
            one.sent = one.step(batch, now + later)
        assert messages(stage.sent) == messages(restored.sent)
        ours, theirs = stage.take_dirty(), restored.take_dirty()
        assert state_of(log + ours) == state_of(log + theirs)
        log += ours
        restored = new_stage() if restarts[number % len(restarts)] else reference()
        restored.restore(log)
        assert len(restored) == len(stage)


def many(n, at=NOW):
    return [
        Behavior(
            event_id=f"e{i}",
            impression_id=f"impression-{i:06d}",
            user_id=f"u{i % 99}",
            kind="impression",
            occurred_at=at,
            creative_id="fallback-1",
            consent=True,
        )
        for i in range(n)
    ]


def test_many_impressions_share_a_row_and_all_rows_go_in_the_end():
    stage, n = new_stage(), 5_000
    stage.fold(Behavior, 0, columns(many(n)), NOW)
    log = stage.take_dirty()
    assert 2 < len(log) < 12
    assert max(len(row.value) for row in log) < 70_000
    assert len(stage.tick(NOW + CLICK)) == n
    log += stage.take_dirty()
    stage.tick(GONE)
    log += stage.take_dirty()
    assert len(stage) == 0
    assert {row.key for row in log if row.value is not None} == {
        row.key for row in log if row.value is None
    }


def test_a_segment_that_keeps_one_impression_brings_back_no_other():
    stage = new_stage()
    late = replace(many(1)[0], impression_id="late")
    stage.fold(Behavior, 0, columns(many(20, NOW - 120 * SECOND)), NOW)
    stage.fold(Behavior, 0, columns([late]), NOW)
    stage.tick(NOW + CLICK)
    log = stage.take_dirty()
    stage.tick(NOW + CLICK + 1)
    assert len(stage) == 1
    log += stage.take_dirty()
    restored = new_stage()
    restored.restore(log)
    assert len(restored) == 1
    assert restored.tick(NOW + CLICK + 2) == []


@pytest.mark.parametrize("cut", [1, 10, 29, 31, 60])
def test_a_segment_that_is_cut_off_is_an_error(cut):
    stage = new_stage()
    stage.fold(Behavior, 0, columns(many(2)), NOW)
    (row,) = stage.take_dirty()
    for other in (new_stage(), reference()):
        with pytest.raises(ValueError, match="cut off"):
            other.restore([StateRow(0, row.key, row.value[:-cut])])


def test_a_segment_of_a_newer_release_is_an_error():
    with pytest.raises(ValueError, match="newer release"):
        new_stage().restore([StateRow(0, "s:1", b"\x09" + bytes(16))])


# -- input that means ill --------------------------------------------------------------


def test_robots_stay_robots_when_more_agents_come_than_are_remembered():
    stage = new_stage()
    events = [
        replace(one, user_agent=f"curl/{i}" if i % 2 else f"Mozilla/5.0 rv:{i}")
        for i, one in enumerate(many(6_000))
    ]
    stage.fold(Behavior, 0, columns(events), NOW)
    sent = [FEEDBACK.decode(out.value) for out in stage.tick(NOW + CLICK)]
    assert len(sent) == len(events)
    for one in sent:
        assert one.valid == (int(one.impression_id[-6:]) % 2 == 0)


def test_an_id_that_no_admission_lets_through_is_an_error():
    with pytest.raises(ValueError, match="at most"):
        Attribution(SETTINGS, IDS).step(
            incoming([replace(many(1)[0], impression_id="x" * 3_000)]), NOW
        )
