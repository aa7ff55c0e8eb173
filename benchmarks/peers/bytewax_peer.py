"""Bytewax: `stateful_map` keyed by user, SQLite recovery with a snapshot a second."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import bytewax.operators as op
import numpy as np
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.testing import cluster_main

from benchmarks.peers.job import READING, Job, Progress, UserWeights


class _Count(StatelessSinkPartition[Any]):
    """Counts, and keeps the newest state of each user for the check."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.latest: dict[str, float] = {}

    def write_batch(self, items: list[Any]) -> None:
        for user, total in items:
            self.latest[user] = total
        if self._progress.add(len(items)):
            self._progress.report(
                n_users=len(self.latest), total=sum(self.latest.values())
            )


class _Sink(DynamicSink[Any]):
    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Count:
        del step_id, worker_index, worker_count
        return _Count(self._progress)


def main() -> None:
    """Run the dataflow."""
    job = Job.from_arguments()
    half_life_ms = job.half_life_s * 1000

    def decode(messages: Iterable[Any]) -> Iterable[tuple[str, tuple[int, float, int]]]:
        for message in messages:
            event = job.decode(message.value)
            column = job.columns[event["category"]]
            amount = job.weights[event["kind"]]
            yield event["user_id"], (column, amount, event["occurred_at"])

    def fold(
        state: UserWeights | None, event: tuple[int, float, int]
    ) -> tuple[UserWeights, float]:
        column, amount, at = event
        if state is None:
            state = UserWeights(at, np.zeros(len(job.categories), np.float32))
        state.add(column, amount, at, half_life_ms)
        return state, float(state.values.sum())

    recovery = job.folder / "recovery"
    recovery.mkdir()
    init_db_dir(recovery, 1)
    flow = Dataflow("preferences")
    source = KafkaSource(
        [job.bootstrap],
        [job.topic],
        tail=False,
        batch_size=10_000,
        add_config=READING,
    )
    events = op.flat_map_batch("decode", op.input("kafka", flow, source), decode)
    weights = op.stateful_map("fold", events, fold)
    op.output("count", weights, _Sink(Progress(job.n_events)))
    cluster_main(
        flow,
        [],
        0,
        epoch_interval=timedelta(milliseconds=job.checkpoint_ms),
        recovery_config=RecoveryConfig(str(recovery)),
        worker_count_per_proc=1,
    )


main()
