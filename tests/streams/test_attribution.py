import random

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from schemas.records import (
    Behavior,
    Creative,
    Feedback,
)
from streams.engine.stage import Incoming, StateRow
from streams.settings import AttributionSettings
from streams.stages.attribution.join import MAX_CLICKS_PER_HOUR
from streams.stages.attribution.stage import MAX_REACTIONS
from tests.good_records import good, good_receipt
from tests.streams.attribution_events import DecodedRecords

SECOND = 1_000
CLICK, CORRECTION = 10 * SECOND, 100 * SECOND
SETTINGS = AttributionSettings(click_window_s=10, correction_window_s=100)
NOW = 500_000 * 3_600 * SECOND  # on the hour
GONE = NOW + 10 * CORRECTION
PERSON = "Mozilla/5.0 (X11; Linux x86_64; rv:137.0) Gecko/20100101 Firefox/137.0"


def impression(name="i1", at=NOW, user="u1", **fields):
    return Behavior(
        event_id=f"event-{name}",
        impression_id=name,
        user_id=user,
        kind="impression",
        occurred_at=at,
        consent=True,
        **{"placement": "feed-card", "surface": "social", **fields},
    )


def reaction(name="i1", at=NOW, kind="click", event=None, user="u1", **fields):
    return Behavior(
        event_id=event or f"{kind}-{name}-{at}",
        impression_id=name,
        user_id=user,
        kind=kind,
        occurred_at=at,
        consent=True,
        **fields,
    )


def creative(name="c1", user="u1", arm="champion", at=NOW, life=60 * SECOND):
    return good(
        Creative,
        creative_id=name,
        user_id=user,
        created_at=at,
        expires_at=at + life,
        receipt=good_receipt(
            arm=arm,
            model_name="creative-gan",
            model_version=3,
            propensity=0.25,
            condition=b"\0\0\x80?",
        ),
    )


def incoming(*values, partition=0):
    return [
        Incoming(
            type(value),
            f"{value.user_id}|feed-card"
            if isinstance(value, Creative)
            else value.user_id,
            value,
            partition,
            offset,
        )
        for offset, value in enumerate(values)
    ]


def results(outgoing):
    assert all(out.record is Feedback for out in outgoing)
    assert all(out.key == out.value.user_id for out in outgoing)
    return [(out.value.outcome, out.value.revision) for out in outgoing]


def restarted(rows):
    stage = DecodedRecords(SETTINGS)
    stage.restore(rows)
    return stage


# -- one impression ------------------------------------------------------------


def test_a_click_within_the_window_is_sent_at_once():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(creative(), impression(creative_id="c1")), NOW)
    (out,) = stage.step(incoming(reaction(at=NOW + 2 * SECOND)), NOW + 3 * SECOND)
    feedback = out.value
    assert (feedback.outcome, feedback.reward, feedback.valid) == ("click", 1, True)
    assert (feedback.delay_ms, feedback.decided_at) == (2 * SECOND, NOW + 2 * SECOND)
    assert (feedback.arm, feedback.model_name, feedback.model_version) == (
        "champion",
        "creative-gan",
        3,
    )
    assert (feedback.propensity, feedback.condition) == (0.25, b"\0\0\x80?")
    assert feedback.category == "shoes"
    assert feedback.design.categorical == {"palette": "warm"}
    assert stage.counts.joined == 1


def test_a_window_that_closes_in_event_time_is_a_none():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(impression(at=NOW - 60 * SECOND)), NOW)
    (out,) = stage.step(
        incoming(impression("i2", NOW - 50 * SECOND, creative_id="c9")), NOW
    )
    assert (out.value.impression_id, out.value.outcome) == ("i1", "none")
    assert (out.value.revision, out.value.reward) == (0, 0)
    assert out.value.decided_at == NOW - 50 * SECOND
    assert out.value.delay_ms is None


def test_an_idle_partition_closes_its_windows_by_the_wall_clock():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(impression(at=NOW - 3_600 * SECOND)), NOW)
    assert stage.tick(NOW + CLICK - 1) == []
    assert results(stage.tick(NOW + CLICK)) == [("none", 0)]
    assert stage.tick(NOW + 2 * CLICK) == []


def test_a_late_click_corrects_and_a_conversion_corrects_the_click():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(impression()), NOW)
    assert results(stage.tick(NOW + CLICK)) == [("none", 0)]
    late = NOW + 20 * SECOND
    assert results(stage.step(incoming(reaction(at=late)), late)) == [("click", 1)]
    bought = reaction(at=late + SECOND, kind="conversion", value=9.5)
    (out,) = stage.step(incoming(bought), late + SECOND)
    assert (out.value.outcome, out.value.revision) == ("conversion", 2)
    assert (out.value.value, out.value.reward) == (9.5, 1)


