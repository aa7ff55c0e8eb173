"""Policies learnt from logs are judged rightly: a gain is found, none is invented."""

import numpy as np
import pytest

from benchmarks.figures import UnavailableError
from benchmarks.learning.real import logs
from benchmarks.learning.real.judged import Candidate, cross_fitted, judged
from benchmarks.learning.real.logs import Log
from benchmarks.learning.real.policies import Learnt, learnt, uniform

POLICIES = {"greedy": Learnt.greedy, "served": Learnt.served, "one": Learnt.everybody}


def a_log(personal, n=12_000, seed=5):
    """Return a log of three actions: the second is best, or the best one depends."""
    rng = np.random.default_rng(seed)
    tastes = rng.normal(size=(n, 3)).astype(np.float32)
    propensity = np.array([0.5, 0.3, 0.2])
    action = rng.choice(3, n, p=propensity)
    rate = np.tile([0.06, 0.10, 0.06], (n, 1))
    if personal:
        rate = 0.05 + 0.15 * np.eye(3)[tastes.argmax(1)]
    reward = (rng.random(n) < rate[np.arange(n), action]).astype(float)
    place = np.zeros(n, np.intp)
    actions = ("a", "b", "c")
    return Log(tastes, place, action, reward, propensity[action], actions, None), rate


def real(load):
    try:
        return load()
    except UnavailableError as error:
        pytest.skip(str(error))


def test_a_policy_for_everybody_is_worth_what_its_own_arm_earned():
    log, _ = a_log(personal=False)
    one = Candidate(np.tile([0.0, 1.0, 0.0], (len(log), 1)), np.zeros((len(log), 3)))
    result = judged(log, one, one)
    assert result.snips.value == pytest.approx(log.reward[log.action == 1].mean())
    assert result.effective_n == pytest.approx((log.action == 1).sum())
    assert result.snips_gain.value == pytest.approx(0.0)
    assert not result.is_clear


@pytest.mark.parametrize("name", ["greedy", "served"])
def test_a_personal_gain_is_found_and_its_size_is_right(name):
    log, rate = a_log(personal=True)
    made = cross_fitted(log, POLICIES)
    result = judged(log, made[name], made["one"])
    assert result.is_clear
    assert result.doubly_robust_gain.low > 0
    truth = (made[name].chances * rate).sum(1).mean()
    for estimate in (result.snips, result.doubly_robust):
        assert estimate.low < truth < estimate.high
    gain = truth - (made["one"].chances * rate).sum(1).mean()
    assert result.snips_gain.low < gain < result.snips_gain.high


def test_rewards_of_others_teach_nothing():
    log, rate = a_log(personal=True)
    made = cross_fitted(log, POLICIES, shuffled=True)["greedy"]
    assert (made.chances * rate).sum(1).mean() == pytest.approx(0.1, abs=0.01)
    assert log.reward.sum() == a_log(personal=True)[0].reward.sum()  # left as it was


def test_without_personal_tastes_no_personal_gain_is_claimed():
    log, _ = a_log(personal=False)
    made = cross_fitted(log, POLICIES)
    result = judged(log, made["greedy"], made["one"])
    assert not (result.is_clear and result.snips_gain.value > 0)
    assert learnt(log).single == 1


def test_the_estimators_tell_the_value_of_a_uniform_policy_from_an_uneven_log():
    log, rate = a_log(personal=False, n=30_000)
    base = Candidate(uniform(log), np.zeros((len(log), 3)))
    result = judged(log, base, base)
    assert result.snips.low < rate.mean() < result.snips.high


def test_on_the_email_experiment_nothing_personal_beats_the_best_email():
    """A large personal gain there is a sign of a mistake."""
    log = real(logs.hillstrom)
    assert len(log) == 32_030
    assert log.actions[learnt(log).single] == "Mens E-Mail"
    made = cross_fitted(log, POLICIES, folds=3)
    result = judged(log, made["greedy"], made["one"])
    assert result.snips_gain.low < 0
    assert abs(result.doubly_robust_gain.value) < 0.01
    arm = log.reward[log.action == 1].mean()
    assert judged(log, made["one"], made["one"]).snips.value == pytest.approx(arm)


def test_the_bandit_logs_share_items_and_people():
    random, bts = real(logs.open_bandit)
    assert (len(random), len(bts)) == (10_000, 10_000)
    assert (random.reward.sum(), bts.reward.sum()) == (46, 69)
    assert random.tastes.shape[1] == bts.tastes.shape[1]
    assert random.propensity == pytest.approx(1 / logs.N_ITEMS)
    assert len(set(random.people) & set(bts.people)) > 50


def test_a_missing_log_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("ADLOOM_BENCH_DATA", str(tmp_path))
    with pytest.raises(UnavailableError, match=r"hillstrom_dev\.csv\.gz"):
        logs.hillstrom()
