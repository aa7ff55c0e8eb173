"""Adversarial and variational objectives: closed forms."""

import math

import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from model_export.generators import losses  # noqa: E402  # after the skip


def logits(*probabilities):
    return torch.logit(torch.tensor(probabilities))


def test_an_undecided_discriminator_loses_two_log_two():
    undecided = torch.zeros(5)
    loss = losses.discriminator_loss(undecided, undecided)
    assert loss.item() == pytest.approx(2 * math.log(2))


def test_the_min_max_objective_is_what_the_paper_writes():
    real, fake = logits(0.9, 0.6), logits(0.2, 0.3)
    value = (math.log(0.9) + math.log(0.6) + math.log(0.8) + math.log(0.7)) / 2
    assert losses.discriminator_loss(real, fake).item() == pytest.approx(-value)
    saturating = (math.log(0.8) + math.log(0.7)) / 2
    assert losses.minimax_generator_loss(fake).item() == pytest.approx(saturating)
    other = -(math.log(0.2) + math.log(0.3)) / 2
    assert losses.non_saturating_generator_loss(fake).item() == pytest.approx(other)


def test_the_non_saturating_form_has_a_gradient_where_the_discriminator_wins():
    gradients = []
    for form in (losses.minimax_generator_loss, losses.non_saturating_generator_loss):
        beaten = torch.full((1,), -10.0, requires_grad=True)
        form(beaten).backward()
        gradients.append(abs(beaten.grad.item()))
    assert gradients[0] < 1e-4
    assert gradients[1] > 0.99


def test_penalties_of_a_linear_discriminator_follow_from_its_slope():
    slope = torch.tensor([3.0, 4.0])  # norm 5
    real = torch.randn(6, 2, requires_grad=True)
    assert losses.r1_penalty(real @ slope, real).item() == pytest.approx(12.5)
    penalty = losses.gradient_penalty(
        lambda inputs: inputs @ slope, real, torch.zeros(6, 2), torch.rand(6, 1)
    )
    assert penalty.item() == pytest.approx(16.0)  # (5 - 1)^2


def test_the_wasserstein_losses_are_differences_of_means():
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])
    assert losses.wasserstein_critic_loss(real, fake).item() == -1.5
    assert losses.wasserstein_generator_loss(fake).item() == -0.5


def test_the_kl_term_equals_the_library_formula():
    mean, log_variance = torch.randn(50, 8), torch.randn(50, 8)
    q = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    p = torch.distributions.Normal(0.0, 1.0)
    expected = torch.distributions.kl_divergence(q, p).sum(1).mean()
    assert torch.allclose(losses.kl_to_standard_normal(mean, log_variance), expected)


def test_the_elbo_is_reconstruction_plus_beta_times_kl():
    mean, log_variance = torch.ones(3, 2), torch.zeros(3, 2)  # KL = 1
    loss = losses.negative_elbo(torch.tensor(7.0), mean, log_variance, beta=0.5)
    assert loss.item() == pytest.approx(7.5)


def test_a_design_is_reconstructed_by_cross_entropy_and_squared_error():
    chances = torch.tensor([[0.25, 0.75, 0.5, 0.5]]).log()
    target = torch.tensor([[0.0, 1.0, 1.0, 0.0, 0.3]])
    loss = losses.design_reconstruction(chances, torch.tensor([[0.1]]), target, 0.1)
    assert loss.item() == pytest.approx(-math.log(0.75 * 0.5) + 0.5 * 2.0**2)


def test_a_decoder_is_no_distance_from_itself_and_some_from_others():
    chances = torch.tensor([[0.2, 0.8]]).log()
    other = torch.tensor([[0.6, 0.4]]).log()
    at = torch.tensor([[0.5]])
    assert losses.design_kl(chances, at, chances, at, 0.1).item() == 0.0
    expected = 0.2 * math.log(0.2 / 0.6) + 0.8 * math.log(0.8 / 0.4)
    assert losses.design_kl(chances, at, other, at, 0.1).item() == pytest.approx(
        expected
    )


def test_the_entropy_of_a_uniform_design_is_the_log_of_its_number():
    chances = torch.full((4, 6), 1 / 2).log()  # three attributes of two values
    assert losses.entropy(chances).item() == pytest.approx(3 * math.log(2))
