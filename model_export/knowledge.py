"""Everything that feedback has taught, and one way to teach it more. No torch.

Each batch is first asked about, then learnt from: how well the critic knew it (honesty,
calibration) is evidence only while it has not seen it. Fine-tune jobs, the live learner
and a warm start all teach through `Knowledge.after`.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_export.calibration import Calibration
from model_export.critic_layout import Layout
from model_export.design_space import DesignSpace
from model_export.honesty import Honesty, judge
from model_export.poison import Suspects
from model_export.posterior import posterior_draws
from model_export.selector import ClickCritic
from model_export.taste import TasteModel

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Lessons:
    """Impressions to learn from, in order of time."""

    design: Floats
    """float32[n, D]."""
    condition: Floats
    """float32[n, 71]."""
    clicked: Floats
    """float32[n], 0 or 1."""
    random: NDArray[np.bool_]
    """bool[n]: shown at random, not picked by this critic."""

    def __len__(self) -> int:
        return len(self.clicked)


@dataclass(frozen=True)
class Knowledge:
    """Taste, critic, and how far the critic is to be believed."""

    taste: TasteModel
    critic: ClickCritic
    honesty: Honesty
    suspects: Suspects
    calibration: Calibration

    @classmethod
    def none(cls, taste: TasteModel, space: DesignSpace) -> "Knowledge":
        """Return what is known before any feedback."""
        return cls(
            taste=taste,
            critic=ClickCritic.untaught(Layout.of(space, taste.n_tastes)),
            honesty=Honesty(),
            suspects=Suspects.none(space.n_logits),
            calibration=Calibration(),
        )

    def after(self, lessons: Lessons, space: DesignSpace) -> "Knowledge":
        """Return what is known after a batch of feedback.

        Impressions of a design value that fake clicks seem aimed at teach nothing, and
        what earlier ones taught is forgotten.
        """
        suspects = self.suspects.after(lessons.design, lessons.clicked)
        clean = ~suspects.taints(lessons.design)
        design, clicked = lessons.design[clean], lessons.clicked[clean]
        person = self.taste.features(lessons.condition[clean])
        asked = self._asked(len(design))
        fresh = np.setdiff1d(suspects.columns(), self.suspects.columns())
        known = self.critic.without(fresh) if len(fresh) else self.critic
        critic = known
        if not critic.n_examples:  # nobody to ask yet: half of the batch teaches first
            critic = critic.update(design[~asked], person[~asked], clicked[~asked])
        honesty = judge(critic, space, design[asked], person[asked], clicked[asked])
        picked = ~lessons.random[clean]
        chance = _sigmoid(known.logits(design[picked], person[picked]))
        return replace(
            self,
            critic=known.update(design, person, clicked),
            honesty=self.honesty.pooled(honesty),
            suspects=suspects,
            calibration=self.calibration.after(chance, clicked[picked])
            if known.n_examples
            else self.calibration,
        )

    def draws(self, seed: int) -> Floats:
        """Return posterior draws float32[P, S], calibrated."""
        draws = posterior_draws(self.critic, seed)
        draws[-1] += np.float32(self.calibration.shift)
        return draws

    def _asked(self, n: int) -> NDArray[np.bool_]:
        """Return which rows the critic is asked about: bool[n]."""
        if self.critic.n_examples:
            return np.ones(n, bool)
        return np.asarray(np.arange(n) % 2, bool)


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))