def test_a_dismissal_costs_and_a_click_outranks_it():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(impression()), NOW)
    now = NOW + SECOND
    (out,) = stage.step(incoming(reaction(at=now, kind="dismiss")), now)
    assert (out.value.outcome, out.value.reward) == ("dismiss", -1)
    assert results(stage.step(incoming(reaction(at=now)), now)) == [("click", 2)]


def test_a_click_may_come_before_its_impression():
    stage = DecodedRecords(SETTINGS)
    assert stage.step(incoming(reaction(at=NOW + SECOND)), NOW) == []
    assert stage.held == 1
    assert results(stage.step(incoming(impression()), NOW)) == [("click", 1)]
    assert (stage.counts.joined, stage.held) == (1, 0)


def test_a_click_whose_impression_never_comes_is_an_orphan():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(reaction("nowhere"), reaction(None, event="bare")), NOW)
    assert (stage.counts.orphan, stage.held) == (1, 1)
    assert stage.tick(GONE) == []
    assert (stage.counts.orphan, stage.held, len(stage)) == (2, 0, 0)


def test_a_click_after_the_correction_window_is_late_and_changes_nothing():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(impression()), NOW)
    after = NOW + CORRECTION + 1
    assert results(stage.step(incoming(reaction(at=after)), after)) == [("none", 0)]
    assert (stage.counts.late, stage.counts.joined) == (1, 0)


def test_repeated_events_change_nothing():
    stage = DecodedRecords(SETTINGS)
    events = incoming(impression(), reaction(at=NOW + SECOND))
    assert len(stage.step(events, NOW)) == 1
    stage.take_dirty()
    assert stage.step(events, NOW) == []
    assert (stage.counts.duplicates, stage.counts.joined) == (2, 1)
    assert stage.take_dirty() == []


# -- creatives -----------------------------------------------------------------


def test_a_negative_waits_for_its_creative():
    stage = DecodedRecords(SETTINGS)
    old = NOW - 60 * SECOND
    stage.step(incoming(impression(at=old, creative_id="c1")), NOW)
    assert stage.step(incoming(impression("i2", NOW - SECOND)), NOW) == []
    (out,) = stage.step(incoming(creative()), NOW + SECOND)
    assert (out.value.arm, out.value.outcome) == ("champion", "none")


def test_a_click_waits_for_its_creative_until_the_window_closes():
    stage = DecodedRecords(SETTINGS)
    events = incoming(impression(creative_id="c9"), reaction(at=NOW + SECOND))
    assert stage.step(events, NOW) == []
    (out,) = stage.tick(NOW + CLICK)
    assert (out.value.arm, out.value.outcome) == ("organic", "click")
    assert out.value.design is None


def test_an_arm_that_was_sent_as_unknown_stays_unknown():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(impression(creative_id="c1")), NOW)
    stage.tick(NOW + CLICK)
    now = NOW + CLICK + SECOND
    (out,) = stage.step(incoming(creative(), reaction(at=now)), now)
    assert (out.value.arm, out.value.outcome) == ("organic", "click")


@pytest.mark.parametrize(
    ("creative_id", "arm"), [(None, "organic"), ("fallback-feed-card", "fallback")]
)
def test_what_has_no_creative_does_not_wait(creative_id, arm):
    stage = DecodedRecords(SETTINGS)
    events = incoming(
        impression(creative_id=creative_id), reaction(at=NOW + 500, category="books")
    )
    (out,) = stage.step(events, NOW + 500)
    assert (out.value.arm, out.value.outcome) == (arm, "click")


def test_a_creative_stays_as_long_as_an_impression_of_it():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(creative(life=SECOND)), NOW)
    shown = NOW + CORRECTION + CLICK
    stage.step(incoming(impression(at=shown, creative_id="c1")), shown)
    stage.tick(shown + CORRECTION)
    late = shown + CORRECTION - SECOND
    (out,) = stage.step(incoming(reaction(at=late)), shown + CORRECTION)
    assert (out.value.arm, out.value.outcome) == ("champion", "click")
    stage.tick(GONE + 2 * 3_600 * SECOND)
    stage.tick(GONE + 3 * 3_600 * SECOND)
    left = {row.key: row.value for row in stage.take_dirty()}
    assert set(left.values()) == {None}
    assert "c:c1" in left


def test_a_withdrawn_creative_is_forgotten():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(creative()), NOW)
    stage.take_dirty()
    stage.step([Incoming(Creative, "u1|feed-card", None, 0, 5)], NOW)
    assert stage.take_dirty() == [StateRow(0, "c:c1", None)]


