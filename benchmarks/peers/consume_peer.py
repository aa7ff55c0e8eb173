"""confluent-kafka, consume only: nothing is decoded, nothing is kept."""

from confluent_kafka import Consumer

from benchmarks.peers.job import READING, Job, Progress


def main() -> None:
    """Read every event."""
    job = Job.from_arguments()
    progress = Progress(job.n_events)
    consumer = Consumer(
        {
            "bootstrap.servers": job.bootstrap,
            "group.id": job.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **READING,
        }
    )
    consumer.subscribe([job.topic])
    while not progress.add(len(consumer.consume(10_000, timeout=0.1))):
        pass
    progress.report()


main()
