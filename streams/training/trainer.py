"""ads.finetune-job.v1 -> a fine-tune subprocess -> ads.model-release.v1.

Torch lives in the subprocess only (`python -m model_export`). The job's offset is
committed after its release is on the topic: a trainer that dies in mid-job runs the
job again, from the same offsets and the same seed. Champions that the rollout names
are written to the registry's promotion log from here, the one place that does so.
"""

import json
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any

import structlog

from model_export.jobs import order
from model_export.store.champion import in_force
from model_export.store.registry import Registry, RegistryError
from schemas.avro import AvroError
from schemas.records import Feedback, FineTuneJob, ModelRelease, Record, Verdict
from streams.engine.declaration import group_of
from streams.errors import StateError
from streams.kafka.blocking_reader import BlockingReader
from streams.kafka.connection import checked_connection
from streams.kafka.fetched import TP
from streams.kafka.group import Group
from streams.kafka.messages import Message
from streams.kafka.producer import BlockingProducer, Sent
from streams.kafka.schema_ids import wire_of
from streams.kafka.topics import FEEDBACK, FINETUNE_JOB, MODEL_RELEASE
from streams.runtime import die_with_parent
from streams.runtime.clock import now_ms
from streams.runtime.service import serve
from streams.settings import Settings
from streams.training.feedback import read_ranges

LOG = structlog.get_logger(__name__)

JOB_LIMIT_S = 1_800.0
"""A job that takes longer is ended; its release is a rejection."""

POLL_S = 0.25


