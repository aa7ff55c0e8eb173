"""Everything that feedback has taught, and one way to teach it more. No torch.

Each batch is first asked about, then learnt from: how well the critic knew it (honesty,
calibration) is evidence only while it has not seen it. Fine-tune jobs and a warm start
teach through `Knowledge.after`; between jobs `live_critic` goes on from here.

An impression that was learnt before is corrected: its label's difference is learnt.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from model_export.calibration import Calibration
from model_export.critic_layout import Layout
from model_export.design_space import DesignSpace
from model_export.evidence import indifferent, is_followed
from model_export.honesty import Honesty, judge
from model_export.ledger import Keys, Ledger
from model_export.poison import Suspects
from model_export.posterior import posterior_draws
from model_export.selector import ClickCritic
from model_export.taste import TasteModel
from schemas.records import Verdict

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
    shown_at: NDArray[np.int64] | None = None
    """int64[n], epoch ms."""
    key: Keys | None = None
    """uint64[n], of `ledger.keys_of`; None: nothing will correct these."""

    def __len__(self) -> int:
        return len(self.clicked)

    def rows(self, mask: NDArray[np.bool_]) -> "Lessons":
        """Return the rows where `mask` is True."""
        return Lessons(
            self.design[mask],
            self.condition[mask],
            self.clicked[mask],
            self.random[mask],
            None if self.shown_at is None else self.shown_at[mask],
            None if self.key is None else self.key[mask],
        )


@dataclass(frozen=True)
class Knowledge:
    """Taste, critic, and how far the critic is to be believed."""

    taste: TasteModel
    critic: ClickCritic
    honesty: Honesty
    suspects: Suspects
    calibration: Calibration
    ledger: Ledger = field(default_factory=Ledger.none)
    """What was learnt as what."""
    follows: bool = True
    """Whether designs are chosen by what was learnt about them."""

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
        what earlier ones taught is forgotten. Impressions that were learnt before, with
        another label, are corrected.
        """
        if lessons.key is None:
            return self._taught(lessons, space)
        before = self.ledger.find(lessons.key)
        is_new = np.isnan(before)
        if is_new.all():
            return self._taught(lessons, space)
        known = self.corrected(lessons.rows(~is_new), before[~is_new])
        return known.after(lessons.rows(is_new), space) if is_new.any() else known

    def corrected(self, lessons: Lessons, before: Floats) -> "Knowledge":
        """Return what is known once labels that were learnt are other ones.

        Honesty stays: the critic was asked about these impressions when they came.

        Args:
            lessons: impressions that were learnt, with the labels that hold now.
            before: float32[n], the labels that were learnt.
        """
        if not len(lessons):
            return self
        clean = ~self.suspects.taints(lessons.design)
        person = self.taste.features(lessons.condition[clean])
        change = lessons.clicked - before
        return replace(
            self,
            critic=self.critic.corrected(lessons.design[clean], person, change[clean]),
            suspects=self.suspects.corrected(lessons.design, change),
            calibration=self.calibration.corrected(change[~lessons.random]),
            ledger=self._entered(lessons),
        )

    def _taught(self, lessons: Lessons, space: DesignSpace) -> "Knowledge":
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
        chance = _sigmoid(self.chooser(known).logits(design[picked], person[picked]))
        pooled = self.honesty.pooled(honesty)
        taught = known.update(design, person, clicked)
        return replace(
            self,
            critic=taught,
            honesty=pooled,
            suspects=suspects,
            calibration=self.calibration.after(chance, clicked[picked])
            if known.n_examples
            else self.calibration,
            ledger=self._entered(lessons.rows(clean)),
            follows=is_followed(taught, pooled, was_followed=self.follows),
        )

    def _entered(self, lessons: Lessons) -> Ledger:
        if lessons.key is None or lessons.shown_at is None:
            return self.ledger
        return self.ledger.after(lessons.key, lessons.clicked, lessons.shown_at)

    def draws(self, seed: int) -> Floats:
        """Return posterior draws float32[P, S] of what is followed, calibrated."""
        draws = posterior_draws(self.chooser(self.critic), seed)
        draws[-1] += np.float32(self.calibration.shift)
        return draws

    def verdicts(self, space: DesignSpace) -> list[Verdict]:
        """Return the rows that say what the critic is worth, and who seems to cheat."""
        honesty = self.honesty.verdict(is_followed=self.follows)
        return [honesty, self.suspects.verdict(space)]

    def chooser(self, critic: ClickCritic) -> ClickCritic:
        """Return the critic that chooses designs when this one is what is known."""
        return critic if self.follows else indifferent(critic)

    def _asked(self, n: int) -> NDArray[np.bool_]:
        """Return which rows the critic is asked about: bool[n]."""
        if self.critic.n_examples:
            return np.ones(n, bool)
        return np.asarray(np.arange(n) % 2, bool)


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))
