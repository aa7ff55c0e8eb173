"""What runs a stage on Kafka: batches, checkpoints, snapshots."""
