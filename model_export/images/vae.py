"""Photographs -> a conditional image VAE, its sample grids and its ONNX file.

    python -m model_export.image_vae --size 64 --data photographs.zip --out folder

Minimises reconstruction + beta * KL (Kingma, Welling 2014; Higgins et al. 2017) with
the same generator body as the GAN as its decoder. In the second part of the epochs a
discriminator sharpens what it draws (Larsen et al. 2016, "Autoencoding beyond pixels
using a learned similarity metric"), while the reconstruction keeps it from forgetting
a photograph.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.optim import Adam

from model_export.images.adversary import BETAS, Adversary
from model_export.images.autoencoder import ImageAutoencoder, WarmUp, warm_up
from model_export.images.command import Epoch, MeanLosses, run
from model_export.images.dataset import Photographs
from model_export.images.networks import LATENT
from model_export.images.on_cpu import half_precision
from model_export.images.weight_average import WeightAverage


@dataclass(frozen=True)
class ImageVaeConfig:
    """How an image VAE is trained."""

    epochs: int = 15
    plain_epochs: int = 6
    """Of reconstruction and KL alone, at most half of all."""
    batch: int = 32
    seed: int = 0
    learning_rate: float = 4e-4
    beta: float = 3e-3
    fidelity: float = 0.5
    """Weight of the reconstruction beside the discriminator."""


def train(photographs: Photographs, config: ImageVaeConfig) -> Iterator[Epoch]:
    """Yield the decoder after each epoch, with the epoch's mean losses.

    Sets torch's global seed: initial weights come from it.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    model = ImageAutoencoder(photographs)
    n_plain = min(config.plain_epochs, config.epochs // 2)
    warm = WarmUp(n_plain, config.batch, config.beta)
    yield from warm_up(model, photographs, warm, rng)
    adversary = Adversary(photographs, 2 * config.learning_rate, "non_saturating")
    average = WeightAverage(model.generator)
    step = Adam(model.parameters(), config.learning_rate, BETAS)
    for number in range(n_plain + 1, config.epochs + 1):
        losses = MeanLosses()
        model.train()
        for pixels, labels in photographs.batches(config.batch, rng):
            real = torch.from_numpy(pixels)  # (B, C, S, S)
            category = torch.from_numpy(labels)  # (B,)
            with half_precision():
                fake = model.generator(torch.randn(len(real), LATENT), category)
            fake = fake.float()
            losses.add("discriminator", adversary.learn(real, fake, category))
            reconstruction = model(real, category)
            answer = adversary.answer(fake, category)
            loss = answer + config.fidelity * reconstruction.loss(config.beta)
            step.zero_grad(set_to_none=True)
            loss.backward()
            step.step()
            average.follow(model.generator)
            losses.add("generator", answer)
            losses.add("reconstruction", reconstruction.pyramid)
            losses.add("kl", reconstruction.kl)
        model.fit_codes(photographs)
        average.generator.codes.load_state_dict(model.generator.codes.state_dict())
        yield Epoch(number, losses.means(), average.generator)


def main() -> int:
    """Train from the command line; return the exit status."""
    return run(
        "image_vae",
        __doc__,
        ImageVaeConfig.epochs,
        lambda photographs, options: train(
            photographs, ImageVaeConfig(epochs=options.epochs, seed=options.seed)
        ),
    )
