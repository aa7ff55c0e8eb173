"""Clicks that come after their impression was learnt as a none are expected first."""

from dataclasses import fields, replace

import numpy as np
import pytest

from model_export.critic import file as critic_file, taste
from model_export.critic.critic_state import CriticState, LabelledImpressions
from tests.model_export.feedback_records import Truth, people

UPDATES, PER_UPDATE = 8, 2_500
LATE = 0.4


@pytest.fixture(scope="module")
def untaught(travel):
    return CriticState.none(taste.seeded(np.random.default_rng(4)), travel)


def labelled(space, rng, update, rate):
    """Return impressions of random designs, all shown at one instant."""
    design, crowd = space.random(PER_UPDATE, rng), people(PER_UPDATE, rng)
    clicked = rng.random(PER_UPDATE) < rate(design, crowd)
    number = np.arange(PER_UPDATE, dtype=np.uint64)
    now = np.full(PER_UPDATE, update)
    return LabelledImpressions(
        design=design,
        condition=crowd,
        clicked=clicked.astype(np.float32),
        control=np.zeros(PER_UPDATE, bool),
        shown_at=now,
        key=number + np.uint64(update * PER_UPDATE),
        decided_at=now,
    )


def joined(*parts):
    return LabelledImpressions(
        *(
            np.concatenate([getattr(part, one.name) for part in parts])
            for one in fields(LabelledImpressions)
        )
    )


def heard(space, rate, share):
    """Yield what is heard, update by update: some clicks come one update late."""
    rng = np.random.default_rng(3)
    held = None
    for update in range(UPDATES):
        batch = labelled(space, rng, update, rate)
        is_late = batch.clicked > 0
        is_late &= np.random.default_rng([update, 1]).random(PER_UPDATE) < share
        said = replace(batch, clicked=np.where(is_late, np.float32(0), batch.clicked))
        yield said if held is None else joined(said, held)
        held = batch.rows(is_late)
        held = replace(held, decided_at=held.shown_at + 1)
    nothing = said.rows(np.zeros(PER_UPDATE, bool))
    yield joined(nothing, held)


def flat(design, _crowd):
    return np.full(len(design), 0.05)


def test_scores_are_of_all_clicks_not_of_those_that_have_come(travel, untaught):
    scores = {}
    for share in (0.0, LATE):
        known = untaught
        for batch in list(heard(travel, flat, share))[:-1]:
            known = known.after(batch, travel)
        rng = np.random.default_rng(9)
        design, crowd = travel.random(4_000, rng), people(4_000, rng)
        logits = known.critic.logits(design, known.taste.features(crowd))
        scores[share] = 1 / (1 + np.exp(-(logits + known.calibration.shift)))
        assert (known.expected_clicks.total()[-1] > 30) == (
            share > 0
        )  # of 125, 50 are late
    assert scores[LATE].mean() == pytest.approx(scores[0.0].mean(), rel=0.03)


def test_once_all_have_come_as_much_is_known_as_if_they_had_never_been_late(
    travel, untaught
):
    rate = Truth(travel).rate
    known = {}
    for share in (0.0, LATE):
        known[share] = untaught
        for batch in heard(travel, rate, share):
            known[share] = known[share].after(batch, travel)
    at_once, late = known[0.0], known[LATE]
    assert not len(late.expected_clicks.rows)
    assert late.critic.n_clicks == at_once.critic.n_clicks
    assert late.critic.n_examples == at_once.critic.n_examples
    rng = np.random.default_rng(9)
    design, person = (
        travel.random(4_000, rng),
        at_once.taste.features(people(4_000, rng)),
    )
    one, other = (each.critic.logits(design, person) for each in (at_once, late))
    assert np.abs(one - other).mean() < 0.1 * one.std()


def test_what_is_to_come_travels_with_the_version(travel, untaught):
    batches = list(heard(travel, flat, LATE))
    known = untaught
    for batch in batches[:6]:
        known = known.after(batch, travel)
    back = critic_file.from_bytes(critic_file.to_bytes(known), travel)
    assert (back.expected_clicks.rows == known.expected_clicks.rows).all()
    assert len(back.expected_clicks.rows)
    after = [each.after(batches[6], travel).critic for each in (known, back)]
    assert (after[0].eta == after[1].eta).all()


def test_a_version_of_before_expects_nothing_and_learns_on(travel, untaught):
    batches = list(heard(travel, flat, LATE))[:3]
    known = untaught
    for batch in batches[:2]:
        known = known.after(batch, travel)
    header, tensors = critic_file.load(critic_file.to_bytes(known), "adloom-critic-3")
    old = {
        name: part
        for name, part in tensors.items()
        if name != "ledger.delay" and not name.startswith("to_come.")
    }
    back = critic_file.from_bytes(critic_file.save(old, header), travel)
    assert len(back.expected_clicks.rows) == 0
    assert len(back.labels) == len(known.labels)
    assert back.after(batches[2], travel).critic.n_examples > back.critic.n_examples


def test_a_robots_click_that_is_taken_back_counts_no_more(travel, untaught):
    batches = list(heard(travel, flat, 0.0))[:2]
    known = untaught
    for batch in batches:
        known = known.after(batch, travel)
    clicks = batch.rows(batch.clicked > 0)
    after = known.after(
        replace(clicks, clicked=np.zeros(len(clicks), np.float32)), travel
    )
    assert known.calibration.clicked - after.calibration.clicked == len(clicks)


def test_a_long_log_is_learnt_part_by_part(travel, untaught):
    batches = list(heard(travel, flat, 0.0))[:5]
    one_by_one = untaught
    for batch in batches:
        one_by_one = one_by_one.after(batch, travel)
    whole = replace(joined(*batches), decided_at=joined(*batches).shown_at)
    at_once = untaught.after(whole, travel)
    assert (at_once.critic.eta == one_by_one.critic.eta).all()
    assert at_once.ranking == one_by_one.ranking
    short = untaught.after(joined(*batches[:2]), travel)
    assert short.ranking.weight < at_once.ranking.weight / 2
