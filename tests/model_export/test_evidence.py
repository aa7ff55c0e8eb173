"""Where designs do not matter the critic says so, and none is preferred."""

import numpy as np
import pytest

from model_export.critic import file as critic_file
from model_export.critic.critic_state import CriticState, LabelledImpressions
from model_export.critic.predictive_checks import (
    STRONG,
    RankingCheck,
    indifferent,
    is_followed,
    log_evidence,
)
from model_export.critic.taste import fit
from model_export.space.conditioning import random_people

N = 20_000


@pytest.fixture(scope="module")
def unheard(travel):
    return CriticState.none(
        fit(random_people(2_000, np.random.default_rng(7)), 0), travel
    )


def labelled(space, liking):
    """Return impressions of random designs, clicked by 30 % and by what is liked."""
    rng = np.random.default_rng(3)
    design = space.random(N, rng)
    logit = -0.85 + liking * (design[:, 0] - design[:, 1])
    clicked = (rng.random(N) < 1 / (1 + np.exp(-logit))).astype(np.float32)
    return LabelledImpressions(
        design, random_people(N, rng), clicked, np.zeros(N, bool)
    )


def test_nothing_heard_is_no_evidence(unheard):
    assert log_evidence(unheard.critic) == pytest.approx(0.0)
    assert unheard.follows


def test_clicks_that_designs_explain_are_followed(unheard, travel):
    known = unheard.after(labelled(travel, 0.5), travel)
    assert log_evidence(known.critic) > STRONG
    assert known.follows
    assert known.chooser(known.critic) is known.critic


def test_clicks_that_no_design_explains_leave_every_design_as_good(unheard, travel):
    known = unheard.after(labelled(travel, 0.0), travel)
    critic = known.critic
    assert log_evidence(critic) < -STRONG
    assert not known.follows
    n_pairs = critic.layout.n_looks * critic.layout.n_who
    before = critic.prior.mean(critic.layout)[:n_pairs]
    served = known.draws(0).mean(1)
    assert served[:n_pairs] == pytest.approx(before, abs=1e-6)
    assert np.abs(critic.mean()[:n_pairs] - before).max() > 0.005
    assert served[-1] == pytest.approx(critic.mean()[-1], abs=0.3)
    assert "none is preferred" in known.verdicts(travel)[0].detail


def test_what_was_left_aside_is_kept_and_taken_up_when_clicks_say_so(unheard, travel):
    known = unheard.after(labelled(travel, 0.0), travel)
    again = critic_file.from_bytes(critic_file.to_bytes(known), travel)
    assert not again.follows
    assert again.after(labelled(travel, 0.5), travel).follows


def test_it_takes_less_to_go_on_than_to_begin_again(unheard):
    critic, unsure = unheard.critic, RankingCheck(0.50, 40_000.0)
    assert is_followed(critic, unsure, was_followed=True)
    assert not is_followed(critic, unsure, was_followed=False)
    assert is_followed(critic, RankingCheck(0.55, 40_000.0), was_followed=False)


def test_a_critic_that_knows_no_design_knows_the_context(unheard, travel):
    critic = unheard.after(labelled(travel, 0.5), travel).critic
    plain = indifferent(critic)
    n_pairs = critic.layout.n_looks * critic.layout.n_who
    assert not plain.precision[:n_pairs].any()
    assert plain.precision[n_pairs:, n_pairs:].any()


def test_evidence_is_that_of_the_integrals(unheard, travel):
    """Against the textbook's formula with determinants and inverses."""
    critic = unheard.after(labelled(travel, 0.5), travel).critic
    layout = critic.layout
    n_pairs = layout.n_looks * layout.n_who
    prior = unheard.critic.prior
    variance = prior.variances(layout)
    variance[:n_pairs] *= 0.5
    eta = critic.eta - critic.precision @ prior.mean(layout)

    def marginal(kept):
        own = critic.precision[kept, kept]
        total = own + np.diag(1 / variance[kept])
        _, size = np.linalg.slogdet(np.eye(len(own)) + variance[kept, None] * own)
        return 0.5 * eta[kept] @ np.linalg.solve(total, eta[kept]) - 0.5 * size

    expected = marginal(slice(None)) - marginal(slice(n_pairs, None))
    assert log_evidence(critic) == pytest.approx(expected, rel=1e-6)
