"""Do designs matter here at all? What the clicks say against the prior.

Two accounts of the same clicks are compared: that looks have weights, half as variable
as the untaught prior expects, and that they have none but the prior's means. Both leave
the context free. A critic's sums are a Gaussian likelihood, so what each account said
of the clicks beforehand has a closed form (MacKay 1992, "Bayesian Interpolation",
section 3.2), and the ratio is the Bayes factor (Kass, Raftery 1995, "Bayes Factors").

Half as variable, because an effect that is small but real must not pass for none.
"""

import numpy as np
from numpy.typing import NDArray

from model_export.critic.honesty import Honesty
from model_export.critic.prior import Prior
from model_export.critic.selector import ClickCritic

Vector = NDArray[np.float64]

STRONG = 3.0
"""Log odds of about 20 to 1: strong evidence (Kass, Raftery 1995, 3.2)."""

_SHARE = 0.5
"""Of the untaught prior's variance."""


def is_followed(critic: ClickCritic, honesty: Honesty, *, was_followed: bool) -> bool:
    """Return whether what was learnt about designs is to be acted on.

    It is left aside on strong evidence that designs do not matter, unless the critic
    was better than chance; and taken up again once it was, or the evidence has turned.

    Args:
        critic: all that was learnt.
        honesty: how well it knew what it had not seen.
        was_followed: the answer so far.
    """
    least = -STRONG if was_followed else 0.0
    return honesty.is_above_chance or log_evidence(critic) > least


def indifferent(critic: ClickCritic) -> ClickCritic:
    """Return a critic that knows no design, and the context as well as this one."""
    return critic.without(np.arange(critic.layout.n_looks))


def log_evidence(critic: ClickCritic) -> float:
    """Return the log Bayes factor that looks have weights; 0 before any feedback."""
    layout = critic.layout
    n_pairs = layout.n_looks * layout.n_who
    untaught = Prior.untaught(layout)
    variance = untaught.variances(layout)
    variance[:n_pairs] *= _SHARE
    pulled = critic.eta - critic.precision @ untaught.mean(layout)
    context = np.arange(n_pairs, layout.n_weights)
    every = np.arange(layout.n_weights)
    deviation = np.sqrt(variance)
    information = deviation[:, None] * critic.precision * deviation
    scaled = deviation * pulled
    with_looks, without = (
        _log_marginal(information[np.ix_(kept, kept)], scaled[kept])
        for kept in (every, context)
    )
    return with_looks - without


def _log_marginal(information: Vector, pulled: Vector) -> float:
    """Return log of the integral of N(u; 0, 1) exp(pulled u - u information u / 2).

    With the pull as one more row, Cholesky's factor has the square root of
    pulled (1 + information)^-1 pulled in its last row: nothing is left to solve.
    """
    n = len(pulled)
    bordered = np.empty((n + 1, n + 1))
    bordered[:n, :n] = np.eye(n) + information
    bordered[n, :n] = bordered[:n, n] = pulled
    bordered[n, n] = 1.0 + pulled @ pulled  # enough to be positive definite
    lower = np.linalg.cholesky(bordered)
    moved = lower[n, :n]
    return float(0.5 * moved @ moved - np.log(np.diag(lower)[:n]).sum())
