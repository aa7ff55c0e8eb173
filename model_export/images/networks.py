"""Latent and category <-> picture: DCGAN-style networks, 28x28x1 and 64x64x3.

Radford, Metz, Chintala 2016, "Unsupervised Representation Learning with Deep
Convolutional Generative Adversarial Networks": strided convolutions, batch
normalisation in the generator, leaky ReLU in the discriminator, weights from
N(0, 0.02). Four things differ. The generator doubles a picture and then convolves it,
instead of a transposed convolution, which draws a chessboard (Odena, Dumoulin, Olah
2016, "Deconvolution and Checkerboard Artifacts"). The category enters: as an embedding
beside the code, and in the discriminator as a projection (Miyato, Koyama 2018, "cGANs
with Projection Discriminator", equation 3). z becomes a code through a Gaussian of the
class. And the encoder and discriminator have no batch normalisation, because the R1
penalty needs the gradient of each sample by itself; without it, weights of 0.02 would
leave their outputs near zero for hundreds of steps, so theirs keep the variance (He et
al. 2015, "Delving Deep into Rectifiers").

B below is the batch, S the side, C the channels.
"""

from itertools import pairwise
from typing import Final, NamedTuple, TypeVar, cast

import torch
from torch import Tensor, nn

from model_export.images.dataset import N_CHANNELS, ImageSize

LATENT: Final = 100
"""Length of z, as in the paper."""
EMBEDDING: Final = 32
FEATURES: Final = 128
SLOPE: Final = 0.2
N_SHARED: Final = 100
"""Photographs' worth of the covariance that all classes share: a class of a hundred
photographs cannot tell the covariance of a hundred numbers by itself."""
_RIDGE: Final = 1e-5

Network = TypeVar("Network", bound=nn.Module)


class Pyramid(NamedTuple):
    """A pyramid: each level doubles the side and halves the channels."""

    start: int
    """Side of the smallest level."""
    channels: tuple[int, ...]
    """Of each level, from the smallest."""


LAYOUTS: Final[dict[ImageSize, Pyramid]] = {
    28: Pyramid(7, (128, 64)),  # 7 -> 14 -> 28
    64: Pyramid(4, (256, 128, 64, 32)),  # 4 -> 8 -> 16 -> 32 -> 64
}


class ClassGaussians(nn.Module):
    """z [B, L] and category [B] -> code [B, L] = mean + root z, by class.

    A decoder is taught on the codes of photographs, and these do not fill N(0, I). So
    after the training the codes' own density is fitted and sampled (Ghosh et al. 2020,
    "From Variational to Deterministic Autoencoders", section 4.1, ex-post density
    estimation), by class (Mariani et al. 2018, "BAGAN: Data Augmentation with Balancing
    GAN", section 3). The map is part of the exported network: callers still hand in
    plain noise z ~ N(0, I). The identity, until it is fitted.
    """

    mean: Tensor
    root: Tensor

    def __init__(self, n_categories: int, length: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_categories, length))
        self.register_buffer("root", torch.eye(length).repeat(n_categories, 1, 1))

    def forward(self, z: Tensor, category: Tensor) -> Tensor:
        """Return codes of a class."""
        turned = torch.matmul(self.root[category], z.unsqueeze(2)).squeeze(2)
        return self.mean[category] + turned

    @torch.no_grad()
    def fit(self, means: Tensor, variances: Tensor, category: Tensor) -> None:
        """Fit to the posteriors of photographs, all of them of one weight.

        Args:
            means: of q(z | x), [n, L].
            variances: of q(z | x), [n, L].
            category: [n]; a class without photographs keeps what it had.
        """
        present = sorted(set(category.tolist()))
        for number in present:
            self.mean[number] = means[category == number].mean(0)
        apart = means - self.mean[category]
        shared = apart.T @ apart / len(apart)  # (L, L)
        for number in present:
            rows = category == number
            own = apart[rows].T @ apart[rows]
            covariance = (own + N_SHARED * shared) / (int(rows.sum()) + N_SHARED)
            spread = variances[rows].mean(0) + _RIDGE
            self.root[number] = torch.linalg.cholesky(covariance + spread.diag())


