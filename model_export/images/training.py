"""Photographs -> a conditional image GAN or VAE, its sample grids and its ONNX file.

    python -m model_export.image_gan --size 64 --data photographs.zip --out folder
    python -m model_export.image_vae --size 64 --data photographs.zip --out folder

Both begin alike: an autoencoder teaches the generator colours, silhouettes and where
the codes of each class lie (Mariani et al. 2018, "BAGAN", section 3). From then on the
generator plays a min-max game against a discriminator (see `adversary`). In the GAN the
discriminator alone says what is wrong. In the VAE reconstruction + beta * KL (Kingma,
Welling 2014; Higgins et al. 2017) goes on beside it and keeps the decoder from
forgetting a photograph (Larsen et al. 2016, "Autoencoding beyond pixels using a learned
similarity metric"). Samples and the export come from a running average of the
generator's weights, which is steadier than the generator itself.
"""

from argparse import ArgumentParser
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
from torch import nn
from torch.optim import Adam

from model_export.images.adversary import BETAS, OBJECTIVES, Adversary, Objective
from model_export.images.autoencoder import ImageAutoencoder, WarmUp, warm_up
from model_export.images.command import Epoch, MeanLosses, run
from model_export.images.dataset import Photographs
from model_export.images.networks import LATENT, ImageGenerator, half_precision

DECAY: Final = 0.995
"""The average remembers about 200 steps, fewer while there were fewer."""


@dataclass(frozen=True)
class ImageRecipe:
    """How an image generator is trained."""

    epochs: int
    warm_epochs: int
    """Of the autoencoder alone, at most half of all."""
    beta: float
    """Weight of the KL beside the reconstruction."""
    fidelity: float
    """Weight of the autoencoder's loss beside the discriminator; 0: a GAN."""
    batch: int = 32
    seed: int = 0
    learning_rate: float = 4e-4
    objective: Objective = "non_saturating"


GAN: Final = ImageRecipe(epochs=40, warm_epochs=15, beta=1e-3, fidelity=0.0)
VAE: Final = ImageRecipe(epochs=15, warm_epochs=6, beta=3e-3, fidelity=0.5)


def train(photographs: Photographs, recipe: ImageRecipe) -> Iterator[Epoch]:
    """Yield the averaged generator after each epoch, with the epoch's mean losses.

    Sets torch's global seed: initial weights come from it.
    """
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    model = ImageAutoencoder(photographs)
    n_warm = min(recipe.warm_epochs, recipe.epochs // 2)
    warm = WarmUp(n_warm, recipe.batch, recipe.beta)
    yield from warm_up(model, photographs, warm, rng)
    generator = model.generator
    taught: nn.Module = model if recipe.fidelity else generator
    # The discriminator learns twice as fast (Heusel et al. 2017, two time scales).
    adversary = Adversary(photographs, 2 * recipe.learning_rate, recipe.objective)
    average = WeightAverage(generator)
    step = Adam(taught.parameters(), recipe.learning_rate, BETAS)
    for number in range(n_warm + 1, recipe.epochs + 1):
        losses = MeanLosses()
        taught.train()
        for pixels, labels in photographs.batches(recipe.batch, rng):
            real = torch.from_numpy(pixels)  # (B, C, S, S)
            category = torch.from_numpy(labels)  # (B,)
            with half_precision():
                fake = generator(torch.randn(len(real), LATENT), category)
            fake = fake.float()
            losses.add("discriminator", adversary.learn(real, fake, category))
            kept = torch.zeros(())
            if recipe.fidelity:
                reconstruction = model(real, category)
                kept = recipe.fidelity * reconstruction.loss(recipe.beta)
                losses.add("reconstruction", reconstruction.pyramid)
                losses.add("kl", reconstruction.kl)
            answer = adversary.answer(fake, category)
            losses.add("generator", answer)
            step.zero_grad(set_to_none=True)
            (answer + kept).backward()  # type: ignore[no-untyped-call]
            step.step()
            average.follow(generator)
        if recipe.fidelity:  # the encoder has learnt too: codes lie elsewhere now
            model.fit_codes(photographs)
            average.generator.codes.load_state_dict(generator.codes.state_dict())
        yield Epoch(number, losses.means(), average.generator)


class WeightAverage:
    """A running average of a generator's weights, in evaluation mode."""

    def __init__(self, generator: ImageGenerator) -> None:
        self.generator = deepcopy(generator).eval()
        self._n_steps = 0

    @torch.no_grad()
    def follow(self, current: ImageGenerator) -> None:
        """Move towards the current weights and batch statistics."""
        self._n_steps += 1
        decay = min(DECAY, self._n_steps / (self._n_steps + 10))
        for mean, value in zip(
            self.generator.state_dict().values(),
            current.state_dict().values(),
            strict=True,
        ):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)


def main(name: str, recipe: ImageRecipe) -> int:
    """Train from the command line; return the exit status.

    Args:
        name: of the module that is run.
        recipe: what to train by default.
    """

    def add_objective(parser: ArgumentParser) -> None:
        if not recipe.fidelity:
            parser.add_argument(
                "--objective", choices=OBJECTIVES, default=recipe.objective
            )

    return run(
        name,
        __doc__,
        recipe.epochs,
        lambda photographs, options: train(
            photographs,
            replace(
                recipe,
                epochs=options.epochs,
                seed=options.seed,
                objective=getattr(options, "objective", recipe.objective),
            ),
        ),
        add_objective,
    )