# -- what must not teach -------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "delay", "valid"),
    [
        (PERSON, 900, True),
        (None, 900, True),
        ("curl/8.5.0", 900, False),
        (PERSON, 1, False),
    ],
)
def test_robots_and_impossible_clicks_are_flagged(agent, delay, valid):
    stage = DecodedRecords(SETTINGS)
    events = incoming(
        impression(user_agent=agent), reaction(at=NOW + delay, user_agent=PERSON)
    )
    (out,) = stage.step(events, NOW)
    assert (out.value.outcome, out.value.valid) == ("click", valid)


def test_five_hundred_clicks_of_one_person_do_not_teach():
    stage = DecodedRecords(SETTINGS)
    final = {}
    for i in range(500):
        events = incoming(
            impression(f"i{i}", NOW + i), reaction(f"i{i}", NOW + i + SECOND)
        )
        for out in stage.step(events, NOW):
            final[out.value.impression_id] = out.value
    assert len(final) == 500
    assert not any(feedback.valid for feedback in final.values())
    assert stage.counts.joined == 500


def test_as_many_clicks_as_the_cap_still_teach():
    stage = DecodedRecords(SETTINGS)
    for i in range(MAX_CLICKS_PER_HOUR):
        events = incoming(impression(f"i{i}"), reaction(f"i{i}", NOW + SECOND))
        (out,) = stage.step(events, NOW)
        assert out.value.valid


def test_endless_reactions_to_one_impression_take_no_memory():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(impression()), NOW)
    for i in range(200):
        stage.step(incoming(reaction(at=NOW + SECOND + i)), NOW)
    assert stage.counts.joined == MAX_REACTIONS
    assert stage.counts.duplicates == 200 - MAX_REACTIONS
    assert max(len(row.value or b"") for row in stage.take_dirty()) < 5_000


# -- state ---------------------------------------------------------------------


def test_everything_goes_when_its_windows_are_over():
    stage = DecodedRecords(SETTINGS)
    events = [creative()]
    for i in range(50):
        events += [impression(f"i{i}", creative_id="c1"), reaction(f"i{i}", NOW + 99)]
    stage.step(incoming(*events), NOW)
    written = {row.key for row in stage.take_dirty()}
    stage.tick(GONE)
    stage.tick(GONE + 2 * 3_600 * SECOND)
    rows = stage.take_dirty()
    assert {row.key for row in rows} == written
    assert all(row.value is None for row in rows)
    assert len(stage) == 0


def test_a_clock_ahead_closes_no_window():
    stage = DecodedRecords(SETTINGS)
    ahead = impression("i2", NOW + 86_000 * SECOND)
    assert stage.step(incoming(impression(), ahead), NOW + SECOND) == []


def test_a_dropped_partition_is_forgotten_and_the_others_stay():
    stage = DecodedRecords(SETTINGS)
    stage.step(incoming(impression("i1", creative_id="c1")), NOW)
    stage.step(incoming(impression("i2"), partition=1), NOW)
    stage.drop(0)
    assert [row.partition for row in stage.take_dirty()] == [1]
    assert [o.value.impression_id for o in stage.tick(NOW + CLICK)] == ["i2"]


# -- any order, any repetition, any crash --------------------------------------

DELAYS = (-CORRECTION - 1, -SECOND, 3, 700, 9_000, 25_000, CORRECTION, CORRECTION + 1)


@st.composite
def logs(draw):
    """Return a set of events of two people; every creative is made."""
    events, made = [], {}
    for number in range(draw(st.integers(1, 5))):
        name, user = f"i{number}", draw(st.sampled_from(["u1", "u2"]))
        at = NOW - draw(st.integers(0, 300)) * SECOND
        shown = draw(st.sampled_from([None, "fallback-1", f"c-{user}"]))
        if shown == f"c-{user}":
            made[shown] = creative(shown, user)
        if draw(st.integers(0, 9)):
            agent = draw(st.sampled_from([PERSON, "curl/8.5.0"]))
            events.append(
                impression(name, at, user, creative_id=shown, user_agent=agent)
            )
        for turn in range(draw(st.integers(0, 3))):
            kind = draw(st.sampled_from(["click", "click", "conversion", "dismiss"]))
            events.append(
                reaction(
                    name,
                    at + draw(st.sampled_from(DELAYS)),
                    kind,
                    f"{name}-{turn}",
                    user,
                    value=draw(st.sampled_from([None, 2.5]))
                    if kind == "conversion"
                    else None,
                )
            )
    return events + list(made.values())


