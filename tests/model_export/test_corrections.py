"""Labels that change after they were learnt: corrected, not learnt a second time."""

from dataclasses import replace

import numpy as np
import pytest

from model_export.critic import file as critic_file, taste
from model_export.critic.critic_state import CriticState
from model_export.feedback import dataset
from tests.model_export.feedback_records import feedback

N = 3_000


@pytest.fixture(scope="module")
def before(travel):
    """Return a state that saw some feedback already, as a version has it."""
    known = CriticState.none(taste.seeded(np.random.default_rng(4)), travel)
    return taught(known, feedback(travel, 2_000, seed=20), travel)


def taught(known, records, space):
    read = dataset.from_feedback(records, space, learnt=known.labels)
    return known.after(read, space)


def numbered(records, start):
    return [
        replace(one, impression_id=f"impression-{start + row}")
        for row, one in enumerate(records)
    ]


@pytest.fixture(scope="module")
def ranges(travel):
    """Return two ranges: nones for a third of the clicks, then their corrections."""
    truth = numbered(feedback(travel, N, seed=21), 10_000)
    late = {one.impression_id for one in truth if one.reward > 0}
    late = {name for row, name in enumerate(sorted(late)) if row % 3 == 0}
    first = [
        replace(one, outcome="none", reward=0.0) if one.impression_id in late else one
        for one in truth
    ]
    second = [replace(one, revision=1) for one in truth if one.impression_id in late]
    assert len(second) > 50
    return truth, first, second


def test_a_correction_in_a_later_range_moves_eta_by_its_row(travel, before, ranges):
    _, first, second = ranges
    early = taught(before, first, travel)
    late = taught(early, second, travel)
    read = dataset.from_feedback(second, travel)
    person = early.taste.features(read.condition)
    rows = early.critic.layout.rows(read.design, person).astype(np.float64)
    assert late.critic.eta == pytest.approx(
        early.critic.eta + rows.sum(0), rel=1e-5, abs=1e-4
    )
    assert (late.critic.precision == early.critic.precision).all()


def test_corrected_labels_teach_what_labels_known_from_the_start_do(
    travel, before, ranges
):
    truth, first, second = ranges
    at_once = taught(before, truth, travel)
    late = taught(taught(before, first, travel), second, travel)
    assert late.critic.n_examples == at_once.critic.n_examples == 2_000 + N
    assert late.critic.n_clicks == at_once.critic.n_clicks
    assert late.suspects.clicked == pytest.approx(at_once.suspects.clicked)
    people = dataset.from_feedback(truth, travel)
    person = before.taste.features(people.condition)
    logits = [
        one.critic.logits(people.design, person)
        for one in (before, at_once, late, taught(before, first, travel))
    ]
    # The information was weighed at another point, so equal only to first order.
    error = np.abs(logits[2] - logits[1]).mean()
    uncorrected = np.abs(logits[3] - logits[1]).mean()
    assert error < 0.2 * uncorrected


def test_a_correction_is_applied_once(travel, before, ranges):
    _, first, second = ranges
    late = taught(taught(before, first, travel), second, travel)
    again = taught(late, second, travel)
    assert (again.critic.eta == late.critic.eta).all()
    assert again.critic.n_examples == late.critic.n_examples


def test_a_click_that_was_a_robots_is_taken_back(travel, before, ranges):
    truth, _, _ = ranges
    known = taught(before, truth, travel)
    clicks = [one for one in truth if one.reward > 0][:20]
    robots = [replace(one, valid=False, revision=2) for one in clicks]
    assert taught(known, robots, travel).critic.n_clicks == known.critic.n_clicks - 20


def test_the_ledger_travels_with_the_version(travel, before, ranges):
    _, first, second = ranges
    early = taught(before, first, travel)
    back = critic_file.from_bytes(critic_file.to_bytes(early), travel)
    late = taught(back, second, travel)
    assert late.critic.n_examples == early.critic.n_examples
    assert len(back.labels) == len(early.labels) > N / 2
