"""confluent-kafka, fastavro, columnar numpy, changelog: what a good engineer writes.

Batches of messages, forward decay in one scatter-add, and once a second the changed
users to a compacted topic; offsets are committed when those records are acknowledged.
"""

import time

import numpy as np
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.peers.job import READING, Job, Progress, UserWeights

_FIRST_ROWS = 1_024


class Table:
    """Users' weights as float32 [rows, categories], relative to a landmark."""

    def __init__(self, job: Job) -> None:
        self._half_life_ms = job.half_life_s * 1000
        self._rows: dict[str, int] = {}
        self._landmark: int | None = None
        self._weights = np.zeros((_FIRST_ROWS, len(job.categories)), np.float32)
        self._as_of = np.zeros(_FIRST_ROWS, np.int64)
        self.dirty: set[str] = set()

    def fold(
        self, users: list[str], columns: list[int], amounts: list[float], at: list[int]
    ) -> None:
        """Add a batch of events."""
        rows = np.array([self._row(user) for user in users])
        instants = np.array(at)
        if self._landmark is None:
            self._landmark = int(instants.min())
        growth = np.exp2((instants - self._landmark) / self._half_life_ms)
        np.add.at(self._weights, (rows, columns), np.array(amounts) * growth)
        np.maximum.at(self._as_of, rows, instants)
        self.dirty.update(users)

    def take_dirty(self) -> list[tuple[str, bytes]]:
        """Return what changed, as of each user's newest event."""
        users, self.dirty = list(self.dirty), set()
        rows = np.array([self._rows[user] for user in users], np.int64)
        age = (self._as_of[rows] - (self._landmark or 0)) / self._half_life_ms
        weights = (self._weights[rows] * np.exp2(-age)[:, None]).astype(np.float32)
        instants = self._as_of[rows].tolist()
        return [
            (user, UserWeights(at, row).to_bytes())
            for user, at, row in zip(users, instants, weights, strict=True)
        ]

    def _row(self, user: str) -> int:
        row = self._rows.get(user)
        if row is None:
            row = self._rows[user] = len(self._rows)
            if row == len(self._as_of):
                self._weights = np.concatenate([self._weights, 0 * self._weights])
                self._as_of = np.concatenate([self._as_of, 0 * self._as_of])
        return row


def main() -> None:
    """Do the job, then read the changelog back."""
    job = Job.from_arguments()
    changelog = f"{job.group}-changelog"
    _create(job, changelog)
    consumer = _consumer(job, job.group)
    consumer.subscribe([job.topic])
    producer = Producer(
        {
            "bootstrap.servers": job.bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "batch.size": 512 * 1024,
            "queue.buffering.max.messages": 2_000_000,
        }
    )
    table, progress = Table(job), Progress(job.n_events)
    saved = time.monotonic()
    while not progress.add(_fold(job, table, consumer.consume(10_000, timeout=0.1))):
        if time.monotonic() - saved >= job.checkpoint_ms / 1000:
            _checkpoint(table, producer, consumer, changelog)
            saved = time.monotonic()
    _checkpoint(table, producer, consumer, changelog)
    latest = _read_back(job, changelog)
    total = sum(
        float(UserWeights.from_bytes(value).values.sum(dtype=float))
        for value in latest.values()
    )
    progress.report(n_users=len(latest), total=total)


def _consumer(job: Job, group: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": job.bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "enable.partition.eof": group.endswith("-check"),
            **READING,
        }
    )


def _fold(job: Job, table: Table, messages: list[Message]) -> int:
    if not messages:
        return 0
    events = [job.decode(message.value()) for message in messages]
    table.fold(
        [event["user_id"] for event in events],
        [job.columns[event["category"]] for event in events],
        [job.weights[event["kind"]] for event in events],
        [event["occurred_at"] for event in events],
    )
    return len(events)


def _checkpoint(
    table: Table, producer: Producer, consumer: Consumer, changelog: str
) -> None:
    for user, value in table.take_dirty():
        producer.produce(changelog, value, user)
    producer.flush()
    consumer.commit(asynchronous=False)


def _create(job: Job, changelog: str) -> None:
    admin = AdminClient({"bootstrap.servers": job.bootstrap})
    topic = NewTopic(
        changelog, job.n_partitions, 1, config={"cleanup.policy": "compact"}
    )
    for future in admin.create_topics([topic]).values():
        future.result()


def _read_back(job: Job, changelog: str) -> dict[bytes, bytes]:
    consumer = _consumer(job, f"{job.group}-check")
    consumer.assign([TopicPartition(changelog, n, 0) for n in range(job.n_partitions)])
    latest: dict[bytes, bytes] = {}
    n_open = job.n_partitions
    while n_open:
        for message in consumer.consume(10_000, timeout=0.2):
            if message.error() is None:
                latest[message.key()] = message.value()
            elif message.error().code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its documented name
                n_open -= 1
    return latest


main()
