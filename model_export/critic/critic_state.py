"""Everything that feedback has taught, and one way to teach it more. No torch.

Each batch is first asked about, then learnt from: how well the critic knew it (ranking,
calibration) is evidence only while it has not seen it. Fine-tune jobs and a warm start
teach through `CriticState.after`; between jobs `live_critic` goes on from here.

An impression that was learnt before is corrected: its label's difference is learnt.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from itertools import compress
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from model_export.critic.delayed_feedback import ExpectedClicks, expected
from model_export.critic.layout import Layout
from model_export.critic.learnt_labels import Keys, LearntLabels
from model_export.critic.pick import sigmoid
from model_export.critic.poison import Suspects
from model_export.critic.posterior import posterior_draws
from model_export.critic.predictive_checks import (
    Calibration,
    RankingCheck,
    indifferent,
    is_followed,
    judge,
)
from model_export.critic.selector import ClickCritic
from model_export.critic.taste import TasteModel
from model_export.space.design_space import DesignSpace
from schemas.records import Verdict

Floats = NDArray[np.float32]

MOST_AT_ONCE = 10_000
"""More impressions than that, an advertiser's log, are learnt in parts."""
_PART = 2_500
"""Impressions of a part: the prior takes its steps, and the critic is asked, as often
as where clicks come in day by day."""


@dataclass(frozen=True)
class LabelledImpressions:
    """Impressions to learn from, in order of time."""

    design: Floats
    """float32[n, D]."""
    condition: Floats
    """float32[n, 71]."""
    clicked: Floats
    """float32[n], 0 or 1."""
    control: NDArray[np.bool_]
    """bool[n]: shown at random, not picked by this critic."""
    shown_at: NDArray[np.int64] | None = None
    """int64[n], epoch ms."""
    key: Keys | None = None
    """uint64[n], of `learnt_labels.keys_of`; None: nothing will correct these."""
    decided_at: NDArray[np.int64] | None = None
    """int64[n], epoch ms: of the click, or when its window closed without one."""

    def __len__(self) -> int:
        return len(self.clicked)

    def rows(self, mask: NDArray[np.bool_]) -> Self:
        """Return the rows where `mask` is True."""
        columns: dict[str, Any] = {}
        for column in fields(self):
            values = getattr(self, column.name)
            if isinstance(values, np.ndarray):
                columns[column.name] = values[mask]
            elif isinstance(values, tuple):
                columns[column.name] = tuple(compress(values, mask))
        return replace(self, **columns)

    def parts(self) -> Iterator[Self]:
        """Yield impressions that are learnt one after the other."""
        size = _PART if len(self) > MOST_AT_ONCE else MOST_AT_ONCE
        place = np.arange(len(self))
        for start in range(0, len(self), size):
            yield self.rows((place >= start) & (place < start + size))


