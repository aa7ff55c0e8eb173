"""Feedback -> design values whose clicks cannot be people's: they teach nothing.

Fake clicks aimed at one value make it look many times better than the rest. What a
value can honestly do is bounded: in published creative tests the best design earns one
to two times the average one. So a value whose click rate is surely more than
`MAX_LIFT` times what the rest of the same feedback earns is set aside, and an alarm is
raised: what it taught so far is forgotten (`ClickCritic.without`), and its impressions
teach nothing while that lasts. The price of a false alarm is one value unlearnt.

Robots and click floods are dropped before (`streams.stages.attribution.traffic`), and
so are a person's clicks past a cap (dataset): this is for what gets through.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from model_export.space.design_space import DesignSpace
from schemas.records import Verdict

MAX_LIFT = 2.5
"""Honest values stay below this many times the click rate of the others."""

_Z = 3.5
"""Normal deviates that the excess must be sure by: one look in 4,000 errs."""
_LEAST_CLICKS = 12.0

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Suspects:
    """Values that fake clicks are aimed at, by the evidence so far."""

    shown: NDArray[np.float64]
    """[NV]: impressions of each one-hot column."""
    clicked: NDArray[np.float64]
    """[NV]."""
    n: float
    n_clicks: float

    @classmethod
    def none(cls, n_logits: int) -> "Suspects":
        """Return no evidence."""
        return cls(np.zeros(n_logits), np.zeros(n_logits), 0.0, 0.0)

    def after(self, design: Floats, clicked: Floats, keep: float = 0.7) -> "Suspects":
        """Return the evidence after a batch; older evidence counts `keep`.

        Args:
            design: float32[n, D].
            clicked: float32[n], 0 or 1.
            keep: share of the older evidence that is kept.
        """
        columns = design[:, : len(self.shown)].astype(np.float64)
        return Suspects(
            keep * self.shown + columns.sum(0),
            keep * self.clicked + clicked @ columns,
            keep * self.n + len(design),
            keep * self.n_clicks + float(clicked.sum()),
        )

    def corrected(self, design: Floats, change: Floats) -> "Suspects":
        """Return the evidence after labels of past impressions changed.

        Args:
            design: float32[n, D].
            change: float32[n], the label that holds less the one that was learnt.
        """
        columns = design[:, : len(self.shown)].astype(np.float64)
        clicked = np.maximum(self.clicked + change @ columns, 0.0)
        n_clicks = max(self.n_clicks + float(change.sum()), 0.0)
        return Suspects(self.shown, clicked, self.n, n_clicks)

    def columns(self) -> NDArray[np.intp]:
        """Return the one-hot columns that are set aside."""
        others = np.maximum(self.n - self.shown, 1.0)
        # Half a click more, so that a rate of nothing bounds nothing.
        rate = (np.maximum(self.n_clicks - self.clicked, 0.0) + 0.5) / others
        allowed = MAX_LIFT * rate * self.shown
        # The rest's rate is an estimate too: both counts are Poisson.
        spread = np.sqrt(allowed + (MAX_LIFT * self.shown) ** 2 * rate / others)
        sure = self.clicked - allowed > _Z * np.maximum(spread, sqrt(_LEAST_CLICKS))
        return np.flatnonzero(sure & (self.clicked >= _LEAST_CLICKS))

    def taints(self, design: Floats) -> NDArray[np.bool_]:
        """Return which designs have a value that is set aside: bool[n]."""
        return np.asarray(design[:, self.columns()].any(1), bool)

    def verdict(self, space: DesignSpace) -> Verdict:
        """Return the row that names the values; `unsure` is the alarm."""
        names = [
            f"{attribute} = {values[column - block.start]}"
            for attribute, values in space.categorical.items()
            for block in [space.slices[attribute]]
            for column in self.columns()
            if block.start <= column < block.stop
        ]
        return Verdict(
            gate="poison",
            result="unsure" if names else "pass",
            value=float(len(names)),
            threshold=0.0,
            detail="values clicked more than "
            f"{MAX_LIFT} times as often as the rest, which teach nothing until that "
            f"ends: {', '.join(names) or 'none'}",
        )
