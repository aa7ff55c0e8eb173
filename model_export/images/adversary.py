"""Photographs and drawings -> a discriminator that learns to tell them apart.

The standard min-max objective in its non-saturating form (Goodfellow et al. 2014) with
the R1 penalty (Mescheder et al. 2018) every sixteenth step (Karras et al. 2020,
"StyleGAN2", section 3.1), or WGAN-GP (Gulrajani et al. 2017). Everything the
discriminator sees is augmented: photographs and drawings come in another light and
place, and gradients pass back. A few thousand photographs then last many epochs before
it knows them by heart (Zhao et al. 2020, "Differentiable Augmentation for
Data-Efficient GAN Training"). Colour and translation as there; cutouts are left out,
since they hide what little there is in 28 x 28 pixels.
"""

from typing import Final, Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Adam

from model_export.generators.losses import (
    discriminator_loss,
    gradient_penalty,
    non_saturating_generator_loss,
    r1_penalty,
    wasserstein_critic_loss,
    wasserstein_generator_loss,
)
from model_export.images.dataset import Photographs
from model_export.images.networks import (
    ImageDiscriminator,
    channels_last,
    half_precision,
)

Objective = Literal["non_saturating", "wgan_gp"]
OBJECTIVES: Final[tuple[Objective, ...]] = ("non_saturating", "wgan_gp")

BETAS: Final = (0.5, 0.99)
"""Of Adam in a game: beta 1 as in DCGAN, section 4."""
R1_GAMMA: Final = 0.2
R1_EVERY: Final = 16
LAMBDA: Final = 10.0
"""Of WGAN-GP (Gulrajani et al. 2017, section 4)."""

BRIGHTNESS: Final = 0.25
"""Largest shift of a picture in [-1, 1]."""
SATURATION: Final = 0.5
CONTRAST: Final = 0.25
"""Largest change of a factor of 1."""
MARGIN: Final = 8
"""A picture moves by at most this part of its side."""


class Adversary:
    """The discriminator's side of the game."""

    def __init__(
        self, photographs: Photographs, learning_rate: float, objective: Objective
    ) -> None:
        self.discriminator = channels_last(
            ImageDiscriminator(photographs.size, len(photographs.names))
        )
        self._step = Adam(self.discriminator.parameters(), learning_rate, BETAS)
        self._objective = objective
        self._n_steps = 0

    def learn(self, real: Tensor, fake: Tensor, category: Tensor) -> Tensor:
        """Take one step; return the loss without its penalty.

        Args:
            real: photographs [B, C, S, S].
            fake: drawings [B, C, S, S] of the same classes; not changed.
            category: [B].
        """
        self._n_steps += 1
        self.discriminator.requires_grad_(requires_grad=True)
        real, fake = augmented(real), augmented(fake.detach())
        real_logits, fake_logits = self._logits(torch.cat([real, fake]), category)
        if self._objective == "wgan_gp":
            loss = wasserstein_critic_loss(real_logits, fake_logits)
            mix = torch.rand(len(real), 1, 1, 1)
            penalty = LAMBDA * gradient_penalty(
                lambda pictures: self.discriminator(pictures, category), real, fake, mix
            )
        else:
            loss = discriminator_loss(real_logits, fake_logits)
            penalty = self._r1(real, category)
        self._step.zero_grad(set_to_none=True)
        (loss + penalty).backward()  # type: ignore[no-untyped-call]
        self._step.step()
        self.discriminator.requires_grad_(requires_grad=False)
        return loss

    def answer(self, fake: Tensor, category: Tensor) -> Tensor:
        """Return the generator's loss for drawings [B, C, S, S] of classes [B]."""
        with half_precision():
            logits = self.discriminator(augmented(fake), category)
        if self._objective == "wgan_gp":
            return wasserstein_generator_loss(logits.float())
        return non_saturating_generator_loss(logits.float())

    def _logits(self, pictures: Tensor, category: Tensor) -> tuple[Tensor, Tensor]:
        with half_precision():
            logits = self.discriminator(pictures, category.repeat(2))
        first, second = logits.float().chunk(2)
        return first, second

    def _r1(self, real: Tensor, category: Tensor) -> Tensor:
        if self._n_steps % R1_EVERY:
            return torch.zeros(())
        inputs = real.clone().requires_grad_()
        # Seldom, so that much heavier: the same pull on average.
        weight = R1_GAMMA * R1_EVERY
        return weight * r1_penalty(self.discriminator(inputs, category), inputs)


def augmented(pictures: Tensor) -> Tensor:
    """Return [B, C, S, S], each picture changed on its own; torch's generator draws."""
    return _moved(_lit(pictures))


def _lit(pictures: Tensor) -> Tensor:
    def factors(spread: float) -> Tensor:
        return spread * (2 * torch.rand(len(pictures), 1, 1, 1) - 1)

    pictures = pictures + factors(BRIGHTNESS)
    grey = pictures.mean(1, keepdim=True)
    pictures = grey + (pictures - grey) * (1 + factors(SATURATION))
    level = pictures.mean((1, 2, 3), keepdim=True)
    return level + (pictures - level) * (1 + factors(CONTRAST))


def _moved(pictures: Tensor) -> Tensor:
    n, _, side, _ = pictures.shape
    most = side // MARGIN
    wide = F.pad(pictures, (most,) * 4, mode="replicate")
    top, left = torch.randint(2 * most + 1, (2, n)).tolist()
    return torch.stack(
        [
            picture[:, y : y + side, x : x + side]
            for picture, y, x in zip(wide, top, left, strict=True)
        ]
    )
