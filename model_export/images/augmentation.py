"""Pictures -> the same pictures in another light and place, differentiably.

Both photographs and drawings pass through this on their way to the discriminator, and
gradients pass back: a few thousand photographs then last many epochs before it knows
them by heart (Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN
Training"). Colour and translation as there; cutouts are left out, since they hide what
little there is in 28 x 28 pixels.
"""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

BRIGHTNESS: Final = 0.25
"""Largest shift of a picture in [-1, 1]."""
SATURATION: Final = 0.5
CONTRAST: Final = 0.25
"""Largest change of a factor of 1."""
MARGIN: Final = 8
"""A picture moves by at most this part of its side."""


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
