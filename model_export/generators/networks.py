"""The networks: Generator, Discriminator, Encoder, ClickScore.

All see a person as the features of taste.TasteModel. B below is the batch, D the size
of a design vector.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from model_export.critic.layout import Layout
from model_export.critic.selector import BASE_LOGIT
from model_export.space.design_space import DesignSpace
from model_export.store.model_files import LATENT

HIDDEN = 128
_NEVER = -1e9
SLOPE = 0.2
"""Of the leaky ReLU (Radford, Metz, Chintala 2016, "DCGAN", section 3)."""


class Body(nn.Module):
    """Two hidden layers and a linear head."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(n_inputs, HIDDEN)
        self.second = nn.Linear(HIDDEN, HIDDEN)
        self.head = nn.Linear(HIDDEN, n_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return [B, n_outputs]."""
        hidden = F.leaky_relu(self.first(inputs), SLOPE)
        hidden = F.leaky_relu(self.second(hidden), SLOPE)
        output: Tensor = self.head(hidden)
        return output


class AttributeBlocks(nn.Module):
    """Logits [B, NV] <-> attributes [B, A, V], padded to the longest: one softmax."""

    spread: Tensor
    gather: Tensor

    def __init__(self, space: DesignSpace) -> None:
        super().__init__()
        sizes = [len(values) for values in space.categorical.values()]
        self.n_logits = sum(sizes)
        self.n_attributes = len(sizes)
        longest = max(sizes, default=0)
        spread = torch.full((len(sizes), longest), self.n_logits)
        start = 0
        for row, size in enumerate(sizes):
            spread[row, :size] = torch.arange(start, start + size)
            start += size
        flat = spread.flatten()
        self.register_buffer("spread", spread, persistent=False)
        self.register_buffer("gather", flat.argsort()[:start], persistent=False)

    def forward(self, logits: Tensor) -> Tensor:
        """Return [B, A, V]; padding is so low that it gets no probability."""
        padding = logits.new_full((len(logits), 1), _NEVER)
        return torch.cat([logits, padding], 1)[:, self.spread]

    def flat(self, blocks: Tensor) -> Tensor:
        """Return [B, NV] without the padding."""
        return blocks.flatten(1)[:, self.gather]


class Generator(nn.Module):
    """Latent and person -> attribute logits and continuous values.

    The GAN's generator and the VAE's decoder alike: the exported network.
    """

    def __init__(self, space: DesignSpace, n_features: int) -> None:
        super().__init__()
        self.n_logits = space.n_logits
        self.blocks = AttributeBlocks(space)
        self.body = Body(LATENT + n_features, space.size)

    def forward(self, z: Tensor, person: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [B, NV] and continuous [B, NC] in [0, 1]."""
        output = self.body(torch.cat([z, person], 1))
        return output[:, : self.n_logits], torch.sigmoid(output[:, self.n_logits :])

    def log_probabilities(self, logits: Tensor) -> Tensor:
        """Return logits [B, NV] normalised within each attribute."""
        if not self.n_logits:
            return logits
        _, log_total, shifted = _normalised(self.blocks(logits))
        return self.blocks.flat(shifted - log_total)

    def straight_through(
        self, logits: Tensor, continuous: Tensor, temperature: float, noise: Tensor
    ) -> Tensor:
        """Return designs [B, D]: one-hot forward, softmax gradient backward.

        Source: Jang, Gu, Poole 2017, "Categorical Reparameterization with
        Gumbel-Softmax", section 2.2.

        Args:
            logits: [B, NV].
            continuous: [B, NC].
            temperature: of the softmax.
            noise: Gumbel numbers [B, NV].
        """
        if not self.n_logits:
            return continuous
        soft, _, _ = _normalised(self.blocks(logits + noise) / temperature)
        with torch.no_grad():
            best = soft.argmax(2, keepdim=True)
            residue = torch.zeros_like(soft).scatter_(2, best, 1.0) - soft
        return torch.cat([self.blocks.flat(soft + residue), continuous], 1)


class Discriminator(nn.Module):
    """Design and person -> logit of "real"."""

    def __init__(self, space: DesignSpace, n_features: int) -> None:
        super().__init__()
        self.body = Body(space.size + n_features, 1)

    def forward(self, design: Tensor, person: Tensor) -> Tensor:
        """Return [B]."""
        logit: Tensor = self.body(torch.cat([design, person], 1))
        return logit[:, 0]


class ClickScore(nn.Module):
    """Design and person -> click logit by one draw of the critic's weights.

    The person chooses the weights of the design's looks; mirrors selector.ClickCritic.
    """

    pairs: Tensor
    context: Tensor

    def __init__(self, layout: Layout, weights: NDArray[np.float64]) -> None:
        super().__init__()
        self.n_logits = layout.n_logits
        self.n_who = layout.n_who
        n_pairs = layout.n_looks * layout.n_who
        single = torch.from_numpy(weights.astype(np.float32))
        self.register_buffer("pairs", single[:n_pairs].view(layout.n_looks, -1).T)
        self.register_buffer("context", single[n_pairs:-1])
        self.intercept = float(BASE_LOGIT + weights[-1])

    def forward(self, design: Tensor, person: Tensor) -> Tensor:
        """Return [B]; `design` may hold probabilities in place of one-hot blocks."""
        centred = 2.0 * design[:, self.n_logits :] - 1.0  # (B, NC)
        looks = torch.cat([design[:, : self.n_logits], centred, centred * centred], 1)
        who = person[:, : self.n_who - 1]
        worth = self.pairs[0] + who @ self.pairs[1:]  # (B, F)
        score: Tensor = (looks * worth).sum(1) + person @ self.context + self.intercept
        return score


class Encoder(nn.Module):
    """Design and person -> mean and log variance of q(z | design, person)."""

    def __init__(self, space: DesignSpace, n_features: int) -> None:
        super().__init__()
        self.body = Body(space.size + n_features, 2 * LATENT)

    def forward(self, design: Tensor, person: Tensor) -> tuple[Tensor, Tensor]:
        """Return two tensors [B, 8]."""
        output: Tensor = self.body(torch.cat([design, person], 1))
        return output[:, :LATENT], output[:, LATENT:]


def _normalised(blocks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return softmax, log of its total, and shifted logits over the last axis.

    Written out: torch's own softmax takes ten times as long on such short rows.
    """
    shifted = blocks - blocks.detach().amax(2, keepdim=True)
    weights = shifted.exp()
    total = weights.sum(2, keepdim=True)
    return weights / total, total.log(), shifted


def gumbel(shape: tuple[int, int], source: torch.Generator) -> Tensor:
    """Return standard Gumbel numbers of that shape."""
    uniform = torch.rand(shape, generator=source).clamp_min(1e-20)
    return -torch.log(-torch.log(uniform))
