"""Photographs -> a conditional image GAN, its sample grids and its ONNX file.

    python -m model_export.image_gan --size 64 --data photographs.zip --out folder

The discriminator maximises, and the generator answers, the standard min-max objective
in its non-saturating form (Goodfellow et al. 2014), with the R1 penalty (Mescheder et
al. 2018) every eighth step (Karras et al. 2020, "StyleGAN2", section 3.1). Samples and
the export come from a running average of the generator's weights.
"""

import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from model_export.image_command import Epoch, MeanLosses, run
from model_export.image_dataset import Photographs
from model_export.image_networks import LATENT, ImageDiscriminator, ImageGenerator
from model_export.losses import (
    discriminator_loss,
    non_saturating_generator_loss,
    r1_penalty,
)


@dataclass(frozen=True)
class ImageGanConfig:
    """How an image GAN is trained."""

    epochs: int = 12
    batch: int = 32
    seed: int = 0
    learning_rate: float = 6e-4  # thrice DCGAN's: few steps on few photographs
    beta_1: float = 0.5  # DCGAN, section 4
    r1_gamma: float = 0.5
    r1_every: int = 8
    average_decay: float = 0.99  # remembers about 100 steps


def train(photographs: Photographs, config: ImageGanConfig) -> Iterator[Epoch]:
    """Yield the averaged generator after each epoch, with the epoch's mean losses.

    Sets torch's global seed: initial weights come from it.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    size, n_categories = photographs.size, len(photographs.names)
    generator = ImageGenerator(size, n_categories)
    discriminator = ImageDiscriminator(size, n_categories)
    averaged = deepcopy(generator).eval()
    betas = (config.beta_1, 0.999)
    generator_step = torch.optim.Adam(
        generator.parameters(), config.learning_rate, betas
    )
    discriminator_step = torch.optim.Adam(
        discriminator.parameters(), config.learning_rate, betas
    )
    step = 0
    for number in range(1, config.epochs + 1):
        losses = MeanLosses()
        for pixels, labels in photographs.batches(config.batch, rng):
            step += 1
            real = torch.from_numpy(pixels)  # (B, C, S, S)
            category = torch.from_numpy(labels)  # (B,)
            fake = generator(torch.randn(len(real), LATENT), category)

            # The discriminator tells photographs from drawings.
            loss = discriminator_loss(
                discriminator(real, category), discriminator(fake.detach(), category)
            )
            losses.add("discriminator", loss)
            if step % config.r1_every == 0:
                penalty = _penalty(discriminator, real, category)
                losses.add("r1", penalty)
                # Seldom, so that much heavier: the same pull on average.
                loss = loss + config.r1_gamma * config.r1_every * penalty
            _descend(discriminator_step, loss)

            # The generator draws what the discriminator takes for photographs.
            loss = non_saturating_generator_loss(discriminator(fake, category))
            losses.add("generator", loss)
            _descend(generator_step, loss)
            _average(averaged, generator, config.average_decay)
        yield Epoch(number, losses.means(), averaged)


def _penalty(
    discriminator: ImageDiscriminator, real: Tensor, category: Tensor
) -> Tensor:
    inputs = real.clone().requires_grad_()
    return r1_penalty(discriminator(inputs, category), inputs)


def _descend(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()


@torch.no_grad()
def _average(averaged: ImageGenerator, current: ImageGenerator, decay: float) -> None:
    """Move the average towards the current weights and batch statistics."""
    for mean, value in zip(
        averaged.state_dict().values(), current.state_dict().values(), strict=True
    ):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


def main() -> int:
    """Train from the command line; return the exit status."""
    return run(
        "image_gan",
        __doc__,
        ImageGanConfig.epochs,
        lambda photographs, epochs, seed: train(
            photographs, ImageGanConfig(epochs=epochs, seed=seed)
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
