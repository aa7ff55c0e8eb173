"""A generator and fixed latents -> one picture: rows are classes, columns latents."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from model_export.images.networks import LATENT, ImageGenerator

GAP_PX = 2
LABEL_PX = 78
BACKGROUND = (255, 255, 255)


def fixed_latents(n: int, seed: int) -> Tensor:
    """Return z [n, 100] that are the same in every epoch."""
    return torch.randn(n, LATENT, generator=torch.Generator().manual_seed(seed))


def sample_grid(
    generator: ImageGenerator, latents: Tensor, names: Sequence[str]
) -> Image.Image:
    """Draw one row per class from the same latents, the class's name before it.

    The generator is set to evaluation while it draws: batch statistics would make a
    picture depend on its neighbours.
    """
    was_training = generator.training
    generator.eval()
    with torch.no_grad():
        rows = [
            to_pixels(generator(latents, torch.full((len(latents),), row)))
            for row in range(len(names))
        ]
    generator.train(was_training)
    return draw_rows(rows, names)


def to_pixels(pictures: Tensor) -> NDArray[np.uint8]:
    """Return pictures [n, C, S, S] in [-1, 1] as [n, S, S, 3] bytes."""
    scaled = ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return scaled.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).numpy()


def draw_rows(rows: Sequence[NDArray[np.uint8]], names: Sequence[str]) -> Image.Image:
    """Lay out rows of [n, S, S, 3] pictures, each after its name."""
    n_columns, side = rows[0].shape[:2]
    step = side + GAP_PX
    grid = Image.new(
        "RGB", (LABEL_PX + n_columns * step, len(rows) * step + GAP_PX), BACKGROUND
    )
    pen, font = ImageDraw.Draw(grid), ImageFont.load_default()
    for row, (pictures, name) in enumerate(zip(rows, names, strict=True)):
        top = GAP_PX + row * step
        pen.text((4, top + side // 2 - 6), name[:12], fill=(0, 0, 0), font=font)
        for column, picture in enumerate(pictures):
            grid.paste(Image.fromarray(picture), (LABEL_PX + column * step, top))
    return grid
