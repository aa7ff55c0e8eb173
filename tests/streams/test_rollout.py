from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from schemas.records import (
    Creative,
    Feedback,
    ModelRelease,
)
from streams.core.rollout.canary import (
    BAD_ERROR,
    N_GROUPS,
    Tally,
    design_effect,
    difference,
    due_look,
    group_of,
    look,
    looks,
    spent,
)
from streams.core.rollout.rollout import Rollout
from streams.core.stage import Incoming
from streams.settings import RolloutSettings
from tests.good_records import good, good_receipt

NOW = 1_800_000_000_000
NAME = "creative-gan"
SETTINGS = RolloutSettings(
    shadow_requests=3,
    canary_share=0.3,
    canary_impressions=100,
    max_canary_impressions=400,
)
QUICK = SETTINGS.model_copy(update={"shadow_requests": 0})


def release(stage, version, champion=1, at=NOW, **fields):
    usual = {
        "model_name": NAME,
        "version": version,
        "sha256": f"sha-{version}",
        "stage": stage,
        "canary_share": 0,
        "champion_version": champion,
        "champion_sha256": f"sha-{champion}",
        "job_id": f"job-{version}",
        "verdicts": (),
        "released_at": at,
    }
    return ModelRelease(**{**usual, **fields})


def creative(shadow_version):
    receipt = good_receipt(
        arm="champion",
        model_name=NAME,
        model_version=1,
        model_sha256="sha-1",
        shadow_version=shadow_version,
    )
    return good(Creative, receipt=receipt)


def shown(arm, version, number, reward=0.0, at=NOW + 1, **fields):
    usual = {
        "feedback_id": f"{arm}{number}",
        "impression_id": f"{arm}{number}",
        "revision": int(reward > 0),
        "user_id": "u",
        "outcome": "click" if reward else "none",
        "reward": reward,
        "valid": True,
        "shown_at": at,
        "decided_at": at,
        "arm": arm,
        "model_name": NAME,
        "model_version": version,
    }
    return Feedback(**{**usual, **fields})


