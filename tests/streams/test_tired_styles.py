"""Fatigue by person and style: counted from feedback, named by requests, left out."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from model_export.space import design_space
from model_export.space.design_space import DesignSpace
from model_export.space.style import style_of, values_of, written
from schemas.records import Design, Feedback
from streams.engine.stage import StateRow
from streams.settings import CreativesSettings
from streams.stages.creatives.answers import Briefs
from streams.stages.creatives.arms import Arm
from streams.stages.creatives.candidates import Proposer
from streams.stages.creatives.counter_random import seeds_of
from streams.stages.creatives.picking import Picker
from streams.stages.requests.reading import Seen, seen_of
from streams.stages.requests.styles import COUNTED_MS, MAX_STYLES, StyleCounts
from tests.streams.requests_world import (
    NOW,
    SECOND,
    Worker,
    fold,
    new_stage,
    preference,
    step,
)

SPACE = design_space.load()
NUMBERS = DesignSpace('name = "numbers"\n[continuous]\nwidth = [1, 3]\n')
LOOK = {"layout": "split", "palette": "ocean", "hero": "person", "tone": "calm"}
STYLE = "split/ocean/person"
OTHER = "card/sand/dots"
MINUTE = 60 * SECOND


def feedback(at, user="u1", style=STYLE, **changes):
    layout, palette, hero = style.split("/")
    look = {**LOOK, "layout": layout, "palette": palette, "hero": hero}
    fields = {
        "feedback_id": f"f{at}",
        "impression_id": f"i{at}",
        "revision": 0,
        "user_id": user,
        "outcome": "none",
        "reward": 0.0,
        "valid": True,
        "shown_at": at,
        "decided_at": at,
        "placement": "feed-card",
        "arm": "champion",
        "design": Design(categorical=look, continuous={"contrast": 0.5}),
    }
    return Feedback(**{**fields, **changes})


def known():
    """Return a stage that has asked for the first creative of a person."""
    stage = new_stage()
    step(stage, [("u1", preference())], NOW)
    return stage


def see(stage, *records, now=NOW + 30 * MINUTE):
    outgoing = fold(stage, [[(one.user_id, one) for one in records]], now, Feedback)
    return [
        (out.value.placement, out.value.reason, out.value.tired_of) for out in outgoing
    ]


def seen(at, style=STYLE, *, clicked=False, user="u1"):
    return Seen(user, "feed-card", style, at, clicked)


# -- what a style is ------------------------------------------------------------------


def test_words_do_not_make_a_style_and_a_space_need_not_have_all_of_it():
    assert style_of(LOOK) == style_of({**LOOK, "tone": "bold"}) == STYLE
    assert style_of({"hero": "dots"}) == "dots"
    assert style_of({"tone": "calm"}) is style_of({"hero": "a/b"}) is None
    assert style_of({"hero": "a,b"}) is style_of({"hero": "a\x1fb"}) is None


@given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=3), max_size=4))
def test_styles_are_read_as_they_were_written(styles):
    text = written("/".join(one) for one in styles)
    assert values_of(text or "") == styles


# -- counting -------------------------------------------------------------------------


@given(
    st.lists(
        st.builds(
            seen,
            st.integers(1, 8).map(lambda i: NOW + i * MINUTE),
            st.sampled_from([STYLE, OTHER]),
            clicked=st.sampled_from([False, False, True]),
        ),
        max_size=12,
    ),
    st.randoms(use_true_random=False),
)
def test_what_is_kept_depends_on_the_set_of_feedback_alone(records, rng):
    again = [*records, *records]
    rng.shuffle(again)
    rows = []
    for each in (records, again):
        counts = StyleCounts(3)
        for one in each:
            counts.see(one, NOW)
        rows.append((counts.tired_of("u1", NOW), counts.take_sections(10**6)))
    named = [values_of(tired_of or "") for tired_of, _ in rows]
    assert sorted(named[0]) == sorted(named[1])
    for style in (STYLE, OTHER):
        clicked = [
            one.shown_at for one in records if one.style == style and one.clicked
        ]
        after = max(clicked, default=0)
        shown = {
            one.shown_at
            for one in records
            if one.style == style and not one.clicked and one.shown_at > after
        }
        assert (style.split("/") in named[0]) == (len(shown) >= 3)


def test_an_impression_counts_for_a_day_and_the_styles_seen_last_are_kept():
    counts = StyleCounts(1)
    assert counts.see(seen(NOW), NOW + COUNTED_MS - 1)
    assert counts.tired_of("u1", NOW + COUNTED_MS) is None
    for i in range(MAX_STYLES):
        counts.see(seen(NOW + 1 + i, f"s{i}"), NOW)
    assert counts.tired_of("u1", NOW) == "s7,s6,s5,s4"  # as many are named
    counts.see(seen(NOW - 1), NOW)
    ((section, _),) = counts.take_sections(10**6)
    assert STYLE.encode() not in section


# -- asking ---------------------------------------------------------------------------


def test_one_style_shown_often_asks_for_another_whichever_creatives_had_it():
    stage = known()
    shown = [feedback(NOW + i * MINUTE, creative_id=f"c{i}") for i in range(1, 7)]
    assert see(stage, *shown[:5], feedback(NOW + MINUTE, style=OTHER)) == []
    assert see(stage, shown[5]) == [("feed-card", "fatigue", STYLE)]
    # The creative that answers is of another style; this one stays named for a day.
    later = NOW + 50 * MINUTE
    assert see(stage, feedback(later - MINUTE, style=OTHER), now=later) == []
    assert see(stage, feedback(later), now=later) == [("feed-card", "fatigue", STYLE)]


@pytest.mark.parametrize(
    "last",
    [
        {"outcome": "click", "revision": 1},
        {"valid": False},
        {"design": None},
        {"placement": None},
        {"placement": "speaker"},
        {"shown_at": NOW - 1},
    ],
    ids=["click", "robot", "no design", "no placement", "other place", "answered"],
)
def test_what_does_not_make_tired_asks_for_nothing(last):
    stage = known()
    shown = [feedback(NOW + i * MINUTE) for i in range(1, 6)]
    assert see(stage, *shown, replace(feedback(NOW + 6 * MINUTE), **last)) == []


def test_a_click_that_comes_late_forgives_its_style():
    stage = known()
    shown = [feedback(NOW + i * MINUTE) for i in range(1, 6)]
    see(stage, *shown, replace(shown[3], outcome="click", revision=1))
    more = [feedback(NOW + i * MINUTE) for i in range(6, 11)]
    assert see(stage, *more[:4]) == []
    assert see(stage, more[4]) == [("feed-card", "fatigue", STYLE)]


@pytest.mark.parametrize("how", ["erased", "consent", "unknown"])
def test_nothing_is_kept_of_whom_nothing_is_asked_for(how):
    stage = new_stage() if how == "unknown" else known()
    see(stage, *(feedback(NOW + i) for i in range(1, 6)))
    assert len(stage._tables[0].styles) == (how != "unknown")
    if how == "erased":
        step(stage, [("u1", None)], NOW)
    if how == "consent":
        step(stage, [("u1", preference(consent=False))], NOW)
    assert len(stage._tables[0].styles) == 0
    assert see(stage, feedback(NOW + 6)) == []


def test_every_request_names_the_styles_and_a_restart_forgets_none():
    worker = Worker(new_stage)
    step(worker.stage, [("u1", preference())], NOW)
    see(worker.stage, *(feedback(NOW - i * MINUTE) for i in range(6)))
    assert worker.checkpoint() == ["u1", "u1\x1f"]
    worker.restart()
    assert worker.checkpoint() == []
    (out,) = step(worker.stage, [("u1", preference(liked=5))], NOW + MINUTE)
    assert (out.value.reason, out.value.tired_of) == ("preference_shift", STYLE)
    step(worker.stage, [("u1", None)], NOW + MINUTE)
    worker.checkpoint()
    assert worker.log == {"u1": None, "u1\x1f": None}


@pytest.mark.parametrize(
    "row", [b"", b"a", b"a\x1fx", b"a\x1f1\x1fx", b"a\x1f1\n", b"\xff"]
)
def test_a_row_of_styles_that_cannot_be_read_is_refused(row):
    with pytest.raises(ValueError, match="row of styles cannot be read"):
        new_stage().restore([StateRow(0, "u1\x1f", row)])


def test_columns_say_what_records_say():
    records = [
        feedback(NOW + 1),
        feedback(NOW + 2, user="ünï", outcome="conversion"),
        feedback(NOW + 3, valid=False),
        feedback(NOW + 4, outcome="dismiss", design=None),
        feedback(NOW + 5, style=OTHER, condition=b"\0" * 8, delay_ms=7),
    ]
    stage = new_stage()
    found = []
    stage._learning.see = lambda _table, one, _now: found.append(one) or []
    see(stage, *records)
    assert len(found) == 3
    assert set(found) == {one for one in map(seen_of, records) if one}


# -- leaving out ----------------------------------------------------------------------


def picks_of(space, tired_of, n=300, category="running", **settings):
    picker = Picker(CreativesSettings(**settings), space)
    briefs = Briefs([category] * n, [tired_of] * n)
    conditions = np.zeros((n, 71), np.float32)
    arms = [Arm("control")] * n
    picks = picker.pick(arms, conditions, briefs, seeds_of(range(n)))
    return picks, space.designs(picks.columns.T, picks.continuous)


def style_space(*heroes):
    values = ", ".join(f'"{hero}"' for hero in heroes)
    drawn = "\n".join(f'{hero} = {{ like = "dots" }}' for hero in sorted(heroes))
    text = f'name = "s"\n[categorical]\nhero = [{values}]\n[draw.hero]\n{drawn}\n'
    return DesignSpace(text)


def test_no_design_of_a_tired_style_is_picked_and_the_propensity_is_of_the_rest():
    space = style_space("a", "b", "c", "d")
    picks, designs = picks_of(space, "b,d", candidates=4)
    heroes = [design.categorical["hero"] for design in designs]
    assert {"a", "c"} == set(heroes)
    share = heroes.count("a") / len(heroes)
    assert share == pytest.approx(0.5, abs=0.1)
    again, _ = picks_of(space, "", candidates=4)
    assert again.propensity.mean() < picks.propensity.mean()


def test_generated_designs_of_a_tired_style_are_rejected_by_name():
    columns = [
        SPACE.slices[name].start + SPACE.categorical[name].index(value)
        for name, value in LOOK.items()
        if name != "tone"
    ]
    logits = np.zeros((2, 16, SPACE.n_logits), np.float32)
    logits[:, :12, columns] = 50.0
    seeds = seeds_of([1, 2])
    proposer = Proposer(SPACE)
    drawn = proposer.sampled(
        logits,
        np.full((2, 16, SPACE.n_continuous), 0.5, np.float32),
        np.ones(16, np.float32),
        seeds,
    )
    briefs = Briefs(["running"] * 2, [STYLE, ""])
    pools = proposer.judged(drawn, briefs, seeds)
    assert not pools.is_legal[0, :12].any()
    assert pools.is_legal[1, :12].any()
    assert pools.broken[:, -1].tolist() == [True, False]


@pytest.mark.parametrize(
    ("space", "tired_of"),
    [
        (style_space("a", "b"), "a,b"),
        (style_space("a", "b", "c", "d", "e"), "a,b,c,d"),
        (SPACE, "no/such/style,split/ocean"),
        (NUMBERS, STYLE),
    ],
    ids=["all there is", "most there is", "another space", "no style at all"],
)
def test_where_little_would_be_left_nothing_is_left_out(space, tired_of):
    picks, designs = picks_of(space, tired_of, candidates=4)
    other, same = picks_of(space, "", candidates=4)
    assert designs == same
    assert (picks.propensity == other.propensity).all()
