"""Feedback as it comes -> what a version's critic knows by now. No torch.

Between two jobs the critic goes on learning from where its version stopped: the same
people are held out, the same clicks count, the same suspects teach nothing. What it
knows is a function of the set of feedback that it has read, not of when it was read or
asked, so a learner that is killed reads again from where its version stopped and knows
the same (up to the `STALE` of `laplace`; nothing of that is left after `exact`).

**Labels that are not in yet.** A click is known at once and a `none` when its window
closes. Learnt as they come, the youngest impressions would all be clicked, and clicks
without the impressions beside them say nothing about a design. So a reaction waits
until a `none` of its partition is as young as it. A `none` in turn is provisional:
its weight is how many clicks of its age have come (`delays`), and when a click still
comes, the impression's label is another one from then on.
"""

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from model_export.critic import laplace
from model_export.critic.critic_state import CriticState, LabelledImpressions
from model_export.critic.delayed_feedback import Delays
from model_export.critic.laplace import CountedImpressions, Gaussian
from model_export.critic.learnt_labels import MOST, keys_of
from model_export.critic.selector import ClickCritic
from model_export.feedback import dataset
from model_export.feedback.live_rows import LiveRows, within_cap
from model_export.space.design_space import DesignSpace
from schemas.records import Feedback

Mask = NDArray[np.bool_]
Vector = NDArray[np.float64]

MOST_ROWS = 40_000
"""Impressions kept open for a correction; of more the older half is settled."""

_FIT_TRIES = 20
_EXACT = 1e-4
"""Share by which the weights may be off at `exact`."""


@dataclass(frozen=True)
class Learnt:
    """What is known by now."""

    critic_state: CriticState
    n_held: int
    """Reactions that wait for a none as young as they are."""


