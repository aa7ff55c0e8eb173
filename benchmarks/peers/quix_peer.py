"""Quix Streams: `update` of a stateful function, event by event, state in RocksDB.

State values are bytes (its fastest serialiser), the changelog topic is on, commits
every second.
"""

from typing import Any

import numpy as np
from quixstreams import Application, State

from benchmarks.peers.job import READING, Job, Progress, UserWeights


def main() -> None:
    """Run the application for as many events as there are."""
    job = Job.from_arguments()
    progress = Progress(job.n_events)
    half_life_ms = job.half_life_s * 1000
    app = Application(
        broker_address=job.bootstrap,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        commit_interval=job.checkpoint_ms / 1000,
        state_dir=str(job.folder / "state"),
        loglevel="WARNING",
        auto_create_topics=True,
        consumer_extra_config=READING,
        use_changelog_topics=True,
    )
    topic = app.topic(job.topic, key_deserializer="bytes", value_deserializer="bytes")
    latest: dict[str, bytes] = {}

    def fold(message: bytes, state: State) -> None:
        event = job.decode(message)
        kept = state.get_bytes("w")
        at = event["occurred_at"]
        weights = (
            UserWeights.from_bytes(kept)
            if kept is not None
            else UserWeights(at, np.zeros(len(job.categories), np.float32))
        )
        weights.add(
            job.columns[event["category"]],
            job.weights[event["kind"]],
            at,
            half_life_ms,
        )
        content = weights.to_bytes()
        state.set_bytes("w", content)
        latest[event["user_id"]] = content
        progress.add()

    frame: Any = app.dataframe(topic)
    frame.update(fold, stateful=True)
    app.run(count=job.n_events)
    total = sum(
        float(UserWeights.from_bytes(content).values.sum(dtype=float))
        for content in latest.values()
    )
    progress.report(n_users=len(latest), total=total)


main()