def arm(name, version, n, n_clicks, **fields):
    """Return feedback of an arm, the clicks evenly between the nones."""
    clicked = {i * n // n_clicks for i in range(n_clicks)}
    return [shown(name, version, i, float(i in clicked), **fields) for i in range(n)]


def incoming(*values, partition=0):
    return [
        Incoming(type(value), "k", value, partition, offset)
        for offset, value in enumerate(values)
    ]


def stage_of(*releases, settings=SETTINGS):
    stage = Rollout(settings)
    stage.step(incoming(release("champion", 1), *releases), NOW)
    return stage


def sent(stage, now=NOW):
    """Checkpoint, tick, echo, and return what was announced."""
    stage.take_dirty()
    out = [one.value for one in stage.tick(now)]
    stage.step(incoming(*out), now)
    stage.take_dirty()
    assert stage.tick(now) == []
    return out


def stages(releases):
    return [(one.stage, one.version, one.champion_version) for one in releases]


# -- shadow ----------------------------------------------------------------------------


def test_a_candidate_waits_in_the_shadow_then_becomes_a_canary():
    stage = stage_of(release("shadow", 2))
    stage.step(incoming(*[creative(2), creative(None), creative(7), creative(2)]), NOW)
    assert sent(stage) == []
    stage.step(incoming(creative(2)), NOW + 5)
    (canary,) = sent(stage)
    assert stages([canary]) == [("canary", 2, 1)]
    assert (canary.canary_share, canary.released_at) == (0.3, NOW + 5)
    assert (canary.sha256, canary.champion_sha256) == ("sha-2", "sha-1")
    assert canary.job_id == "job-2"
    (verdict,) = canary.verdicts
    assert (verdict.gate, verdict.result) == ("shadow", "pass")
    assert (verdict.value, verdict.threshold) == (3, 3)


def test_without_a_shadow_the_canary_starts_at_once():
    stage = stage_of(release("shadow", 2), settings=QUICK)
    assert stages(sent(stage)) == [("canary", 2, 1)]


def test_a_candidate_announced_with_another_champion_is_announced_again():
    stage = stage_of(release("shadow", 3, champion=0))
    assert stages(sent(stage)) == [("shadow", 3, 1)]


def test_a_repeated_candidate_changes_nothing():
    stage = stage_of(release("shadow", 2), release("shadow", 2), settings=QUICK)
    assert stages(sent(stage)) == [("canary", 2, 1)]
    stage.step(incoming(release("shadow", 2)), NOW)
    assert sent(stage) == []


# -- canary ----------------------------------------------------------------------------


def in_canary(settings=QUICK):
    stage = stage_of(release("shadow", 2), settings=settings)
    sent(stage)
    return stage


def test_a_much_worse_canary_is_rolled_back_at_the_first_look():
    stage = in_canary()
    stage.step(incoming(*arm("champion", 1, 100, 30)), NOW)
    stage.step(incoming(*arm("canary", 2, 99, 2)), NOW)
    assert sent(stage) == []
    stage.step(incoming(shown("canary", 2, 99)), NOW)
    (back,) = sent(stage)
    assert stages([back]) == [("rolled_back", 2, 1)]
    (verdict,) = back.verdicts
    assert (verdict.gate, verdict.result) == ("canary", "fail")
    assert verdict.value == pytest.approx(-0.28)
    assert verdict.low < verdict.value < verdict.high < 0
    assert "canary 2.00% of 100" in verdict.detail


def test_a_much_better_canary_becomes_champion():
    stage = in_canary()
    stage.step(incoming(*arm("champion", 1, 100, 2), *arm("canary", 2, 100, 30)), NOW)
    (new,) = sent(stage)
    assert stages([new]) == [("champion", 2, 2)]
    assert (new.champion_sha256, new.canary_share) == ("sha-2", 0)
    assert new.verdicts[0].result == "pass"


@pytest.mark.parametrize(
    ("max_loss", "stage_after", "result"),
    [(0.06, ("rolled_back", 2, 1), "unsure"), (1.0, ("champion", 2, 2), "pass")],
)
def test_an_unsure_canary_goes_on_and_goes_back_at_the_end(
    max_loss, stage_after, result
):
    stage = in_canary(QUICK.model_copy(update={"max_loss": max_loss}))
    stage.step(incoming(*arm("champion", 1, 500, 50)), NOW)
    stage.step(incoming(*arm("canary", 2, 399, 40)), NOW)
    assert sent(stage) == []
    stage.step(incoming(shown("canary", 2, 399)), NOW)
    (new,) = sent(stage)
    assert stages([new]) == [stage_after]
    assert new.verdicts[0].result == result


def test_clicks_of_few_people_prove_less():
    """The same counts, of one person in each arm or of a hundred."""

    def after(user):
        stage = in_canary()
        arms = [*arm("champion", 1, 100, 2), *arm("canary", 2, 100, 25)]
        people = [replace(one, user_id=user(i, one)) for i, one in enumerate(arms)]
        stage.step(incoming(*people), NOW)
        return stages(sent(stage))

    assert after(lambda i, _: f"u{i}") == [("champion", 2, 2)]
    assert after(lambda _, one: f"u{one.reward}{one.arm}") == []


def test_only_valid_concurrent_feedback_of_the_two_versions_counts():
    stage = in_canary()
    stage.step(
        incoming(
            *arm("champion", 1, 200, 20),
            *arm("canary", 2, 200, 0, at=NOW - 1),
            *arm("canary", 2, 200, 0, valid=False),
            *arm("canary", 9, 200, 0),
            *arm("control", 0, 200, 0, model_name="random"),
        ),
        NOW,
    )
    assert sent(stage) == []


def test_a_correction_adjusts_and_a_repetition_changes_nothing():
    def rolled(corrections):
        stage = in_canary()
        nones = arm("canary", 2, 100, 0)
        stage.step(incoming(*arm("champion", 1, 99, 25), *nones, *nones), NOW)
        stage.step(incoming(*corrections), NOW)
        stage.step(incoming(shown("champion", 1, 99)), NOW)
        return stages(sent(stage))

    assert rolled([]) == [("rolled_back", 2, 1)]
    clicks = [shown("canary", 2, i, 1.0) for i in range(25)]
    assert rolled(clicks) == []
    robots = [replace(click, revision=2, valid=False) for click in clicks]
    assert rolled(clicks + robots) == []  # 75 valid impressions are too few


def test_clicks_count_only_when_nones_of_their_time_are_known():
    stage = in_canary()
    stage.step(incoming(*arm("champion", 1, 100, 10)), NOW)
    clicks = [shown("canary", 2, i, 1.0, at=NOW + 60) for i in range(150)]
    stage.step(incoming(*clicks), NOW)
    assert sent(stage) == []
    stage.step(incoming(*arm("canary", 2, 90, 0, at=NOW + 59)), NOW)
    assert sent(stage) == []
    stage.step(incoming(shown("canary", 2, 999, at=NOW + 61)), NOW)
    assert stages(sent(stage)) == [("champion", 2, 2)]


# -- more than one candidate -----------------------------------------------------------


def test_a_second_candidate_waits_and_the_running_canary_is_announced_again():
    stage = in_canary()
    stage.step(incoming(release("shadow", 3)), NOW)
    assert stages(sent(stage)) == [("canary", 2, 1)]


def test_of_two_that_wait_only_the_newer_is_tried():
    stage = in_canary()
    stage.step(incoming(release("shadow", 3), release("shadow", 4)), NOW)
    out = sent(stage)
    assert stages(out)[-2:] == [("rejected", 3, 1), ("canary", 2, 1)]
    assert "superseded by version 4" in out[-2].verdicts[0].detail
    stage.step(incoming(*arm("champion", 1, 100, 2), *arm("canary", 2, 100, 30)), NOW)
    assert stages(sent(stage)) == [("champion", 2, 2), ("canary", 4, 2)]


def test_the_next_candidate_starts_from_zero():
    stage = in_canary()
    stage.step(incoming(release("shadow", 3)), NOW)
    stage.step(incoming(*arm("champion", 1, 100, 30), *arm("canary", 2, 100, 2)), NOW)
    assert stages(sent(stage)) == [
        ("canary", 2, 1),
        ("rolled_back", 2, 1),
        ("canary", 3, 1),
    ]
    stage.step(incoming(*arm("canary", 3, 100, 2)), NOW)
    assert sent(stage) == []
    rows = [row for row in stage.take_dirty() if row.key.startswith("i:")]
    assert all(row.value is None or "canary" in row.key for row in rows)


def test_a_rejection_by_the_trainer_does_not_end_the_canary():
    stage = in_canary()
    stage.step(incoming(release("rejected", 3)), NOW)
    assert stages(sent(stage)) == [("canary", 2, 1)]


def test_a_champion_named_by_hand_starts_the_canary_again():
    stage = in_canary()
    stage.step(incoming(*arm("champion", 1, 99, 30), *arm("canary", 2, 99, 2)), NOW)
    named = release("champion", 7, champion=7, at=NOW + 9)
    stage.step(incoming(named), NOW + 9)
    assert stages(sent(stage)) == [("canary", 2, 7)]
    stage.step(incoming(shown("champion", 1, 99), shown("canary", 2, 99)), NOW)
    assert sent(stage) == []


def test_a_candidate_withdrawn_by_hand_ends_its_canary():
    stage = in_canary()
    stage.step(incoming(release("rolled_back", 2)), NOW)
    stage.step(incoming(*arm("champion", 1, 100, 2), *arm("canary", 2, 100, 30)), NOW)
    assert sent(stage) == []


def test_a_champion_rolled_back_by_hand_gives_way_to_the_one_it_names():
    stage = in_canary()
    stage.step(incoming(*arm("champion", 1, 100, 2), *arm("canary", 2, 100, 30)), NOW)
    sent(stage)
    back = release("rolled_back", 2, champion=1, at=NOW + 9)
    stage.step(incoming(back, release("shadow", 3, champion=1)), NOW + 9)
    assert stages(sent(stage, NOW + 9)) == [("canary", 3, 1)]


# -- crashes ---------------------------------------------------------------------------


def restarted(*rows):
    stage = Rollout(QUICK)
    stage.restore(rows)
    return stage


def test_a_decision_is_sent_only_after_it_was_written():
    stage = in_canary()
    feedback = incoming(*arm("champion", 1, 100, 2), *arm("canary", 2, 100, 30))
    stage.step(feedback, NOW)
    assert stage.tick(NOW) == []
    rows = stage.take_dirty()
    out = stage.tick(NOW)
    assert stages(one.value for one in out) == [("champion", 2, 2)]
    assert restarted(*rows).tick(NOW + 99) == out


def test_feedback_that_keeps_coming_delays_no_decision():
    stage = in_canary()
    stage.step(incoming(*arm("champion", 1, 100, 2), *arm("canary", 2, 100, 30)), NOW)
    stage.take_dirty()
    stage.step(incoming(release("shadow", 3), shown("canary", 2, 7_000)), NOW)
    assert stages(one.value for one in stage.tick(NOW)) == [("champion", 2, 2)]


def test_a_canary_goes_on_after_a_restart():
    stage = stage_of(release("shadow", 2), settings=QUICK)
    stage.take_dirty()
    stage.tick(NOW)
    stage.step(incoming(*arm("champion", 1, 99, 30), *arm("canary", 2, 100, 2)), NOW)
    stage.step(incoming(release("shadow", 3)), NOW)
    again = restarted(*stage.take_dirty())
    assert len(sent(again)) == 1
    again.step(incoming(*arm("champion", 1, 100, 30), *arm("canary", 2, 100, 2)), NOW)
    assert stages(sent(again)) == [("rolled_back", 2, 1), ("canary", 3, 1)]


def test_a_canary_whose_state_is_lost_goes_on_from_the_topic():
    stage = Rollout(QUICK)
    stage.step(incoming(release("canary", 2)), NOW)
    stage.step(incoming(*arm("champion", 1, 100, 2), *arm("canary", 2, 100, 30)), NOW)
    assert stages(sent(stage)) == [("champion", 2, 2)]


@hypothesis_settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_a_candidate_gets_one_verdict_whatever_crashes(seed):
    """Feedback comes in another order after each crash; the verdict stays."""
    rng = np.random.default_rng(seed)
    feedback = arm("champion", 1, 120, 20) + arm("canary", 2, 120, int(seed % 50))
    stage, changelog, verdicts = Rollout(QUICK), [], set()
    releases = incoming(release("champion", 1), release("shadow", 2))
    stage.step(releases, NOW)
    waiting = [feedback[i] for i in rng.permutation(len(feedback))]
    committed = list(waiting)
    for _ in range(60):
        batch, waiting = waiting[:20], waiting[20:]
        stage.step(incoming(*batch), NOW)
        for out in stage.tick(NOW):
            if out.value.stage in {"champion", "rolled_back"}:
                verdicts.add(out.value)
        if rng.random() < 0.4:
            changelog += stage.take_dirty()
            committed = list(waiting)
        elif rng.random() < 0.3:
            stage = restarted(*changelog)
            waiting = [committed[i] for i in rng.permutation(len(committed))]
            if not changelog:
                stage.step(releases, NOW)
    assert len(verdicts) <= 1


# -- figures ---------------------------------------------------------------------------


def test_looks_are_taken_once_each_and_the_last_waits_for_the_canary_alone():
    sizes = looks(100, 400)
    assert sizes == [100, 200, 400]
    assert due_look(sizes, 0, Tally(99, 0), Tally(500, 0)) is None
    assert due_look(sizes, 0, Tally(120, 0), Tally(100, 0)) == 0
    assert due_look(sizes, 1, Tally(120, 0), Tally(199, 0)) is None
    assert due_look(sizes, 0, Tally(250, 0), Tally(230, 0)) == 1
    assert due_look(sizes, 1, Tally(400, 0), Tally(3, 0)) == 2
    assert looks(100, 100) == looks(200, 100) == [100]


@given(n=st.integers(0, 500), m=st.integers(0, 500), a=st.integers(0, 500), b=st.data())
def test_the_interval_holds_the_estimate_and_turns_with_the_arms(n, m, a, b):
    one = Tally(n, min(a, n))
    other = Tally(m, b.draw(st.integers(0, m)))
    ours, theirs = difference(one, other, 1.96), difference(other, one, 1.96)
    assert -1 - 1e-9 <= ours.low <= ours.value + 1e-9
    assert ours.value - 1e-9 <= ours.high <= 1 + 1e-9
    assert ours.low == pytest.approx(-theirs.high)


def test_a_look_spends_a_part_of_the_error_and_all_looks_all_of_it():
    sizes = looks(1_000, 50_000)
    parts = [spent(sizes, i) for i in range(len(sizes))]
    assert sum(parts) == pytest.approx(BAD_ERROR)
    assert parts == sorted(parts)


def test_a_person_is_in_one_group_and_groups_are_alike():
    groups = [group_of(f"user-{i}") for i in range(64_000)]
    assert groups == [group_of(f"user-{i}") for i in range(64_000)]
    counts = np.bincount(groups, minlength=N_GROUPS)
    assert len(counts) == N_GROUPS
    assert counts.min() > 800
    assert counts.max() < 1_200


def tally(n_groups, rates):
    return Tally(
        groups=[[100, round(100 * rate)] for rate in np.resize(rates, n_groups)]
    )


def test_groups_that_differ_more_than_chance_allows_widen_the_interval():
    assert design_effect() == design_effect(Tally(100, 4)) == 1.0
    assert design_effect(tally(N_GROUPS, [0.04])) == 1.0
    # A spread of 0.04 against the sqrt(0.06 x 0.94 / 100) of independent impressions.
    assert design_effect(tally(N_GROUPS, [0.02, 0.10])) == pytest.approx(
        100 * 0.04**2 / (0.06 * 0.94) * 64 / 63
    )
    plain, grouped = Tally(6_400, 384), tally(N_GROUPS, [0.02, 0.10])
    grouped.n, grouped.clicks = 6_400, 384
    one, other = difference(plain, plain, 1.96), difference(grouped, plain, 1.96)
    assert other.high - other.low > 1.3 * (one.high - one.low)


def test_what_is_taken_back_is_as_if_never_counted():
    taken = Tally()
    taken.add(3, 1, 1)
    taken.add(5, 1, 0)
    taken.add(3, -1, -1)
    assert (taken.n, taken.clicks) == (1, 0)
    assert taken.groups[3] == [0, 0]
    assert taken.groups[5] == [1, 0]


def verdicts(lift, n_canaries=300, rate=0.03, first=1_000, last=32_000):
    """Return the share of canaries found better, worse and unsure to the end."""
    rng = np.random.default_rng(11)
    found = {"better": 0, "worse": 0, "unsure": 0}
    sizes = looks(first, last)
    for _ in range(n_canaries):
        canary, champion, finding = Tally(), Tally(), "unsure"
        for index, size in enumerate(sizes):
            step = size - canary.n
            canary.n += step
            canary.clicks += int(rng.binomial(step, rate * lift))
            champion.n += step
            champion.clicks += int(rng.binomial(step, rate))
            finding, _ = look(canary, champion, sizes, index)
            if finding != "unsure":
                break
        found[finding] += 1
    return {name: count / n_canaries for name, count in found.items()}


def test_equal_models_are_seldom_told_worse_although_they_are_compared_often():
    assert verdicts(1.0)["worse"] <= 0.045  # 2.5 % and three standard errors


def test_a_model_that_loses_too_much_is_hardly_ever_promoted():
    assert verdicts(0.94, n_canaries=1_000)["better"] <= 0.016  # 0.75 % and three


def test_a_much_worse_model_is_rolled_back():
    shares = verdicts(0.8)
    assert shares["worse"] >= 0.95
    assert shares["better"] == 0


def test_a_better_model_is_promoted_and_never_rolled_back():
    shares = verdicts(1.2)
    assert shares["better"] >= 0.9
    assert shares["worse"] == 0