@dataclass(frozen=True)
class CriticState:
    """Taste, critic, and how far the critic is to be believed."""

    taste: TasteModel
    critic: ClickCritic
    ranking: RankingCheck
    suspects: Suspects
    calibration: Calibration
    expected_clicks: ExpectedClicks
    """Clicks that the critic has learnt in advance."""
    labels: LearntLabels = field(default_factory=LearntLabels.none)
    """What was learnt as what."""
    follows: bool = True
    """Whether designs are chosen by what was learnt about them."""

    @classmethod
    def none(cls, taste: TasteModel, space: DesignSpace) -> "CriticState":
        """Return what is known before any feedback."""
        critic = ClickCritic.untaught(
            Layout.of(space, taste.n_tastes, len(taste.ids.surfaces))
        )
        return cls(
            taste=taste,
            critic=critic,
            ranking=RankingCheck(),
            suspects=Suspects.none(space.n_logits),
            calibration=Calibration(),
            expected_clicks=ExpectedClicks.none(critic.layout.n_weights),
        )

    def after(self, labelled: LabelledImpressions, space: DesignSpace) -> "CriticState":
        """Return what is known after a batch of feedback.

        Impressions of a design value that fake clicks seem aimed at teach nothing, and
        what earlier ones taught is forgotten. Impressions that were learnt before, with
        another label, are corrected. Nones that may be clicked yet are learnt as such.
        """
        known = self
        for part in labelled.parts():
            known = known._after(part, space)
        return known

    def _after(
        self, labelled: LabelledImpressions, space: DesignSpace
    ) -> "CriticState":
        if labelled.key is None:
            return self.taught(labelled, np.ones(len(labelled)), space)
        before = self.labels.find(labelled.key)
        is_new = np.isnan(before)
        known, heard = self._heard(labelled)
        known = known.corrected(labelled.rows(~is_new), before[~is_new])
        if not is_new.any():
            return known
        return known.taught(labelled.rows(is_new), heard[is_new], space)

    def corrected(self, labelled: LabelledImpressions, before: Floats) -> "CriticState":
        """Return what is known once labels that were learnt are other ones.

        The ranking stays: the critic was asked about these impressions when they came.
        So does calibration, but for clicks that are taken back: it was asked for the
        clicks that had come by then, not for all.

        Args:
            labelled: impressions that were learnt, with the labels that hold now.
            before: float32[n], the labels that were learnt.
        """
        if not len(labelled):
            return self
        clean = ~self.suspects.taints(labelled.design)
        person = self.taste.features(labelled.condition[clean])
        change = labelled.clicked - before
        return replace(
            self,
            critic=self.critic.corrected(labelled.design[clean], person, change[clean]),
            suspects=self.suspects.corrected(labelled.design, change),
            calibration=self.calibration.corrected(
                np.minimum(change[~labelled.control], 0.0)
            ),
            labels=self._entered(labelled),
        )

    def taught(
        self,
        labelled: LabelledImpressions,
        heard: NDArray[np.float64],
        space: DesignSpace,
    ) -> "CriticState":
        """Return what is known after impressions that are new.

        Args:
            labelled: impressions.
            heard: float64[n], the share of their clicks that come by their age now.
            space: creative space.
        """
        suspects = self.suspects.after(labelled.design, labelled.clicked)
        clean = ~suspects.taints(labelled.design)
        design, clicked = labelled.design[clean], labelled.clicked[clean]
        person = self.taste.features(labelled.condition[clean])
        asked = self._asked(len(design))
        known, expected_clicks = self._without(suspects)
        critic = known
        if not critic.n_examples:  # nobody to ask yet: half of the batch teaches first
            critic = critic.update(design[~asked], person[~asked], clicked[~asked])
        ranking = judge(critic, space, design[asked], person[asked], clicked[asked])
        picked = ~labelled.control[clean]
        chance = sigmoid(self.chooser(known).logits(design, person))
        by_now = (chance * heard[clean])[picked]
        pooled = self.ranking.pooled(ranking)
        label = expected(clicked, chance, heard[clean])
        taught = known.update(design, person, label)
        return replace(
            self,
            critic=replace(taught, n_clicks=known.n_clicks + int(clicked.sum())),
            ranking=pooled,
            suspects=suspects,
            calibration=self.calibration.after(by_now, clicked[picked])
            if known.n_examples
            else self.calibration,
            labels=self._entered(labelled.rows(clean)),
            expected_clicks=_with_job(
                expected_clicks,
                taught,
                labelled.rows(clean),
                person,
                label,
                heard[clean],
            ),
            follows=is_followed(taught, pooled, was_followed=self.follows),
        )

    def _without(self, suspects: Suspects) -> tuple[ClickCritic, ExpectedClicks]:
        """Return the critic without what it learnt about values now set aside.

        Clicks that are still expected are taken back before, for later on nobody could
        tell what of them is forgotten.
        """
        fresh = np.setdiff1d(suspects.columns(), self.suspects.columns())
        if not len(fresh):
            return self.critic, self.expected_clicks
        critic = self.critic.moved(-self.expected_clicks.total()).without(fresh)
        return critic, ExpectedClicks.none(critic.layout.n_weights)

    def _entered(self, labelled: LabelledImpressions) -> LearntLabels:
        key, shown_at, decided_at = labelled.key, labelled.shown_at, labelled.decided_at
        if key is None or shown_at is None or decided_at is None:
            return self.labels
        delay = decided_at - shown_at
        return self.labels.after(key, labelled.clicked, shown_at, delay)

    def _heard(
        self, labelled: LabelledImpressions
    ) -> "tuple[CriticState, NDArray[np.float64]]":
        """Return what is known without clicks that were expected to have come by now.

        And the share of each impression's clicks that come by its age: float64[n].
        """
        if labelled.shown_at is None or labelled.decided_at is None:
            return self, np.ones(len(labelled))
        now = int(labelled.decided_at.max())
        delays = self._entered(labelled).heard(now)
        expected_clicks = self.expected_clicks.by(now, delays)
        critic = self.critic.moved(
            expected_clicks.total() - self.expected_clicks.total()
        )
        known = replace(self, critic=critic, expected_clicks=expected_clicks)
        return known, delays.by(now - labelled.shown_at)

    def draws(self, seed: int) -> Floats:
        """Return posterior draws float32[P, S] of what is followed, calibrated."""
        draws = posterior_draws(self.chooser(self.critic), seed)
        draws[-1] += np.float32(self.calibration.shift)
        return draws

    def verdicts(self, space: DesignSpace) -> list[Verdict]:
        """Return the rows that say what the critic is worth, and who seems to cheat."""
        ranking = self.ranking.verdict(is_followed=self.follows)
        return [ranking, self.suspects.verdict(space)]

    def chooser(self, critic: ClickCritic) -> ClickCritic:
        """Return the critic that chooses designs when this one is what is known."""
        return critic if self.follows else indifferent(critic)

    def _asked(self, n: int) -> NDArray[np.bool_]:
        """Return which rows the critic is asked about: bool[n]."""
        if self.critic.n_examples:
            return np.ones(n, bool)
        return np.asarray(np.arange(n) % 2, bool)


def _with_job(
    expected_clicks: ExpectedClicks,
    critic: ClickCritic,
    labelled: LabelledImpressions,
    person: Floats,
    label: Floats,
    heard: NDArray[np.float64],
) -> ExpectedClicks:
    """Return what is to come, with what a critic has just learnt in advance.

    Args:
        expected_clicks: before.
        critic: knows the layout of rows.
        labelled: what it learnt, n of them.
        person: float32[n, N].
        label: float32[n], as what they were learnt.
        heard: float64[n], the share of their clicks that come by their age now.
    """
    young = heard < 1.0
    if labelled.shown_at is None or not young.any():
        return expected_clicks
    ahead = (label - labelled.clicked)[young]
    rows = critic.summed(labelled.design[young], person[young], ahead)
    return expected_clicks.with_job(labelled.shown_at[young], 1.0 - heard[young], rows)