class LiveCritic:
    """Learns from one version's feedback on.

    Args:
        base: what the version knows.
        space: its creative space.
        seed: of its pre-training: chooses who is held out.
        horizon_ms: age from which a none is final.
        partitions: of the feedback topic.
        most_rows: impressions kept open.
    """

    def __init__(
        self,
        base: CriticState,
        space: DesignSpace,
        seed: int,
        horizon_ms: int,
        partitions: int,
        most_rows: int = MOST_ROWS,
    ) -> None:
        self.skipped: Counter[str] = Counter()
        self.newest_at = 0
        """Newest decision that was read, event time, ms."""
        self._base = base
        self._space = space
        self._seed = seed
        self._horizon_ms = horizon_ms
        self._most_rows = most_rows
        self._rows = LiveRows(space.size, base.taste)
        self._known = dict(
            zip(base.labels.key.tolist(), base.labels.clicked.tolist(), strict=True)
        )
        self._revisions: dict[int, int] = {}
        """Of the impressions of the version that were corrected."""
        self._corrected: Counter[str] = Counter()
        self._newest_none = np.zeros(partitions, np.int64)
        self._clock = np.zeros(partitions, np.int64)
        size = base.critic.layout.n_weights
        self._gain = np.zeros((size, size))
        self._mode = base.critic.mean()

    def take(self, record: Feedback, partition: int) -> None:
        """Take in one feedback record; its place among the others does not matter."""
        self._tell_time(record, partition)
        read = dataset.vectors_of(record, self._space)
        if isinstance(read, str):
            self.skipped[read] += 1
            return
        if dataset.held_out_of(self._seed, [record.user_id])[0]:
            self.skipped["held out"] += 1
            return
        key, user = keys_of([record.impression_id, record.user_id]).tolist()
        if key in self._known:
            self._correct(record, key, read)
        else:
            self._rows.take(record, key, user, partition, read)

    def learnt(self, *, exact: bool = False) -> Learnt:
        """Return what is known by now.

        Args:
            exact: weigh every impression anew at the mode: slower.
        """
        self._settle()
        rows = self._rows
        seen = self._decided()
        counted = seen & rows["valid"]
        counted &= within_cap(
            counted & (rows["clicked"] > 0),
            rows["user"],
            rows["shown_at"],
            rows["key"],
            dataset.MAX_CLICKS_PER_PERSON,
        )
        base = self._base
        suspects = base.suspects
        if counted.any():
            suspects = suspects.after(rows["design"][counted], rows["clicked"][counted])
            counted &= ~suspects.taints(rows["design"])
        fresh = np.setdiff1d(suspects.columns(), base.suspects.columns())
        known = base.critic.without(fresh) if len(fresh) else base.critic
        critic = self._fitted(known, counted, exact=exact)
        served = counted & rows["served"]
        chance = self._expected(known, served)
        calibration = base.calibration
        if known.n_examples and len(chance):
            calibration = calibration.after(chance, rows["clicked"][served])
        critic_state = replace(
            base, critic=critic, suspects=suspects, calibration=calibration
        )
        return Learnt(critic_state, int((~seen).sum()))

    # -- what comes in -------------------------------------------------------------

    def _tell_time(self, record: Feedback, partition: int) -> None:
        self.newest_at = max(self.newest_at, record.decided_at)
        self._clock[partition] = max(self._clock[partition], record.decided_at)
        if record.outcome == "none":
            self._newest_none[partition] = max(
                self._newest_none[partition], record.shown_at
            )

    def _correct(self, record: Feedback, key: int, read: dataset.Vectors) -> None:
        """Learn how the label of an impression that the version learnt has changed."""
        clicked = float(record.valid and record.reward > 0)
        before = self._known[key]
        if record.revision <= self._revisions.get(key, -1) or clicked == before:
            return
        if clicked:
            self._corrected[record.user_id] += 1
            if self._corrected[record.user_id] > dataset.MAX_CLICKS_PER_PERSON:
                self.skipped["over the click cap"] += 1
                return
        corrected = LabelledImpressions(
            design=read[0][None],
            condition=read[1][None],
            clicked=np.array([clicked], np.float32),
            control=np.array([record.arm == dataset.CONTROL_ARM]),
        )
        self._base = self._base.corrected(corrected, np.array([before], np.float32))
        self._known[key] = clicked
        self._revisions[key] = record.revision

    # -- what counts ---------------------------------------------------------------

    def _decided(self) -> Mask:
        """Return the rows whose partition has decided impressions as young: bool[n]."""
        rows = self._rows
        young = rows["shown_at"] > self._newest_none[rows["partition"]]
        return np.asarray(rows["decided"] | ~young)

    def _share(self, mask: Mask) -> Vector:
        """Return the share of clicks that have come at the age of each row: [n]."""
        rows = self._rows
        age = self._clock[rows["partition"]] - rows["shown_at"]
        clicks = mask & (rows["clicked"] > 0)
        share = Delays.seen(rows["delay"][clicks], age[clicks]).by(age[mask])
        share[age[mask] >= self._horizon_ms] = 1.0
        return share

    def _expected(self, critic: ClickCritic, mask: Mask) -> Vector:
        """Return the chance of a click by now that the version gave each row: [n]."""
        if not critic.n_examples or not mask.any():
            return np.zeros(0)
        rows = self._rows
        chooser = self._base.chooser(critic)
        logits = chooser.logits(rows["design"][mask], rows["person"][mask])
        return np.asarray(self._share(mask) / (1.0 + np.exp(-logits)))

    # -- learning ------------------------------------------------------------------

    def _fitted(self, known: ClickCritic, mask: Mask, *, exact: bool) -> ClickCritic:
        """Return the critic at the mode of the rows."""
        layout, rows = known.layout, self._rows
        prior = np.diag(1.0 / known.prior.variances(layout))
        believed = Gaussian(prior + known.precision, known.pointed())
        counted = CountedImpressions.of(
            layout,
            rows["design"][mask],
            rows["person"][mask],
            rows["clicked"][mask],
            self._share(mask),
        )
        self._weigh(known, np.where(mask, 0.0, rows["weight"]) > 0.0, 0.0)
        new = mask & (rows["weight"] <= 0.0)
        at_mode = np.zeros(len(mask))
        at_mode[mask] = counted.weight(counted.logits(self._mode))
        self._weigh(known, new, at_mode)
        if exact:
            self._weigh_anew(known, at_mode)
        for _ in range(_FIT_TRIES):
            self._mode, weight, is_found = laplace.climb(
                believed, counted, self._gain, rows["weight"][mask], self._mode
            )
            at_mode[mask] = weight
            moved = np.abs(weight - rows["weight"][mask]).sum() if exact else 0.0
            if is_found and moved <= _EXACT * weight.sum():
                break
            self._weigh_anew(known, at_mode)
        precision = known.precision + self._gain
        return replace(
            known,
            precision=precision,
            eta=(prior + precision) @ self._mode - prior @ known.prior.mean(layout),
            n_examples=known.n_examples + int(mask.sum()),
            n_clicks=known.n_clicks + int(rows["clicked"][mask].sum()),
        )

    def _weigh(self, known: ClickCritic, mask: Mask, weight: Vector | float) -> None:
        """Give some rows another weight in the information."""
        if not mask.any():
            return
        rows = self._rows
        change = (weight - rows["weight"])[mask]
        self._gain += laplace.information(
            known.layout, rows["design"][mask], rows["person"][mask], change
        )
        rows["weight"][mask] += change

    def _weigh_anew(self, known: ClickCritic, weight: Vector) -> None:
        """Weigh all rows anew: no rounding of earlier sums is left."""
        self._gain[:] = 0.0
        self._rows["weight"][:] = 0.0
        self._weigh(known, weight > 0.0, weight)

    def _settle(self) -> None:
        """Learn the older half of too many rows for good: they are corrected later."""
        rows = self._rows
        if rows.n <= self._most_rows:
            return
        old = np.zeros(rows.n, bool)
        old[np.argsort(rows["shown_at"], kind="stable")[: rows.n // 2]] = True
        self._settle_rows(old)
        rows.drop(old)

    def _settle_rows(self, old: Mask) -> None:
        rows, base = self._rows, self._base
        taught = old & (rows["weight"] > 0.0)
        design, person = rows["design"][taught], rows["person"][taught]
        clicked, weight = rows["clicked"][taught], rows["weight"][taught]
        counted = CountedImpressions.of(
            base.critic.layout, design, person, clicked, self._share(taught)
        )
        gain = laplace.information(base.critic.layout, design, person, weight)
        pulled = counted.gradient(counted.residual(counted.logits(self._mode)))
        critic = replace(
            base.critic,
            precision=base.critic.precision + gain,
            eta=base.critic.eta + gain @ self._mode + pulled,
            n_examples=base.critic.n_examples + len(design),
            n_clicks=base.critic.n_clicks + int(clicked.sum()),
        )
        served = taught & rows["served"]
        chance = self._expected(base.critic, served)
        self._base = replace(
            base,
            critic=critic,
            suspects=base.suspects.after(design, clicked),
            calibration=base.calibration.after(chance, rows["clicked"][served])
            if len(chance)
            else base.calibration,
        )
        self._gain -= gain
        keys = rows["key"][taught].tolist()
        self._known.update(zip(keys, clicked.tolist(), strict=True))
        while len(self._known) > MOST:
            forgotten = next(iter(self._known))
            del self._known[forgotten]
            self._revisions.pop(forgotten, None)
