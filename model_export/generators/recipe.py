"""What a generator recipe is, and what both train with: batches and Adam."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn import Parameter

from model_export.generators.networks import ClickScore, Generator
from model_export.space.design_space import DesignSpace

BATCH = 128
_EPSILON = 1e-8


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


class Adam:
    """Adam over a fixed set of parameters (Kingma, Ba 2015, algorithm 1).

    Not torch.optim's: constructing that one imports torch's compiler, 1.5 s, of a
    fine-tune job that takes a few seconds in a fresh process.

    Args:
        parameters: what is moved.
        rate: step size.
        betas: decay of the first and the second moment.
    """

    def __init__(
        self,
        parameters: Iterable[Parameter],
        rate: float,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self._parameters = list(parameters)
        self._rate = rate
        self._betas = betas
        self._first = [torch.zeros_like(part) for part in self._parameters]
        self._second = [torch.zeros_like(part) for part in self._parameters]
        self._step = 0

    def minimise(self, loss: Tensor) -> None:
        """Take one step down the gradient of a scalar."""
        gradients = torch.autograd.grad(loss, self._parameters)
        self._step += 1
        beta1, beta2 = self._betas
        rate = self._rate / (1.0 - beta1**self._step)
        correction = (1.0 - beta2**self._step) ** 0.5
        with torch.no_grad():
            for part, gradient, first, second in zip(
                self._parameters, gradients, self._first, self._second, strict=True
            ):
                first.lerp_(gradient, 1.0 - beta1)
                second.mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
                width = second.sqrt().div_(correction).add_(_EPSILON)
                part.addcdiv_(first, width, value=-rate)
