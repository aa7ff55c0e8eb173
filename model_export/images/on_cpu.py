"""Convolutions at twice the speed on a processor with bfloat16 (AVX-512 or AMX)."""

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def half_precision() -> torch.autocast:
    """Return a context in which layers compute in bfloat16; weights stay float32."""
    return torch.autocast("cpu", torch.bfloat16)


def channels_last(network: Network) -> Network:
    """Lay out a network's convolutions as the fast kernels want them; return it."""
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
