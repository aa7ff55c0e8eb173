"""What a generator recipe is: the GAN's and the VAE's modules both are one."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from model_export.generators.networks import ClickScore, Generator
from model_export.space.design_space import DesignSpace

BATCH = 128


@dataclass(frozen=True)
class Networks:
    """The networks of one model."""

    generator: Generator
    """Exported: the GAN's generator or the VAE's decoder."""
    partner: nn.Module
    """Stays in training: the discriminator or the encoder."""
    anchor: Generator
    """The generator as the library taught it; never tuned."""

    def modules(self) -> dict[str, nn.Module]:
        """Return the networks by the name that a checkpoint uses."""
        return {
            "generator": self.generator,
            "partner": self.partner,
            "anchor": self.anchor,
        }


@dataclass(frozen=True)
class Examples:
    """Designs with the people they were made for."""

    design: Tensor
    """float32[n, D]."""
    person: Tensor
    """float32[n, N]: person features."""


@dataclass(frozen=True)
class TuningSet:
    """What a generator is tuned on."""

    people: Tensor
    """float32[n, N]: person features that were served."""
    clicked: Examples
    """Designs that were clicked; may be none."""
    clicked_weight: Tensor
    """float32[n clicked]: capped 1 / propensity."""
    library: Examples
    score: ClickScore
    """By the critic's posterior mean."""


class Recipe(Protocol):
    """Trains one kind of generator. Deterministic by seed."""

    def build(self, space: DesignSpace, n_features: int) -> Networks:
        """Return untrained networks, by torch's global seed."""

    def pretrain(self, networks: Networks, library: Examples, seed: int) -> float:
        """Teach the networks the library; return the last loss."""

    def tune(self, networks: Networks, tuning: TuningSet, seed: int) -> float:
        """Tune the networks on feedback; return the last loss."""


def batches(n: int, size: int, steps: int, source: torch.Generator) -> list[Tensor]:
    """Return `steps` batches of row numbers: epochs without replacement, wrapped."""
    rows: list[Tensor] = []
    total = 0
    while total < steps * size:
        rows.append(torch.randperm(n, generator=source))
        total += n
    return list(torch.cat(rows)[: steps * size].split_with_sizes([size] * steps))


def seeded(seed: int) -> torch.Generator:
    """Return a source of randomness."""
    return torch.Generator().manual_seed(seed)