class Trainer:
    """Runs fine-tune jobs one after another until it is stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._wire = wire_of(settings)
        self._registry = Registry(settings.model.store)
        self._connection = checked_connection(settings)
        self._producer = BlockingProducer(self._connection, "adloom-trainer")
        self._reader = BlockingReader(self._connection)
        self._group = Group(
            self._connection,
            group_of("trainer", settings),
            "adloom-trainer",
            [self._wire.name(FINETUNE_JOB), self._wire.name(MODEL_RELEASE)],
            settings.kafka.session_timeout_s,
            idle_s=2 * JOB_LIMIT_S,
        )
        self.ready = threading.Event()
        self._stopping = threading.Event()
        self._job: subprocess.Popen[str] | None = None

    def stop(self, *_: Any) -> None:
        """End after the current step; a running job is ended and will be run again."""
        self._stopping.set()
        if self._job is not None:
            self._job.terminate()

    def run(self) -> None:
        """Work until stopped."""
        try:
            self._introduce_champion()
            self.ready.set()
            while not self._stopping.is_set():
                self._work()
        except StateError:
            if not self._stopping.is_set():
                raise
        finally:
            self._group.close()
            self._reader.close()
            self._producer.close()

    def _work(self) -> None:
        if self._group.poll():
            self._reader.assign(self._group.positions())
        for record in self._reader.read_messages(POLL_S):
            if self._stopping.is_set() or not self._group.is_current():
                return  # what is left was not committed, and is read again
            self._take(record)

    def _take(self, record: Message) -> None:
        try:
            value = self._decode(record)
        except AvroError as error:
            LOG.error(
                "skipped", topic=record.topic, offset=record.offset, why=str(error)
            )
        else:
            if isinstance(value, FineTuneJob):
                self._tune(value)
            elif isinstance(value, ModelRelease):
                self._note(value)
        if not self._stopping.is_set():
            self._group.commit({TP(record.topic, record.partition): record.offset + 1})

    def _decode(self, record: Message) -> Record | None:
        if record.value is None:
            return None
        topic = self._wire.topic(record.topic)
        return self._wire.codec(topic.record).decode(record.value)

    # -- champions ------------------------------------------------------------------

    def _introduce_champion(self) -> None:
        """Pre-train when the registry is empty; put the champion on the topic."""
        name = self._settings.model.name
        arguments = ["pretrain", "--store", self._settings.model.store]
        if self._settings.model.space is not None:
            arguments += ["--space", str(self._settings.model.space)]
        self._model_export([*arguments, "--model", name], stdin="")
        champion = self._registry.champion(name)
        if champion is None:
            raise StateError(f"{name}: pre-training left no champion; see its log")
        self._release(in_force(champion, now_ms()))

    def _note(self, release: ModelRelease) -> None:
        """Write a new champion to the promotion log."""
        champion = self._registry.champion(release.model_name)
        if release.stage != "champion" or (
            champion and champion.version == release.version
        ):
            return
        try:
            self._registry.promote(
                release.model_name,
                release.version,
                at=release.released_at,
                reason="; ".join(verdict.detail for verdict in release.verdicts),
            )
        except RegistryError as error:
            LOG.error("promotion not logged", why=str(error))

    # -- jobs -----------------------------------------------------------------------

    def _tune(self, job: FineTuneJob) -> None:
        if job.model_name != self._settings.model.name:
            return
        answer = self._made_before(job) or self._fine_tuned(job)
        if answer is not None:
            self._release(self._candidate(job, answer))

    def _made_before(self, job: FineTuneJob) -> dict[str, Any] | None:
        """Return the version that this job made before its release was lost."""
        for version in reversed(self._registry.versions(job.model_name)):
            card = self._registry.card(job.model_name, version)
            if card.get("job_id") == job.job_id:
                found = self._registry.find(job.model_name, version)
                return {**card, "version": version, "sha256": found.sha256}
        return None

    def _fine_tuned(self, job: FineTuneJob) -> dict[str, Any] | None:
        """Run the job; None when this process is to end."""
        arguments = ["fine-tune", "--store", self._settings.model.store]
        try:
            out = self._model_export(arguments, order.to_text(job, self._read(job)))
            answer: dict[str, Any] = json.loads(out)
        except (StateError, ValueError) as error:
            if self._stopping.is_set():
                return None
            LOG.error("job failed", job=job.job_id, why=str(error))
            return _failed(job, str(error))
        return answer

    def _read(self, job: FineTuneJob) -> order.FeedbackRead:
        """Return the feedback of a job."""
        topic = self._wire.name(FEEDBACK)
        wrong = sorted({part.topic for part in job.ranges} - {topic})
        if wrong:
            raise StateError(f"job ranges of {wrong}: expected {topic} only")
        ids = self._wire.codec(Feedback).ids
        return read_ranges(self._connection, job.ranges, ids)

    def _candidate(self, job: FineTuneJob, answer: dict[str, Any]) -> ModelRelease:
        champion = self._registry.champion(job.model_name)
        if champion is None:
            raise StateError(f"{job.model_name}: no champion in the registry")
        return ModelRelease(
            model_name=job.model_name,
            version=answer["version"],
            sha256=answer["sha256"],
            stage="shadow" if answer["passed"] else "rejected",
            canary_share=0.0,
            champion_version=champion.version,
            champion_sha256=champion.sha256,
            base_version=job.base_version,
            job_id=job.job_id,
            verdicts=tuple(Verdict(**verdict) for verdict in answer["verdicts"]),
            released_at=now_ms(),
        )

    def _release(self, release: ModelRelease) -> None:
        self._producer.send(
            Sent(
                self._wire.name(MODEL_RELEASE),
                release.model_name.encode(),
                self._wire.codec(ModelRelease).encode(release),
            )
        )
        LOG.info("released", version=release.version, stage=release.stage)

    def _model_export(self, arguments: list[str], stdin: str) -> str:
        """Run `python -m model_export`; return what it wrote to stdout."""
        command = [sys.executable, "-m", "model_export", *arguments]
        self._job = subprocess.Popen(  # noqa: S603 - our own module
            die_with_parent.command(*command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, log = self._job.communicate(stdin, timeout=JOB_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._job.kill()
            out, log = self._job.communicate()
        status, self._job = self._job.returncode, None
        if status != 0:
            last = log.strip().splitlines()[-1:] or ["nothing was logged"]
            raise StateError(f"{arguments[0]} ended with status {status}: {last[0]}")
        return out


def _failed(job: FineTuneJob, why: str) -> dict[str, Any]:
    verdict = Verdict(
        gate="job", result="fail", value=0.0, threshold=1.0, detail=why[:1_000]
    )
    return {
        "version": job.base_version,
        "sha256": "",
        "passed": False,
        "verdicts": [asdict(verdict)],
    }


def run(settings: Settings) -> int:
    """Run the trainer until SIGINT or SIGTERM; return the exit status."""
    return serve(Trainer(settings), settings)
