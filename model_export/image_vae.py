"""Photographs -> a conditional image VAE, its sample grids and its ONNX file.

    python -m model_export.image_vae --size 64 --data photographs.zip --out folder

Minimises reconstruction + beta * KL (Kingma, Welling 2014; Higgins et al. 2017) with
the same generator body as the GAN as its decoder. Pixels are independent Bernoulli
probabilities given z, which is why samples are soft where the GAN's are sharp.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from model_export.image_command import Epoch, MeanLosses, run
from model_export.image_dataset import Photographs
from model_export.image_networks import ImageEncoder, ImageGenerator
from model_export.losses import (
    bernoulli_reconstruction,
    kl_to_standard_normal,
    negative_elbo,
)


@dataclass(frozen=True)
class ImageVaeConfig:
    """How an image VAE is trained."""

    epochs: int = 12
    batch: int = 32
    seed: int = 0
    learning_rate: float = 1e-3
    beta: float = 1.0


def train(photographs: Photographs, config: ImageVaeConfig) -> Iterator[Epoch]:
    """Yield the decoder after each epoch, with the epoch's mean losses in nats.

    Sets torch's global seed: initial weights come from it.
    """
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    encoder = ImageEncoder(photographs.size, len(photographs.names))
    decoder = ImageGenerator(photographs.size, len(photographs.names))
    optimizer = torch.optim.Adam(
        [*encoder.parameters(), *decoder.parameters()], config.learning_rate
    )
    for number in range(1, config.epochs + 1):
        losses = MeanLosses()
        decoder.train()
        for pixels, labels in photographs.batches(config.batch, rng):
            real = torch.from_numpy(pixels)  # (B, C, S, S)
            category = torch.from_numpy(labels)  # (B,)
            mean, log_variance = encoder(real, category)  # (B, 100) each
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            # tanh(a) = 2 sigmoid(2a) - 1: the logit of a pixel in [0, 1] is 2a.
            reconstruction = bernoulli_reconstruction(
                2 * decoder.logits(z, category), (real + 1) / 2
            )
            loss = negative_elbo(reconstruction, mean, log_variance, config.beta)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.add("reconstruction", reconstruction)
            losses.add("kl", kl_to_standard_normal(mean, log_variance))
        yield Epoch(number, losses.means(), decoder.eval())


def main() -> int:
    """Train from the command line; return the exit status."""
    return run(
        "image_vae",
        __doc__,
        ImageVaeConfig.epochs,
        lambda photographs, epochs, seed: train(
            photographs, ImageVaeConfig(epochs=epochs, seed=seed)
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
