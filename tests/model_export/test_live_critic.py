"""A critic that learns on between two versions: what it knows, whatever the order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from model_export.critic import taste
from model_export.critic.critic_state import CriticState
from model_export.critic.delayed_feedback import Delays
from model_export.critic.posterior_gate import refusal
from model_export.feedback import dataset
from model_export.feedback.live_critic import LiveCritic
from tests.model_export.feedback_records import feedback

N = 1_500
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def untaught(travel):
    return CriticState.none(taste.seeded(np.random.default_rng(4)), travel)


@pytest.fixture(scope="module")
def version(untaught, travel):
    """Return what a version knows that a job has taught."""
    read = dataset.from_feedback(renamed(feedback(travel, N, seed=30), "job"), travel)
    taught = read.rows(~dataset.held_out_of(0, read.users))
    return untaught.after(taught, travel)


@pytest.fixture(scope="module")
def records(travel):
    return feedback(travel, N, seed=31)


def renamed(records, prefix):
    return [
        replace(
            one,
            impression_id=f"{prefix}-{one.impression_id}",
            user_id=f"{prefix}-{one.user_id}",
        )
        for one in records
    ]


def live(version, travel, records=(), partitions=1, **fields):
    full = {"seed": 0, "horizon_ms": DAY_MS, "partitions": partitions, **fields}
    critic = LiveCritic(version, travel, **full)
    for one in records:
        critic.take(one, hash(one.user_id) % partitions)
    return critic


def same(one, other):
    """Whether two critics are one, but for rounding."""
    one, other = one.critic, other.critic
    assert (one.n_examples, one.n_clicks) == (other.n_examples, other.n_clicks)
    spread = 1.0 / np.sqrt(np.diag(one._total()))
    assert np.abs(one.mean() - other.mean()).max() < 1e-4 * spread.min()
    assert one.precision == pytest.approx(other.precision, rel=1e-3, abs=1e-3)
    return True


def test_it_knows_what_a_job_would_know(version, travel, records):
    read = dataset.from_feedback(records, travel)
    labelled = read.rows(~dataset.held_out_of(0, read.users))
    job = version.after(labelled, travel)
    knows = live(version, travel, records).learnt(exact=True).critic_state
    person = version.taste.features(labelled.condition)
    # A job learns a new prior too; between jobs a version keeps its own.
    critic = version.critic.taught(labelled.design, person, labelled.clicked)
    assert knows.critic.n_examples == job.critic.n_examples
    assert knows.critic.n_clicks == job.critic.n_clicks
    assert np.abs(knows.critic.mean() - critic.mean()).max() < 1e-4
    assert knows.calibration.clicked == pytest.approx(job.calibration.clicked)
    assert knows.calibration.predicted == pytest.approx(job.calibration.predicted)


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32), pieces=st.integers(1, 12))
def test_neither_the_order_of_feedback_nor_when_it_is_asked_matters(
    version, travel, records, seed, pieces
):
    order = np.random.default_rng(seed).permutation(len(records))
    one = live(version, travel)
    for part in np.array_split(order, pieces):
        for row in part:
            one.take(records[row], 0)
        one.learnt()
    at_once = live(version, travel, records)
    assert same(
        at_once.learnt(exact=True).critic_state, one.learnt(exact=True).critic_state
    )


def test_corrected_labels_teach_what_labels_known_from_the_start_do(
    version, travel, records
):
    late = [row for row, one in enumerate(records) if one.reward > 0][::3]
    first = list(records)
    for row in late:
        first[row] = replace(records[row], outcome="none", reward=0.0)
    corrections = [replace(records[row], revision=1) for row in late]
    corrected = live(version, travel, first)
    corrected.learnt()
    for one in corrections:
        corrected.take(one, 0)
    corrected.take(replace(first[late[0]], revision=0), 0)  # sent again: knows less
    known = live(version, travel, records)
    assert same(
        known.learnt(exact=True).critic_state, corrected.learnt(exact=True).critic_state
    )


def test_an_impression_that_the_version_learnt_is_corrected(version, travel):
    job = renamed(feedback(travel, N, seed=30), "job")
    held = dataset.held_out_of(0, [one.user_id for one in job])
    none = next(o for o, h in zip(job, held, strict=True) if not h and o.reward == 0)
    click = replace(none, outcome="click", reward=1.0, revision=1)
    critic = live(version, travel, [click, click])
    learnt = critic.learnt().critic_state.critic
    assert learnt.n_examples == version.critic.n_examples
    assert learnt.n_clicks == version.critic.n_clicks + 1
    critic.take(replace(click, valid=False, revision=2), 0)
    back = critic.learnt().critic_state.critic
    assert back.mean() == pytest.approx(version.critic.mean(), abs=1e-6)


def test_a_reaction_waits_for_a_none_as_young_as_it(version, travel, records):
    nones = [one for one in records if one.reward == 0]
    clicks = [one for one in records if one.reward > 0]
    middle = nones[len(nones) // 2].shown_at
    old = [one for one in nones if one.shown_at <= middle]
    critic = live(version, travel, clicks)
    assert critic.learnt().critic_state.critic.n_examples == version.critic.n_examples
    for one in old:
        critic.take(one, 0)
    learnt = critic.learnt()
    usable = [
        one
        for one in [*clicks, *old]
        if one.shown_at <= old[-1].shown_at
        and not dataset.held_out_of(0, [one.user_id])[0]
    ]
    assert learnt.n_held > 0
    assert learnt.critic_state.critic.n_examples == version.critic.n_examples + len(
        usable
    )


def test_a_partition_without_a_none_does_not_speak_for_another(
    version, travel, records
):
    critic = live(version, travel, partitions=2)
    for one in records:
        critic.take(one, int(one.reward > 0))  # all clicks on a partition of their own
    learnt = critic.learnt()
    assert learnt.critic_state.critic.n_clicks == version.critic.n_clicks
    assert learnt.n_held > 50


def test_nones_whose_clicks_are_still_to_come_count_for_less(untaught, travel):
    """With a mean delay of three windows most clicks come after their none."""
    rng = np.random.default_rng(8)
    truth = feedback(travel, 4_000, seed=32)
    window, mean = 200_000, 600_000
    now = truth[-1].shown_at
    seen = []
    for one in truth:
        delay = int(rng.exponential(mean))
        if one.reward > 0 and one.shown_at + delay <= now:
            seen.append(
                replace(
                    one, delay_ms=delay, decided_at=one.shown_at + delay, revision=1
                )
            )
        elif one.shown_at + window <= now:
            seen.append(
                replace(
                    one, outcome="none", reward=0.0, decided_at=one.shown_at + window
                )
            )
    young = now - 300_000
    assert any(one.shown_at > young for one in seen)

    def rate(critic_state):
        read = dataset.from_feedback(truth, travel)
        logits = critic_state.critic.logits(
            read.design, critic_state.taste.features(read.condition)
        )
        return float((1 / (1 + np.exp(-logits))).mean())

    known = rate(live(untaught, travel, truth).learnt().critic_state)
    weighed = rate(live(untaught, travel, seen).learnt().critic_state)
    naive = rate(live(untaught, travel, seen, horizon_ms=0).learnt().critic_state)
    assert naive < 0.9 * known
    assert abs(weighed - known) < 0.3 * (known - naive)


def test_the_share_of_clicks_by_age_is_found_though_the_young_are_seen_in_part():
    rng = np.random.default_rng(0)
    delay = rng.exponential(60_000, 20_000).astype(np.int64)
    age = rng.integers(0, 300_000, 20_000)
    seen = delay <= age
    ages = np.array([10_000, 60_000, 200_000])
    whole = 1 - np.exp(-300_000 / 60_000)
    found = Delays.seen(delay[seen], age[seen]).by(ages)
    assert found == pytest.approx((1 - np.exp(-ages / 60_000)) / whole, abs=0.02)
    among_seen = [(delay[seen] <= one).mean() for one in ages]
    assert among_seen[0] > found[0] + 0.02  # what counting would have said
    assert Delays.seen(delay[:20], age[:20]).by(ages).tolist() == [1.0, 1.0, 1.0]


def test_what_a_job_leaves_out_is_left_out(version, travel, records):
    clicks = [
        replace(one, reward=1.0, outcome="click", user_id="a-robot")
        for one in records[:40]
    ]
    assert not dataset.held_out_of(0, ["a-robot"])[0]
    rest = [replace(one, valid=False) for one in records[40:60]]
    nones = [one for one in records[60:] if one.reward == 0]
    learnt = (
        live(version, travel, [*clicks, *rest, *nones]).learnt().critic_state.critic
    )
    usable = sum(
        not held for held in dataset.held_out_of(0, [one.user_id for one in nones])
    )
    assert learnt.n_clicks == version.critic.n_clicks + dataset.MAX_CLICKS_PER_PERSON
    assert learnt.n_examples == (
        version.critic.n_examples + usable + dataset.MAX_CLICKS_PER_PERSON
    )


def test_what_fake_clicks_are_aimed_at_teaches_nothing(version, travel, records):
    vectors = travel.encode([one.design for one in records])
    aimed = vectors[:, travel.slices["palette"].start] > 0
    fake = [
        replace(one, outcome="click", reward=1.0) if hit else one
        for one, hit in zip(records, aimed, strict=True)
    ]
    knows = live(version, travel, fake).learnt().critic_state
    assert travel.slices["palette"].start in knows.suspects.columns()
    honest = live(version, travel, records).learnt().critic_state
    look = knows.critic.mean()[: knows.critic.layout.n_who]
    assert np.abs(look).max() < np.abs(honest.critic.mean()).max()


def test_settled_impressions_are_known_and_can_still_be_corrected(
    version, travel, records
):
    small = live(version, travel, most_rows=400)
    for start in range(0, N, 100):
        for one in records[start : start + 100]:
            small.take(one, 0)
        small.learnt()
    whole = live(version, travel, records)
    one, other = small.learnt().critic_state, whole.learnt().critic_state
    assert one.critic.n_examples == other.critic.n_examples
    spread = 1.0 / np.sqrt(np.diag(other.critic._total()))
    assert np.abs(one.critic.mean() - other.critic.mean()).max() < 0.5 * spread.max()
    held = dataset.held_out_of(0, [one.user_id for one in records])
    none = next(
        o for o, h in zip(records, held, strict=True) if not h and o.reward == 0
    )
    small.take(replace(none, outcome="click", reward=1.0, revision=1), 0)
    late = small.learnt().critic_state.critic
    assert late.n_examples == one.critic.n_examples
    assert late.n_clicks == one.critic.n_clicks + 1


def test_a_posterior_that_ran_away_or_is_no_number_is_refused(version, travel, records):
    learnt = live(version, travel, records).learnt().critic_state
    draws = learnt.draws(0)
    assert refusal(version, learnt, draws) is None
    broken = draws.copy()
    broken[3, 1] = np.nan
    assert "finite" in refusal(version, learnt, broken)
    broken[3, 1] = 1e6
    assert "16 bits" in refusal(version, learnt, broken)
    eta = learnt.critic.eta.copy()
    eta[0] += 1e6
    ran = replace(learnt, critic=replace(learnt.critic, eta=eta))
    assert "a look moved" in refusal(version, ran, draws)
    eta[0] -= 1e6
    eta[-1] += 1e9
    ran = replace(learnt, critic=replace(learnt.critic, eta=eta))
    assert refusal(version, ran, draws) is not None
