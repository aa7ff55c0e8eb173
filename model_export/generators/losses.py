"""Network outputs -> losses: adversarial and variational objectives, plainly.

D(x) is the discriminator's logit of "real", so its probability is sigmoid(D(x)). Every
function returns a scalar to be minimised. They serve any generator: designs or images.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return the discriminator's side of the standard min-max objective.

    max_D  E log D(x) + E log(1 - D(G(z))), negated (Goodfellow et al. 2014,
    "Generative Adversarial Nets", equation 1). Logits [n], any shape.
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def minimax_generator_loss(fake: Tensor) -> Tensor:
    """Return the generator's side of the min-max objective.

    min_G  E log(1 - D(G(z))) (Goodfellow et al. 2014, equation 1). Its gradient
    vanishes where the discriminator wins: prefer the non-saturating form.
    """
    return -F.softplus(fake).mean()


def non_saturating_generator_loss(fake: Tensor) -> Tensor:
    """Return the non-saturating generator loss.

    max_G  E log D(G(z)), negated (Goodfellow et al. 2014, section 3): the same fixed
    point as the min-max form, with a gradient where the discriminator wins.
    """
    return F.softplus(-fake).mean()


def r1_penalty(real: Tensor, inputs: Tensor) -> Tensor:
    """Return 1/2 E |grad_x D(x)|^2 on real samples.

    Source: Mescheder, Geiger, Nowozin 2018, "Which Training Methods for GANs do
    actually Converge?", equation 9, without its factor gamma.

    Args:
        real: logits [n, ...] computed from `inputs`.
        inputs: real samples [n, ...] with requires_grad.
    """
    (gradient,) = torch.autograd.grad(real.sum(), inputs, create_graph=True)
    return 0.5 * gradient.flatten(1).square().sum(1).mean()


def wasserstein_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """Return E D(G(z)) - E D(x) (Arjovsky, Chintala, Bottou 2017, "WGAN")."""
    return fake.mean() - real.mean()


def wasserstein_generator_loss(fake: Tensor) -> Tensor:
    """Return -E D(G(z)) (Arjovsky, Chintala, Bottou 2017, "WGAN")."""
    return -fake.mean()


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor],
    real: Tensor,
    fake: Tensor,
    mix: Tensor,
) -> Tensor:
    """Return E (|grad_x D(x)| - 1)^2 between real and fake samples.

    Source: Gulrajani et al. 2017, "Improved Training of Wasserstein GANs",
    equation 3, without its factor lambda.

    Args:
        discriminator: samples [n, ...] -> logits.
        real: samples [n, ...].
        fake: samples [n, ...].
        mix: uniform numbers [n, 1, ...], broadcast over a sample.
    """
    between = (mix * real + (1.0 - mix) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(
        discriminator(between).sum(), between, create_graph=True
    )
    length = gradient.flatten(1).square().sum(1).sqrt()
    return (length - 1.0).square().mean()


def kl_to_standard_normal(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return E KL(N(mean, variance) || N(0, I)): closed form, nats.

    Source: Kingma, Welling 2014, "Auto-Encoding Variational Bayes", appendix B.
    Tensors [n, latent].
    """
    terms = 1.0 + log_variance - mean.square() - log_variance.exp()
    return -0.5 * terms.sum(1).mean()


def negative_elbo(
    reconstruction: Tensor, mean: Tensor, log_variance: Tensor, beta: float
) -> Tensor:
    """Return reconstruction + beta * KL: the VAE objective, to be minimised.

    Sources: Kingma, Welling 2014, equation 10 (beta = 1); Higgins et al. 2017,
    "beta-VAE", equation 4.

    Args:
        reconstruction: -E log p(x | z), a scalar in nats for a sample.
        mean: of q(z | x), [n, latent].
        log_variance: of q(z | x), [n, latent].
        beta: weight of the KL term.
    """
    return reconstruction + beta * kl_to_standard_normal(mean, log_variance)


def design_reconstruction(
    log_probabilities: Tensor,
    continuous: Tensor,
    target: Tensor,
    deviation: float,
) -> Tensor:
    """Return -E log p(design | z), nats: categorical blocks and Gaussian columns.

    Args:
        log_probabilities: [n, NV], normalised within each attribute.
        continuous: [n, NC], means.
        target: [n, D], one-hot blocks, then scaled continuous columns.
        deviation: standard deviation of a continuous column.
    """
    n_logits = log_probabilities.shape[1]
    categorical = -(target[:, :n_logits] * log_probabilities).sum(1)
    error = (target[:, n_logits:] - continuous) / deviation
    return (categorical + 0.5 * error.square().sum(1)).mean()


def design_kl(
    log_probabilities: Tensor,
    continuous: Tensor,
    reference_log_probabilities: Tensor,
    reference_continuous: Tensor,
    deviation: float,
) -> Tensor:
    """Return E KL(p(design | z) || reference(design | z)), nats.

    Both decoders factorise over attributes, so the sum over designs is exact.
    """
    difference = log_probabilities - reference_log_probabilities
    categorical = (log_probabilities.exp() * difference).sum(1)
    shift = (continuous - reference_continuous) / deviation
    return (categorical + 0.5 * shift.square().sum(1)).mean()


def entropy(log_probabilities: Tensor) -> Tensor:
    """Return the mean entropy of a design's categorical attributes together, nats."""
    return -(log_probabilities.exp() * log_probabilities).sum(1).mean()