class ImageGenerator(nn.Module):
    """z [B, 100] and category [B] -> code -> picture [B, C, S, S] in [-1, 1].

    The GAN's generator and the VAE's decoder alike: the exported network.
    """

    def __init__(self, size: ImageSize, n_categories: int) -> None:
        super().__init__()
        self.start, channels = LAYOUTS[size]
        self.codes = ClassGaussians(n_categories, LATENT)
        self.embedding = nn.Embedding(n_categories, EMBEDDING)
        self.first = nn.Linear(LATENT + EMBEDDING, channels[0] * self.start**2)
        levels: list[nn.Module] = [nn.BatchNorm2d(channels[0]), nn.ReLU()]
        for wide, narrow in pairwise(channels):
            levels += [
                nn.Upsample(scale_factor=2),
                nn.Conv2d(wide, narrow, 3, padding=1, bias=False),
                nn.BatchNorm2d(narrow),
                nn.ReLU(),
            ]
        levels += [
            nn.Upsample(scale_factor=2),
            nn.Conv2d(channels[-1], N_CHANNELS[size], 3, padding=1),
        ]
        self.levels = nn.Sequential(*levels)
        self.apply(_start_small)

    def forward(self, z: Tensor, category: Tensor) -> Tensor:
        """Return pictures; pixels in [-1, 1]."""
        return self.decode(self.codes(z, category), category)

    def decode(self, code: Tensor, category: Tensor) -> Tensor:
        """Return the pictures of codes [B, 100]."""
        inputs = torch.cat([code, self.embedding(category)], 1)  # (B, 132)
        hidden = self.first(inputs).unflatten(1, (-1, self.start, self.start))
        return torch.tanh(self.levels(hidden))


class _Trunk(nn.Module):
    """Picture [B, C, S, S] -> features [B, 128]."""

    def __init__(self, size: ImageSize) -> None:
        super().__init__()
        start, channels = LAYOUTS[size]
        widths = (N_CHANNELS[size], *reversed(channels))
        levels: list[nn.Module] = []
        for narrow, wide in pairwise(widths):
            levels += [nn.Conv2d(narrow, wide, 4, 2, 1), nn.LeakyReLU(SLOPE)]
        self.levels = nn.Sequential(
            *levels,
            nn.Flatten(),
            nn.Linear(channels[0] * start**2, FEATURES),
            nn.LeakyReLU(SLOPE),
        )
        self.apply(_keep_variance)

    def forward(self, picture: Tensor) -> Tensor:
        features: Tensor = self.levels(picture)
        return features


class ImageDiscriminator(nn.Module):
    """Picture [B, C, S, S] and category [B] -> logit of "real" [B]."""

    def __init__(self, size: ImageSize, n_categories: int) -> None:
        super().__init__()
        self.trunk = _Trunk(size)
        self.head = nn.Linear(FEATURES, 1)
        self.embedding = nn.Embedding(n_categories, FEATURES)

    def forward(self, picture: Tensor, category: Tensor) -> Tensor:
        """Return logits."""
        features = self.trunk(picture)  # (B, 128)
        matched = (self.embedding(category) * features).sum(1) / FEATURES**0.5
        logits: Tensor = self.head(features).squeeze(1) + matched
        return logits


class ImageEncoder(nn.Module):
    """Picture [B, C, S, S] and category [B] -> mean and log variance [B, 100]."""

    def __init__(self, size: ImageSize, n_categories: int) -> None:
        super().__init__()
        self.trunk = _Trunk(size)
        self.embedding = nn.Embedding(n_categories, EMBEDDING)
        self.head = nn.Linear(FEATURES + EMBEDDING, 2 * LATENT)

    def forward(self, picture: Tensor, category: Tensor) -> tuple[Tensor, Tensor]:
        """Return the parameters of q(z | x)."""
        features = torch.cat([self.trunk(picture), self.embedding(category)], 1)
        mean, log_variance = self.head(features).chunk(2, 1)
        return mean, log_variance.clamp(-10, 10)


def half_precision() -> torch.autocast:
    """Return a context in which layers compute in bfloat16; weights stay float32.

    Twice the speed on a processor with AVX-512 or AMX.
    """
    return torch.autocast("cpu", torch.bfloat16)


def channels_last(network: Network) -> Network:
    """Lay out a network's convolutions as the fast kernels want them; return it."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network


def _start_small(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.normal_(module.weight, 0.0, 0.02)


def _keep_variance(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, SLOPE)
        nn.init.zeros_(cast(Tensor, module.bias))
