"""Fake clicks aimed at one value are found, and teach nothing."""

import numpy as np
import pytest

from model_export.critic.critic_state import CriticState, LabelledImpressions
from model_export.critic.poison import Suspects
from model_export.critic.taste import seeded
from tests.model_export.feedback_records import people


def labelled(space, n, rng, *, fakes=0.0, column=3, rate=0.025):
    """Return feedback of random designs; fakes is a share of all impressions."""
    design = space.random(n, rng)
    clicked = rng.random(n) < rate * np.exp(0.4 * design[:, 0])
    hit = design[:, column] > 0
    clicked |= hit & (rng.random(n) < fakes / hit.mean())
    at_random = np.ones(n, bool)
    return LabelledImpressions(
        design, people(n, rng), clicked.astype(np.float32), at_random
    )


def test_the_alarm_is_raised_within_two_thousand_fakes(travel):
    rng = np.random.default_rng(0)
    suspects, n_fakes = Suspects.none(travel.n_logits), 0.0
    while not len(suspects.columns()):
        batch = labelled(travel, 2_500, rng, fakes=0.02)
        suspects = suspects.after(batch.design, batch.clicked)
        n_fakes += 0.02 * 2_500
        assert n_fakes <= 2_000
    assert suspects.columns().tolist() == [3]
    verdict = suspects.verdict(travel)
    assert verdict.result == "unsure"
    assert "layout" in verdict.detail or " = " in verdict.detail


def test_honest_traffic_raises_no_alarm(travel):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        suspects = Suspects.none(travel.n_logits)
        for _ in range(10):
            batch = labelled(travel, 2_500, rng)
            suspects = suspects.after(batch.design, batch.clicked)
            assert not len(suspects.columns())


def test_a_poisoned_value_does_not_win_the_critic(travel):
    rng = np.random.default_rng(1)
    who = seeded(np.random.default_rng(0))
    worths = []
    for fakes in (0.0, 0.02):
        critic_state = CriticState.none(who, travel)
        for _ in range(6):
            batch = labelled(travel, 2_500, rng, fakes=fakes)
            critic_state = critic_state.after(batch, travel)
        n_who = critic_state.critic.layout.n_who
        worths.append(critic_state.critic.mean()[3 * n_who])
    assert worths[1] == pytest.approx(worths[0], abs=0.25)  # in log-odds


def test_when_the_fakes_stop_the_value_is_learnt_about_again(travel):
    rng = np.random.default_rng(2)
    suspects = Suspects.none(travel.n_logits)
    for _ in range(3):
        batch = labelled(travel, 2_500, rng, fakes=0.02)
        suspects = suspects.after(batch.design, batch.clicked)
    assert len(suspects.columns())
    for _ in range(10):
        batch = labelled(travel, 2_500, rng)
        suspects = suspects.after(batch.design, batch.clicked)
    assert not len(suspects.columns())
