"""Photographs -> a conditional image GAN, its sample grids and its ONNX file.

    python -m model_export.image_gan --size 64 --data photographs.zip --out folder

A min-max game of a generator and a discriminator (see `adversary`). It does not begin
from noise: an autoencoder first teaches the generator colours, silhouettes and where
the codes of each class lie (Mariani et al. 2018, "BAGAN", section 3), and from then on
the discriminator alone says what is wrong. Samples and the export come from a running
average of the generator's weights.
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.optim import Adam

from model_export.images.adversary import BETAS, OBJECTIVES, Adversary, Objective
from model_export.images.autoencoder import ImageAutoencoder, WarmUp, warm_up
from model_export.images.command import Epoch, MeanLosses, run
from model_export.images.dataset import Photographs
from model_export.images.networks import LATENT
from model_export.images.on_cpu import half_precision
from model_export.images.weight_average import WeightAverage


@dataclass(frozen=True)
class ImageGanConfig:
    """How an image GAN is trained."""

    epochs: int = 40
    warm_epochs: int = 15
    """The autoencoder's, at most half of all."""
    batch: int = 32
    seed: int = 0
    learning_rate: float = 4e-4
    beta: float = 1e-3
    objective: Objective = "non_saturating"


def train(photographs: Photographs, config: ImageGanConfig) -> Iterator[Epoch]:
    """Yield the averaged generator after each epoch, with the epoch's mean losses.

    Sets torch's global seed: initial weights come from it.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    model = ImageAutoencoder(photographs)
    n_warm = min(config.warm_epochs, config.epochs // 2)
    warm = WarmUp(n_warm, config.batch, config.beta)
    yield from warm_up(model, photographs, warm, rng)
    generator = model.generator
    # The discriminator learns twice as fast (Heusel et al. 2017, two time scales).
    adversary = Adversary(photographs, 2 * config.learning_rate, config.objective)
    average = WeightAverage(generator)
    step = Adam(generator.parameters(), config.learning_rate, BETAS)
    for number in range(n_warm + 1, config.epochs + 1):
        losses = MeanLosses()
        generator.train()
        for pixels, labels in photographs.batches(config.batch, rng):
            real = torch.from_numpy(pixels)  # (B, C, S, S)
            category = torch.from_numpy(labels)  # (B,)
            with half_precision():
                fake = generator(torch.randn(len(real), LATENT), category)
            fake = fake.float()
            losses.add("discriminator", adversary.learn(real, fake, category))
            answer = adversary.answer(fake, category)
            step.zero_grad(set_to_none=True)
            answer.backward()  # type: ignore[no-untyped-call]
            step.step()
            average.follow(generator)
            losses.add("generator", answer)
        yield Epoch(number, losses.means(), average.generator)


def add_objective(parser: ArgumentParser) -> None:
    """Add what only this recipe has."""
    parser.add_argument("--objective", choices=OBJECTIVES, default=OBJECTIVES[0])


def main() -> int:
    """Train from the command line; return the exit status."""
    return run(
        "image_gan",
        __doc__,
        ImageGanConfig.epochs,
        lambda photographs, options: train(
            photographs,
            ImageGanConfig(
                epochs=options.epochs, seed=options.seed, objective=options.objective
            ),
        ),
        add_objective,
    )
