"""A generator in training -> a running average of its weights, steadier than itself."""

from copy import deepcopy
from typing import Final

import torch

from model_export.images.networks import ImageGenerator

DECAY: Final = 0.995
"""Remembers about 200 steps, fewer while there were fewer."""


class WeightAverage:
    """The averaged generator, in evaluation mode."""

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
