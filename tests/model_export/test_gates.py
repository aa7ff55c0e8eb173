"""Gates refuse what must not be served."""

import copy
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from model_export.feedback import dataset  # noqa: E402
from model_export.generators import export as onnx_export  # noqa: E402
from model_export.generators.export import Served  # noqa: E402
from model_export.jobs import feedback_gates, fine_tune, gates  # noqa: E402
from model_export.jobs.off_policy import Estimate  # noqa: E402
from tests.model_export.feedback_records import feedback, people  # noqa: E402

KINDS = ("gan", "vae")
PEOPLE = people(100, np.random.default_rng(0))


def with_critic(model, critic):
    """Return a copy of the model with another critic."""
    return replace(model, critic_state=replace(model.critic_state, critic=critic))


def damaged(model, damage):
    """Return a copy of the model with its generator damaged."""
    networks = replace(
        model.networks, generator=copy.deepcopy(model.networks.generator)
    )
    with torch.no_grad():
        damage(networks.generator.body)
    return replace(model, networks=networks)


def verdicts(model, exported=None):
    served = Served(onnx_export.export(exported or model))
    with np.errstate(invalid="ignore"):
        found = gates.library_gates(model, served, PEOPLE)
    return {verdict.gate: verdict.result for verdict in found}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(models, kind, bad):
    def poison(body):
        body.head.weight[3, 5] = bad

    assert verdicts(damaged(models[kind], poison))["finite"] == "fail"


@pytest.mark.parametrize("kind", KINDS)
def test_a_critic_that_is_no_number_is_refused(models, kind):
    model = models[kind]
    critic = model.critic_state.critic
    eta = critic.eta.copy()
    eta[0] = np.nan
    assert verdicts(with_critic(model, replace(critic, eta=eta)))["finite"] == ("fail")


@pytest.mark.parametrize("kind", KINDS)
def test_a_collapsed_generator_is_refused(models, kind):
    def collapse(body):
        body.head.weight.zero_()
        body.head.bias.copy_(torch.linspace(0, 40, len(body.head.bias)))

    assert verdicts(damaged(models[kind], collapse))["diversity"] == "fail"


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_of_other_weights_is_refused(models, kind):
    def nudge(body):
        body.head.bias[0] += 1e-3

    found = verdicts(models[kind], exported=damaged(models[kind], nudge))
    assert found["parity"] == "fail"


def test_a_generator_that_breaks_rules_is_refused(models, travel):
    night = travel.slices["palette"].start + travel.categorical["palette"].index(
        "night"
    )
    contrast = travel.n_logits + list(travel.continuous).index("contrast")

    def break_rules(body):
        body.head.bias[night] += 30
        body.head.bias[contrast] -= 30

    found = verdicts(damaged(models["vae"], break_rules))
    assert found["rule_violations"] == "fail"


@pytest.mark.parametrize(
    ("low", "high", "result"),
    [(0.1, 0.3, "pass"), (-0.1, 0.3, "unsure"), (-0.3, -0.1, "fail")],
)
def test_only_an_interval_below_zero_is_a_failure(low, high, result):
    estimate = Estimate((low + high) / 2, low, high, 99)
    verdict = feedback_gates.verdict("g", estimate, "", feedback_gates.MIN_CLICKERS)
    assert verdict.result == result


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.3), (-0.3, -0.1)])
def test_a_gate_is_unsure_when_too_few_people_clicked(low, high):
    few = feedback_gates.MIN_CLICKERS - 1
    estimate = Estimate((low + high) / 2, low, high, 99)
    verdict = feedback_gates.verdict("g", estimate, "", few)
    assert verdict.result == "unsure"
    assert "29 people clicked, a verdict needs 30" in verdict.detail


def test_a_value_that_is_no_number_fails_however_few_people_clicked():
    estimate = Estimate(float("nan"), -np.inf, np.inf, 2)
    assert feedback_gates.verdict("g", estimate, "", 0).result == "fail"


def test_equal_models_on_few_impressions_are_seldom_judged(models, travel):
    """A model taught on 300 rows against the one before: 40 rows decide nothing."""
    model = models["vae"]
    taught = dataset.from_feedback(feedback(travel, 300, seed=1), travel)
    one = Served(onnx_export.export(model))
    critic_state = model.critic_state.after(taught, travel)
    other = Served(onnx_export.export(replace(model, critic_state=critic_state)))
    few = [
        dataset.from_feedback(feedback(travel, 40, seed=s), travel) for s in range(9)
    ]
    found = [
        feedback_gates.off_policy_value(other, one, travel, judged, seed=0).result
        for judged in few
    ]
    assert found == ["unsure"] * len(few)


def test_without_feedback_nobody_can_be_sure(models, travel):
    served = Served(onnx_export.export(models["vae"]))
    empty = dataset.from_feedback([], travel)
    judged = [
        feedback_gates.held_out(served, empty, 0.03),
        feedback_gates.off_policy_value(served, served, travel, empty, 0),
    ]
    for verdict in judged:
        assert (verdict.result, verdict.low, verdict.high) == ("unsure", None, None)


def test_the_off_policy_value_finds_the_better_critic(models, travel):
    model = models["vae"]
    taught = dataset.from_feedback(feedback(travel, 3_000, seed=1), travel)
    judged = dataset.from_feedback(feedback(travel, 3_000, seed=2), travel)
    critic_state = model.critic_state.after(taught, travel)
    better = Served(onnx_export.export(replace(model, critic_state=critic_state)))
    worse = Served(onnx_export.export(model))
    found = feedback_gates.off_policy_value(better, worse, travel, judged, 0)
    assert found.result == "pass"
    back = feedback_gates.off_policy_value(worse, better, travel, judged, 0)
    assert back.result == "fail"
    assert feedback_gates.held_out(better, judged, 0.1).result == "pass"
    assert not gates.passed([found, back])


def test_a_failed_gate_is_enough_to_refuse(models, travel):
    taught = dataset.from_feedback(feedback(travel, 60, seed=1), travel)
    model, served = models["gan"], Served(onnx_export.export(models["gan"]))
    found = fine_tune.verdicts_of(model, served, served, taught, taught, 0)
    assert [one.gate for one in found] == [
        "finite",
        "parity",
        "diversity",
        "rule_violations",
        "held_out",
        "off_policy",
    ]
    assert gates.passed(found)
    assert not gates.passed([*found[1:], replace(found[0], result="fail")])
