"""A posterior that was learnt within seconds -> why it may not serve, if so.

No person and no held-out feedback stands between a live update and serving, so what
cannot be a belief about people is refused: numbers that are none, and weights that have
run farther from those of the version than any prior lets feedback move them.
"""

import numpy as np

from model_export.critic.critic_state import CriticState
from model_export.critic.posterior import Floats

MOST_MOVE = 3.0
"""Log odds that a look may gain on the version's belief: six of the widest prior's
deviations. A look worth 20 times the odds is a fault, not a taste."""

MOST_CONTEXT_MOVE = 8.0
"""The same for what holds whatever is shown: click rates of 0.01 to 97 per cent."""

_LARGEST_HALF = float(np.finfo(np.float16).max)


def refusal(version: CriticState, learnt: CriticState, draws: Floats) -> str | None:
    """Return why a posterior must not serve, or None.

    Args:
        version: what the version knew when it was made.
        learnt: what it knows by now.
        draws: float32[P, S] of that.
    """
    if not np.isfinite(draws).all() or np.abs(draws).max() > _LARGEST_HALF:
        return "draws that are not finite numbers of 16 bits"
    layout = learnt.critic.layout
    moved = np.abs(learnt.critic.mean() - version.critic.mean())
    n_pairs = layout.n_looks * layout.n_who
    for name, part, most in (
        ("a look", moved[:n_pairs], MOST_MOVE),
        ("the context", moved[n_pairs:], MOST_CONTEXT_MOVE),
    ):
        if not part.max() <= most:
            return (
                f"{name} moved by {part.max():.3g} since the version was made: "
                f"expected {most:g} at most"
            )
    return None