def expected(events):
    """Return the final feedback by impression id, recomputed from the whole set."""
    found = {}
    for shown in events:
        if not isinstance(shown, Behavior) or shown.kind != "impression":
            continue
        near = [
            event
            for event in events
            if isinstance(event, Behavior)
            and event.kind != "impression"
            and event.impression_id == shown.impression_id
            and abs(event.occurred_at - shown.occurred_at) <= CORRECTION
        ]
        kinds = [event.kind for event in near]
        ranked = [kind for kind in ("conversion", "click", "dismiss") if kind in kinds]
        outcome = ranked[0] if ranked else "none"
        delays = [
            event.occurred_at - shown.occurred_at
            for event in near
            if event.kind == outcome
        ]
        clicks = [
            event.occurred_at - shown.occurred_at
            for event in near
            if event.kind == "click"
        ]
        values = [event.value for event in near if event.value is not None]
        found[shown.impression_id] = (
            outcome,
            max(0, min(delays)) if delays else None,
            sum(values) if values else None,
            shown.user_agent == PERSON and all(delay >= 50 for delay in clicks),
            {None: "organic", "fallback-1": "fallback"}.get(
                shown.creative_id, "champion"
            ),
        )
    return found


def final(outgoing):
    """Return the highest revision by impression id; equal revisions must agree."""
    best = {}
    for out in outgoing:
        one = out.value
        content = (one.outcome, one.delay_ms, one.value, one.valid, one.arm)
        revision, known = best.get(one.impression_id, (-1, None))
        if one.revision > revision:
            best[one.impression_id] = (one.revision, content)
        elif one.revision == revision:
            assert content == known
    return {name: content for name, (_, content) in best.items()}


def n_clicks(events):
    return sum(isinstance(one, Behavior) and one.kind == "click" for one in events)


def batches(events, chance):
    events = list(events)
    while events:
        size = chance.randint(1, 4)
        yield events[:size]
        events = events[size:]


@hypothesis_settings(max_examples=150)
@given(logs(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_outcomes(events, chance):
    log = events + [one for one in events if chance.random() < 0.5]
    chance.shuffle(log)
    stage, sent = DecodedRecords(SETTINGS), []
    for number, batch in enumerate(batches(log, chance)):
        sent += stage.step(incoming(*batch), NOW + 10 * number)
    sent += stage.tick(NOW + CLICK) + stage.tick(NOW + CLICK + SECOND)
    assert final(sent) == expected(events)
    stage.tick(GONE)
    assert stage.counts.joined + stage.counts.late + stage.counts.orphan == n_clicks(
        events
    )
    assert stage.held == 0


@hypothesis_settings(max_examples=150)
@given(logs(), st.randoms(use_true_random=False))
def test_a_crash_between_checkpoints_leaves_no_wrong_record_on_top(events, chance):
    log = list(events)
    chance.shuffle(log)
    stage, sent, now = DecodedRecords(SETTINGS), [], NOW
    changelog, committed, position, crashes = [], 0, 0, 3
    while position < len(log):
        size = chance.randint(1, 3)
        sent += stage.step(incoming(*log[position : position + size]), now)
        position += size
        now += chance.choice([1, 10, 400])
        if chance.random() < 0.3:
            changelog += stage.take_dirty()
            committed = position
        elif crashes and chance.random() < 0.3:
            crashes -= 1
            stage, position = restarted(changelog), committed
    sent += stage.tick(now + CLICK) + stage.tick(now + CLICK + SECOND)
    assert final(sent) == expected(events)
    stage.tick(GONE)
    changelog += stage.take_dirty()
    assert len(restarted(changelog)) == 0


def test_the_ledger_adds_up_at_some_size():
    chance = random.Random(5)  # noqa: S311 - a test log
    events, wanted = [], 0
    for i in range(3_000):
        at = NOW - chance.randrange(3_600 * SECOND)
        events.append(impression(f"i{i}", at, f"u{i % 97}"))
        if chance.random() < 0.1:
            wanted += 1
            name = "nowhere" if chance.random() < 0.02 else f"i{i}"
            late = 2 * CORRECTION if chance.random() < 0.05 else 0
            click_at = at + chance.randrange(60, CLICK) + late
            events.append(reaction(name, click_at, event=f"k{i}", user=f"u{i % 97}"))
    events.sort(key=lambda event: event.occurred_at)
    stage, sent = DecodedRecords(SETTINGS), []
    for start in range(0, len(events), 100):
        batch = events[start : start + 100]
        sent += stage.step(incoming(*batch), NOW + start)
    sent += stage.tick(NOW + 7_200 * SECOND)
    stage.tick(NOW + 24 * 3_600 * SECOND)
    assert stage.counts.joined + stage.counts.late + stage.counts.orphan == wanted
    assert len({out.value.impression_id for out in sent}) == 3_000
    assert len({out.value.feedback_id for out in sent}) == len(sent)
    clicked = sum(one[0] == "click" for one in final(sent).values())
    assert clicked == stage.counts.joined
