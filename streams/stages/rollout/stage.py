"""ads.model-release.v1, ads.creative.v1, ads.feedback.v1 -> ads.model-release.v1.

A candidate that passed the offline gates is announced as `shadow`. After enough
requests in the shadow it becomes a canary; concurrent, valid feedback of both arms then
makes it champion or rolls it back (`canary` says how). A candidate that comes meanwhile
waits; of two that wait only the newer is tried.

A click is known at once and a none only when its window closes. The canary's
impressions are the younger ones, so counted as they come it would look better than it
is: a reaction counts from the moment that a none of its partition is as young as it.

State is global, so this stage runs as **one replica**. Which feedback had been read
when a look was taken is not repeatable: what is decided is written first and sent only
after that, so that a crash repeats a decision and never makes another one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from schemas.records import Creative, Feedback, ModelRelease
from streams.engine.alarms import Alarms
from streams.engine.keyed_state import KeyedState
from streams.engine.stage import Incoming, Outgoing, StateRow
from streams.kafka.wire import Wire
from streams.settings import RolloutSettings, Settings
from streams.stages.rollout import STAGE
from streams.stages.rollout.canary import due_look, group_of, look, looks
from streams.stages.rollout.promotion import Promotion
from streams.stages.rollout.state import (
    Counted,
    Standing,
    Trial,
    decode_counted,
    decode_standing,
    encode_counted,
    encode_standing,
)

_MODEL, _IMPRESSION = "m:", "i:"
"""Before the keys in the changelog."""

_ROW = 0
"""Partition of the standings."""

IMPRESSIONS_PER_CANARY = 8
"""Impressions remembered, in multiples of the longest canary: memory is bounded."""


class Rollout:
    """Moves candidates through shadow and canary (a `Stage`)."""

    name = STAGE.name
    sources = STAGE.sources

    def __init__(self, settings: RolloutSettings) -> None:
        self._settings = settings
        self._sizes = looks(
            settings.canary_impressions, settings.max_canary_impressions
        )
        self._promotion = Promotion(settings.shadow_requests, settings.canary_share)
        self._most = IMPRESSIONS_PER_CANARY * settings.max_canary_impressions
        self._standings = KeyedState(encode_standing, decode_standing)
        self._counted = KeyedState(encode_counted, decode_counted)
        self._young = Alarms()
        """Impressions with a reaction, by the instant at which they were shown."""
        self._n_written: dict[str, int] = {}
        """Model name -> announcements of its outbox that are in the changelog."""

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:
        """Follow releases, count. Decisions are sent by `tick`."""
        for record in incoming:
            match record.value:
                case ModelRelease():
                    self._follow(record.value, now)
                case Creative():
                    self._count_shadow(record.value, now)
                case Feedback():
                    self._count(record.partition, record.value, now)
        return []

    def tick(self, now: int) -> list[Outgoing]:  # noqa: ARG002 - counts decide, not time
        """Send what was decided, once it is written."""
        outgoing = []
        for name, n_written in self._n_written.items():
            standing = self._standings.get(_ROW, name)
            if standing is None or not standing.outbox:
                continue
            written = standing.outbox[:n_written]
            standing.outbox = standing.outbox[n_written:]
            outgoing += [Outgoing(ModelRelease, name, one) for one in written]
            self._standings.put(_ROW, name, standing)
        self._n_written.clear()
        return outgoing

    def take_dirty(self) -> list[StateRow]:
        """Return the changed standings and impressions."""
        self._mark_written()
        return [
            StateRow(row.partition, prefix + row.key, row.value)
            for prefix, table in (
                (_MODEL, self._standings),
                (_IMPRESSION, self._counted),
            )
            for row in table.take_dirty()
        ]

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take rows back."""
        for row in rows:
            bare = StateRow(row.partition, row.key[2:], row.value)
            if row.key.startswith(_MODEL):
                self._standings.restore([bare])
            else:
                self._counted.restore([bare])
        for partition, key, counted in self._counted.items():
            if not counted.is_mature:
                self._young.put(partition, key, counted.shown_at)
        self._mark_written()

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._standings.drop(partition)
        self._counted.drop(partition)
        self._young.drop(partition)

    def _mark_written(self) -> None:
        for _, name, standing in self._standings.items():
            if standing.outbox:
                self._n_written[name] = len(standing.outbox)

    # -- counting -------------------------------------------------------------------

    def _follow(self, release: ModelRelease, now: int) -> None:
        name = release.model_name
        standing = self._standings.get(_ROW, name) or Standing()
        trial = standing.trial
        self._promotion.follow(standing, release, now)
        self._keep(name, standing, trial)

    def _keep(self, name: str, standing: Standing, trial: Trial | None) -> None:
        """Write a standing; with another trial the old impressions go."""
        if standing.trial is not trial:
            for partition, key, _ in self._counted.items():
                if key.startswith(f"{name}/"):
                    self._counted.delete(partition, key)
        self._standings.put(_ROW, name, standing)

    def _count_shadow(self, creative: Creative, now: int) -> None:
        """Count a shadow answer; one sent twice may count twice, which harms nobody."""
        name = creative.receipt.model_name
        standing = self._standings.get(_ROW, name)
        if standing is None or standing.trial is None:
            return
        trial = standing.trial
        is_in_shadow = trial.canary_since is None
        if not is_in_shadow or creative.receipt.shadow_version != trial.version:
            return
        trial.n_shadow += 1
        if trial.n_shadow >= self._settings.shadow_requests:
            self._promotion.start_canary(standing, trial, now)
        self._keep(name, standing, trial)

    def _count(self, partition: int, feedback: Feedback, now: int) -> None:
        name = feedback.model_name or ""
        standing = self._standings.get(_ROW, name)
        if standing is None or standing.trial is None:
            return
        trial = standing.trial
        if not _is_concurrent(standing, trial, feedback):
            return
        key = f"{name}/{feedback.impression_id}"
        before = self._counted.get(partition, key)
        if before is None and len(self._counted) >= self._most:
            return
        if before is not None and before.revision >= feedback.revision:
            return
        is_none = feedback.outcome == "none"
        after = Counted(
            revision=feedback.revision,
            arm=feedback.arm,
            shown_at=feedback.shown_at,
            n=int(feedback.valid),
            clicks=int(feedback.valid and feedback.reward > 0),
            is_mature=is_none or (before is not None and before.is_mature),
            group=group_of(feedback.user_id),
        )
        self._counted.put(partition, key, after)
        if not after.is_mature:
            self._young.put(partition, key, after.shown_at)
            return
        _add(trial, after, before)
        if is_none:
            self._mature(partition, trial, feedback.shown_at)
        self._look(standing, trial, now)
        self._keep(name, standing, trial)

    def _mature(self, partition: int, trial: Trial, shown_at: int) -> None:
        """Count the reactions to impressions that are as old as a none."""
        for key in self._young.ring(partition, shown_at):
            young = self._counted.get(partition, key)
            if young is not None and not young.is_mature:
                mature = replace(young, is_mature=True)
                self._counted.put(partition, key, mature)
                _add(trial, mature, None)

    def _look(self, standing: Standing, trial: Trial, now: int) -> None:
        due = due_look(self._sizes, trial.n_looks, trial.canary, trial.champion)
        if due is None:
            return
        trial.n_looks = due + 1
        is_last = trial.n_looks == len(self._sizes)
        finding, verdict = look(
            trial.canary, trial.champion, self._sizes, due, self._settings.max_loss
        )
        if finding == "better":
            self._promotion.promote(standing, trial, verdict, now)
        elif finding == "worse" or is_last:
            self._promotion.roll_back(standing, trial, verdict, now)


def _is_concurrent(standing: Standing, trial: Trial, feedback: Feedback) -> bool:
    """Return whether feedback is about one of the two versions, during the canary."""
    if trial.canary_since is None or feedback.shown_at < trial.canary_since:
        return False
    versions = {"canary": trial.version, "champion": standing.champion_version}
    return versions.get(feedback.arm) == feedback.model_version


def _add(trial: Trial, after: Counted, before: Counted | None) -> None:
    tally = trial.canary if after.arm == "canary" else trial.champion
    tally.add(after.group, after.n, after.clicks)
    if before is not None:
        tally.add(before.group, -before.n, -before.clicks)


def build(settings: Settings, _wire: Wire) -> Rollout:
    """Return the stage that moves releases from shadow to champion."""
    return Rollout(settings.rollout)
