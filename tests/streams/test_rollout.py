from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

from schemas.records import Creative, Feedback, ModelRelease
from streams.engine.stage import Incoming
from streams.settings import RolloutSettings
from streams.stages.rollout.stage import Rollout
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
