"""ads.feedback.v1, ads.model-release.v1 -> ads.finetune-job.v1: when to learn again.

A job is triggered by count, by age or by drift, names exact offset ranges (without gap
or overlap from job to job), and runs alone: the next waits for a release that bears its
id, whatever the verdict, or for a timeout.

State is global (one row, partition 0), so this stage runs as **one replica**. How far
each partition was read when the count was reached is not repeatable, therefore a job is
decided first, written with the state, and sent only after that: a crash repeats the
same job or has never had one.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from schemas.records import (
    Feedback,
    FineTuneJob,
    JobReason,
    ModelRelease,
    OffsetRange,
)
from streams.columns.ids import derived_id, derived_seed
from streams.engine.stage import Incoming, Outgoing, StateRow
from streams.kafka.topics import FEEDBACK
from streams.kafka.wire import Wire
from streams.settings import RetrainingSettings, Settings
from streams.stages.retraining import STAGE
from streams.stages.retraining.drift import RewardDrift

ORGANIC = "organic"
CANARY = "canary"


@dataclass(slots=True)
class _Progress:
    """What is unlearnt, and what is being learnt."""

    starts: dict[int, int] = field(default_factory=dict)
    """Feedback partition -> first offset of the next job."""
    ends: dict[int, int] = field(default_factory=dict)
    """Feedback partition -> next offset to read."""
    n_examples: int = 0
    oldest_at: int | None = None
    base: int | None = None
    """Version that the next job starts from, see `_next_base`."""
    job: FineTuneJob | None = None
    """In flight."""
    is_sent: bool = False


class Retraining:
    """Triggers fine-tune jobs for one model (a `Stage`).

    Args:
        settings: thresholds.
        model_name: the model that is tuned.
        feedback_topic: name that the ranges carry.
        timeout_s: a job without a release after this long is given up.
    """

    name = STAGE.name
    sources = STAGE.sources

    def __init__(
        self,
        settings: RetrainingSettings,
        model_name: str,
        feedback_topic: str,
        *,
        timeout_s: float = 1_800.0,
    ) -> None:
        self._settings = settings
        self._model_name = model_name
        self._topic = feedback_topic
        self._timeout_ms = int(timeout_s * 1000)
        self._progress = _Progress()
        self._drift = RewardDrift(settings.drift_delta)
        self._is_dirty = False
        self._is_written = False
        """True when the job in flight is in the changelog."""

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:
        """Count feedback, follow releases. Jobs are sent by `tick`."""
        for record in incoming:
            match record.value:
                case Feedback():
                    self._count(record.value, record.partition, record.offset)
                case ModelRelease():
                    self._follow(record.value)
            self._decide(now)
        return []

    def tick(self, now: int) -> list[Outgoing]:
        """Decide what time alone decides; send the job once it is written."""
        progress = self._progress
        if progress.job and now >= progress.job.created_at + self._timeout_ms:
            progress.job, self._is_dirty = None, True
        self._decide(now)
        if progress.job is None or progress.is_sent or not self._is_written:
            return []
        progress.is_sent = self._is_dirty = True
        return [Outgoing(FineTuneJob, self._model_name, progress.job)]

    def take_dirty(self) -> list[StateRow]:
        """Return the one row, when it has changed."""
        if not self._is_dirty:
            return []
        self._is_dirty, self._is_written = False, True
        return [StateRow(0, self._model_name, self._encoded())]

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take the row back."""
        for row in rows:
            if row.key == self._model_name and row.value is not None:
                self._decode(row.value)

    def drop(self, partition: int) -> None:
        """Forget everything, when it is the partition of the state."""
        if partition == 0:
            self._progress = _Progress()
            self._drift = RewardDrift(self._settings.drift_delta)
            self._is_dirty = False

    def _count(self, feedback: Feedback, partition: int, offset: int) -> None:
        progress = self._progress
        if offset < progress.ends.get(partition, 0):
            return
        progress.starts.setdefault(partition, offset)
        progress.ends[partition] = offset + 1
        self._is_dirty = True
        if not _is_example(feedback):
            return
        progress.n_examples += 1
        progress.oldest_at = min(
            feedback.decided_at, progress.oldest_at or feedback.decided_at
        )
        if feedback.arm != CANARY:
            # A canary's beginning and end would look like a change in people.
            self._drift.add(feedback.impression_id, feedback.shown_at, feedback.reward)

    def _follow(self, release: ModelRelease) -> None:
        if release.model_name != self._model_name:
            return
        progress = self._progress
        progress.base = _next_base(progress.base, release)
        if progress.job is not None and release.job_id == progress.job.job_id:
            progress.job = None
        self._is_dirty = True

    def _decide(self, now: int) -> None:
        progress = self._progress
        reason = self._reason(now)
        if progress.job or progress.base is None or reason is None:
            return
        ranges = tuple(
            OffsetRange(
                topic=self._topic,
                partition=partition,
                start=progress.starts[partition],
                end=end,
            )
            for partition, end in sorted(progress.ends.items())
            if end > progress.starts[partition]
        )
        job_id = derived_id("finetune-job", self._model_name, ranges)
        progress.job = FineTuneJob(
            job_id=job_id,
            model_name=self._model_name,
            base_version=progress.base,
            reason=reason,
            ranges=ranges,
            n_examples=progress.n_examples,
            seed=derived_seed(job_id),
            created_at=now,
        )
        progress.is_sent = False
        progress.starts = dict(progress.ends)
        progress.n_examples, progress.oldest_at = 0, None
        self._drift.found = False
        self._is_dirty, self._is_written = True, False

    def _reason(self, now: int) -> JobReason | None:
        progress = self._progress
        if progress.n_examples >= self._settings.examples:
            return "count"
        if progress.n_examples < self._settings.min_examples:
            return None
        if self._drift.found:
            return "drift"
        age_ms = now - (now if progress.oldest_at is None else progress.oldest_at)
        return "age" if age_ms > self._settings.max_age_s * 1000 else None

    def _encoded(self) -> bytes:
        progress = self._progress
        row = [
            list(progress.starts.items()),
            list(progress.ends.items()),
            progress.n_examples,
            progress.oldest_at,
            progress.base,
            None if progress.job is None else asdict(progress.job),
            progress.is_sent,
            self._drift.to_row(),
        ]
        return json.dumps(row, separators=(",", ":")).encode()

    def _decode(self, row: bytes) -> None:
        starts, ends, n_examples, oldest_at, base, job, is_sent, drift = json.loads(row)
        if job is not None:
            job["ranges"] = tuple(OffsetRange(**one) for one in job["ranges"])
        self._progress = _Progress(
            starts=dict(starts),
            ends=dict(ends),
            n_examples=n_examples,
            oldest_at=oldest_at,
            base=base,
            job=None if job is None else FineTuneJob(**job),
            is_sent=is_sent,
        )
        self._drift.from_row(drift)
        self._is_dirty, self._is_written = False, True


def _is_example(feedback: Feedback) -> bool:
    """Return whether a record is new evidence about a design.

    A revision above 1 says more about a reaction that was counted; a late click after
    its none counts beside it, for it is a click that nobody had counted.
    """
    return (
        feedback.valid
        and feedback.design is not None
        and feedback.arm != ORGANIC
        and feedback.revision <= 1
    )


def _next_base(base: int | None, release: ModelRelease) -> int:
    """Return the newest version that no gate, shadow or canary has refused.

    What a job learnt travels in its version: a job that started from the champion
    while a newer candidate is on trial would forget the candidate's feedback.
    """
    if release.stage in ("rejected", "rolled_back"):
        if base is None or base == release.version:
            return release.champion_version
        return base
    return max(base or 0, release.version)


def build(settings: Settings, wire: Wire) -> Retraining:
    """Return the stage that triggers fine-tune jobs."""
    topic = wire.name(FEEDBACK)
    return Retraining(settings.retraining, settings.model.name, topic)
