"""Everything that feedback has taught, and one way to teach it more. No torch.

Each batch is first asked about, then learnt from: how well the critic knew it (honesty,
calibration) is evidence only while it has not seen it. Fine-tune jobs and a warm start
teach through `Knowledge.after`; between jobs `live_critic` goes on from here.

An impression that was learnt before is corrected: its label's difference is learnt.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from model_export.critic.calibration import Calibration
from model_export.critic.evidence import indifferent, is_followed
from model_export.critic.honesty import Honesty, judge
from model_export.critic.layout import Layout
from model_export.critic.ledger import Keys, Ledger
from model_export.critic.poison import Suspects
from model_export.critic.posterior import posterior_draws
from model_export.critic.selector import ClickCritic
from model_export.critic.taste import TasteModel
from model_export.critic.to_come import ToCome, expected
from model_export.space.design_space import DesignSpace
from schemas.records import Verdict

Floats = NDArray[np.float32]

MOST_AT_ONCE = 10_000
"""More lessons than that, an advertiser's log, are learnt in parts."""
_PART = 2_500
"""Lessons of a part: the prior takes its steps, and the critic is asked, as often as
where clicks come in day by day."""


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
    decided_at: NDArray[np.int64] | None = None
    """int64[n], epoch ms: of the click, or when it was taken for a none."""

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
            None if self.decided_at is None else self.decided_at[mask],
        )

    def parts(self) -> "Iterator[Lessons]":
        """Yield lessons that are learnt one after the other."""
        size = _PART if len(self) > MOST_AT_ONCE else MOST_AT_ONCE
        place = np.arange(len(self))
        for start in range(0, len(self), size):
            yield self.rows((place >= start) & (place < start + size))


