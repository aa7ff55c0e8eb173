"""Faust as its documentation shows it: an agent, an event at a time, and a Table.

Values of the Table are lists of numbers, as JSON: what `app.Table` does by default.
"""

import math

import faust

from benchmarks.peers.job import Job, Progress

_END_CHECK_S = 0.05


def main() -> None:
    """Run the worker until every event was seen, and read its table."""
    job = Job.from_arguments()
    progress = Progress(job.n_events)
    app = faust.App(
        job.group,
        broker=f"kafka://{job.bootstrap}",
        store="memory://",
        datadir=str(job.folder),
        web_enabled=False,
        topic_partitions=job.n_partitions,
        broker_commit_interval=job.checkpoint_ms / 1000,
        processing_guarantee="at_least_once",
    )
    events = app.topic(job.topic, key_serializer="raw", value_serializer="raw")
    table = app.Table("preferences", partitions=job.n_partitions)
    half_life_ms = job.half_life_s * 1000

    @app.agent(events)
    async def update_preferences(stream: faust.Stream[bytes]) -> None:
        async for message in stream:
            event = job.decode(message)
            user, at = event["user_id"], event["occurred_at"]
            then, weights = table.get(user) or (at, [0.0] * len(job.categories))
            amount = job.weights[event["kind"]]
            if at > then:
                decay = math.exp2((then - at) / half_life_ms)
                weights = [weight * decay for weight in weights]
                then = at
            else:
                amount *= math.exp2((at - then) / half_life_ms)
            weights[job.columns[event["category"]]] += amount
            table[user] = (then, weights)
            progress.add()

    @app.timer(_END_CHECK_S)
    async def end() -> None:
        if progress.n >= job.n_events:
            total = sum(sum(weights) for _, weights in table.values())
            progress.report(n_users=len(table), total=total)

    worker = faust.Worker(app, loglevel="WARNING", quiet=True, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()


main()
