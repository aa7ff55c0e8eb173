"""Photographs -> encoder and decoder: how both image recipes begin.

A conditional VAE (Kingma, Welling 2014) whose pixels are Laplacian, compared on every
level of a Laplacian pyramid (Bojanowski et al. 2018, "Optimizing the Latent Space of
Generative Networks", section 3.2): an edge in the wrong place is forgiven on the coarse
levels and a missing one is not on the fine ones, where independent pixels alone would
draw means. A few minutes of this give what hundreds of adversarial epochs would have to
find: colours, silhouettes, a code for each.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam

from model_export.generators.losses import kl_to_standard_normal
from model_export.images.command import Epoch, MeanLosses
from model_export.images.dataset import Photographs
from model_export.images.networks import (
    ImageEncoder,
    ImageGenerator,
    channels_last,
    half_precision,
)

COARSEST: Final = 8
"""Smallest side of a level that is halved again."""
COARSER: Final = 1.5
"""Weight of a level beside the next finer one."""
_READ: Final = 64
"""Photographs encoded at once."""


@dataclass(frozen=True)
class Reconstruction:
    """What one step of an autoencoder costs."""

    pyramid: Tensor
    """Mean absolute error over the pyramid's levels, weighted."""
    kl: Tensor
    """Nats."""

    def loss(self, beta: float) -> Tensor:
        """Return pyramid + beta * KL."""
        return self.pyramid + beta * self.kl


class ImageAutoencoder(nn.Module):
    """An encoder and the generator that is its decoder."""

    def __init__(self, photographs: Photographs) -> None:
        super().__init__()
        n_categories = len(photographs.names)
        self.encoder = ImageEncoder(photographs.size, n_categories)
        self.generator = ImageGenerator(photographs.size, n_categories)

    def forward(self, real: Tensor, category: Tensor) -> Reconstruction:
        """Encode, sample q(z | x), decode, compare; [B, C, S, S] and [B]."""
        with half_precision():
            mean, log_variance = self.encoder(real, category)  # (B, 100) each
        mean, log_variance = mean.float(), log_variance.float()
        code = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        with half_precision():
            drawn = self.generator.decode(code, category)
        return Reconstruction(
            pyramid_distance(drawn.float(), real),
            kl_to_standard_normal(mean, log_variance),
        )

    @torch.no_grad()
    def fit_codes(self, photographs: Photographs) -> None:
        """Fit the generator's Gaussians of each class to the photographs' codes."""
        category = torch.from_numpy(photographs.categories)
        means, variances = [], []
        real = torch.from_numpy(photographs.floats())
        for some, labels in zip(
            torch.split(real, _READ), torch.split(category, _READ), strict=True
        ):
            mean, log_variance = self.encoder(some, labels)
            means.append(mean)
            variances.append(log_variance.exp())
        self.generator.codes.fit(torch.cat(means), torch.cat(variances), category)


@dataclass(frozen=True)
class WarmUp:
    """How the first part of both recipes goes."""

    n_epochs: int
    batch: int
    beta: float
    """Weight of the KL, in nats, beside a mean error by pixel and not a sum."""
    learning_rate: float = 1.5e-3


def warm_up(
    model: ImageAutoencoder,
    photographs: Photographs,
    config: WarmUp,
    rng: np.random.Generator,
) -> Iterator[Epoch]:
    """Teach encoder and decoder to agree; yield the decoder after each epoch."""
    channels_last(model)
    step = Adam(model.parameters(), config.learning_rate)
    for number in range(1, config.n_epochs + 1):
        losses = MeanLosses()
        model.train()
        for group in step.param_groups:  # to a third, where the game begins
            group["lr"] = config.learning_rate * (1 - number / (1.5 * config.n_epochs))
        for pixels, labels in photographs.batches(config.batch, rng):
            found = model(torch.from_numpy(pixels), torch.from_numpy(labels))
            step.zero_grad(set_to_none=True)
            found.loss(config.beta).backward()
            step.step()
            losses.add("reconstruction", found.pyramid)
            losses.add("kl", found.kl)
        model.fit_codes(photographs)
        yield Epoch(number, losses.means(), model.generator.eval())


def pyramid_distance(drawn: Tensor, real: Tensor) -> Tensor:
    """Return the weighted mean absolute error over a Laplacian pyramid.

    Burt, Adelson 1983, "The Laplacian Pyramid as a Compact Image Code"; the low-pass
    filter is the mean of 2 x 2 pixels.
    """
    total, weight = torch.zeros(()), 1.0
    difference = drawn - real  # the pyramid is linear
    while difference.shape[-1] > COARSEST - 1 and difference.shape[-1] % 2 == 0:
        coarse = F.avg_pool2d(difference, 2)
        detail = difference - F.interpolate(coarse, scale_factor=2.0)
        total = total + weight * detail.abs().mean()
        weight, difference = weight * COARSER, coarse
    return total + weight * difference.abs().mean()