@dataclass(frozen=True)
class Knowledge:
    """Taste, critic, and how far the critic is to be believed."""

    taste: TasteModel
    critic: ClickCritic
    honesty: Honesty
    suspects: Suspects
    calibration: Calibration
    to_come: ToCome
    """Clicks that the critic has learnt in advance."""
    ledger: Ledger = field(default_factory=Ledger.none)
    """What was learnt as what."""
    follows: bool = True
    """Whether designs are chosen by what was learnt about them."""

    @classmethod
    def none(cls, taste: TasteModel, space: DesignSpace) -> "Knowledge":
        """Return what is known before any feedback."""
        critic = ClickCritic.untaught(
            Layout.of(space, taste.n_tastes, len(taste.ids.surfaces))
        )
        return cls(
            taste=taste,
            critic=critic,
            honesty=Honesty(),
            suspects=Suspects.none(space.n_logits),
            calibration=Calibration(),
            to_come=ToCome.none(critic.layout.n_weights),
        )

    def after(self, lessons: Lessons, space: DesignSpace) -> "Knowledge":
        """Return what is known after a batch of feedback.

        Impressions of a design value that fake clicks seem aimed at teach nothing, and
        what earlier ones taught is forgotten. Impressions that were learnt before, with
        another label, are corrected. Nones that may be clicked yet are learnt as such.
        """
        known = self
        for part in lessons.parts():
            known = known._after(part, space)
        return known

    def _after(self, lessons: Lessons, space: DesignSpace) -> "Knowledge":
        if lessons.key is None:
            return self.taught(lessons, np.ones(len(lessons)), space)
        before = self.ledger.find(lessons.key)
        is_new = np.isnan(before)
        known, heard = self._heard(lessons)
        known = known.corrected(lessons.rows(~is_new), before[~is_new])
        if not is_new.any():
            return known
        return known.taught(lessons.rows(is_new), heard[is_new], space)

    def corrected(self, lessons: Lessons, before: Floats) -> "Knowledge":
        """Return what is known once labels that were learnt are other ones.

        Honesty stays: the critic was asked about these impressions when they came.
        So does calibration, but for clicks that are taken back: it was asked for the
        clicks that had come by then, not for all.

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
            calibration=self.calibration.corrected(
                np.minimum(change[~lessons.random], 0.0)
            ),
            ledger=self._entered(lessons),
        )

    def taught(
        self, lessons: Lessons, heard: NDArray[np.float64], space: DesignSpace
    ) -> "Knowledge":
        """Return what is known after impressions that are new.

        Args:
            lessons: impressions.
            heard: float64[n], the share of their clicks that come by their age now.
            space: creative space.
        """
        suspects = self.suspects.after(lessons.design, lessons.clicked)
        clean = ~suspects.taints(lessons.design)
        design, clicked = lessons.design[clean], lessons.clicked[clean]
        person = self.taste.features(lessons.condition[clean])
        asked = self._asked(len(design))
        known, to_come = self._without(suspects)
        critic = known
        if not critic.n_examples:  # nobody to ask yet: half of the batch teaches first
            critic = critic.update(design[~asked], person[~asked], clicked[~asked])
        honesty = judge(critic, space, design[asked], person[asked], clicked[asked])
        picked = ~lessons.random[clean]
        chance = _sigmoid(self.chooser(known).logits(design, person))
        by_now = (chance * heard[clean])[picked]
        pooled = self.honesty.pooled(honesty)
        label = expected(clicked, chance, heard[clean])
        taught = known.update(design, person, label)
        return replace(
            self,
            critic=replace(taught, n_clicks=known.n_clicks + int(clicked.sum())),
            honesty=pooled,
            suspects=suspects,
            calibration=self.calibration.after(by_now, clicked[picked])
            if known.n_examples
            else self.calibration,
            ledger=self._entered(lessons.rows(clean)),
            to_come=_with_job(
                to_come, taught, lessons.rows(clean), person, label, heard[clean]
            ),
            follows=is_followed(taught, pooled, was_followed=self.follows),
        )

    def _without(self, suspects: Suspects) -> tuple[ClickCritic, ToCome]:
        """Return the critic without what it learnt about values now set aside.

        Clicks that are still expected are taken back before, for later on nobody could
        tell what of them is forgotten.
        """
        fresh = np.setdiff1d(suspects.columns(), self.suspects.columns())
        if not len(fresh):
            return self.critic, self.to_come
        critic = self.critic.moved(-self.to_come.total()).without(fresh)
        return critic, ToCome.none(critic.layout.n_weights)

    def _entered(self, lessons: Lessons) -> Ledger:
        key, shown_at, decided_at = lessons.key, lessons.shown_at, lessons.decided_at
        if key is None or shown_at is None or decided_at is None:
            return self.ledger
        delay = decided_at - shown_at
        return self.ledger.after(key, lessons.clicked, shown_at, delay)

    def _heard(self, lessons: Lessons) -> "tuple[Knowledge, NDArray[np.float64]]":
        """Return what is known without clicks that were expected to have come by now.

        And the share of each lesson's clicks that come by its age: float64[n].
        """
        if lessons.shown_at is None or lessons.decided_at is None:
            return self, np.ones(len(lessons))
        now = int(lessons.decided_at.max())
        delays = self._entered(lessons).heard(now)
        to_come = self.to_come.by(now, delays)
        critic = self.critic.moved(to_come.total() - self.to_come.total())
        known = replace(self, critic=critic, to_come=to_come)
        return known, delays.by(now - lessons.shown_at)

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


def _with_job(
    to_come: ToCome,
    critic: ClickCritic,
    lessons: Lessons,
    person: Floats,
    label: Floats,
    heard: NDArray[np.float64],
) -> ToCome:
    """Return what is to come, with what a critic has just learnt in advance.

    Args:
        to_come: before.
        critic: knows the layout of rows.
        lessons: what it learnt, n of them.
        person: float32[n, N].
        label: float32[n], as what they were learnt.
        heard: float64[n], the share of their clicks that come by their age now.
    """
    young = heard < 1.0
    if lessons.shown_at is None or not young.any():
        return to_come
    ahead = (label - lessons.clicked)[young]
    rows = critic.summed(lessons.design[young], person[young], ahead)
    return to_come.with_job(lessons.shown_at[young], 1.0 - heard[young], rows)


def _sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1.0 / (1.0 + np.exp(-logits)))
