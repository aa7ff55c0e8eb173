"""Predicted against true clicks of what was served -> a shift of the critic's logits.

A critic over-predicts the designs that it chose (the winner's curse: of many estimates
the highest is more likely too high than too low). The ranking of a pool does not feel a
common shift, but whoever reads a score does. So each batch of served impressions is
predicted before it is learnt from, and the shift that would have been right is kept.

Source of the form, with the slope fixed at one: Platt 1999, "Probabilistic Outputs for
Support Vector Machines".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

KEPT_EXAMPLES = 15_000.0
"""Impressions that the sums remember: some five hundred clicks. The curse grows while
the pick gets better, so a longer memory lags behind it."""

_PRIOR_CLICKS, _PRIOR_SHARE = 200.0, 0.93
"""Of so many predicted clicks this share is believed to come, before any came: in the
worlds that a critic was developed on the curse took 5 to 9 per cent at every number of
impressions. Two hundred clicks alone would be off by 7 per cent by chance."""


@dataclass(frozen=True)
class Calibration:
    """Sums over served impressions, older ones fading."""

    n: float = 0.0
    predicted: float = 0.0
    clicked: float = 0.0

    def after(
        self, chance: NDArray[np.floating], clicked: NDArray[np.floating]
    ) -> "Calibration":
        """Return the sums after a batch.

        Args:
            chance: [n], click probability before any shift, predicted before the batch
                was learnt from.
            clicked: [n], 0 or 1.
        """
        keep = max(0.0, 1.0 - len(chance) / KEPT_EXAMPLES)
        return Calibration(
            keep * self.n + len(chance),
            keep * self.predicted + float(np.sum(chance)),
            keep * self.clicked + float(np.sum(clicked)),
        )

    def corrected(self, change: NDArray[np.floating]) -> "Calibration":
        """Return the sums after labels of past impressions changed.

        Args:
            change: [n], the label that holds less the one that was learnt.
        """
        clicked = max(self.clicked + float(np.sum(change)), 0.0)
        return Calibration(self.n, self.predicted, clicked)

    @property
    def shift(self) -> float:
        """What is added to every click logit."""
        if self.n <= 0.0 or self.predicted <= 0.0:
            return 0.0
        expected = self.predicted + _PRIOR_CLICKS
        seen = self.clicked + _PRIOR_SHARE * _PRIOR_CLICKS
        n = self.n + _PRIOR_CLICKS * self.n / self.predicted
        return _logit(seen / n) - _logit(expected / n)


def _logit(chance: float) -> float:
    safe = min(max(chance, 1e-6), 1.0 - 1e-6)
    return float(np.log(safe / (1.0 - safe)))
