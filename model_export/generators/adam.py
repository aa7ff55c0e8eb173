"""Adam without torch.optim: constructing that one imports torch's compiler, 1.5 s.

A fine-tune job takes a few seconds in a fresh process, so this matters. Source: Kingma,
Ba 2015, "Adam: A Method for Stochastic Optimization", algorithm 1.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Parameter

_EPSILON = 1e-8


class Adam:
    """Adam over a fixed set of parameters.

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
