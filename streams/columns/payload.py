"""The records of one Kafka record batch, decompressed and checked, not yet decoded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Payload:
    """Records of a version 2 record batch (Apache Kafka, "Message format").

    What is here has passed its CRC, is decompressed, and is neither a control batch nor
    of an aborted transaction. The records themselves are hostile input still.
    """

    records: bytes | memoryview
    """The records section: `n_records` records, one after the other."""
    n_records: int
    base_offset: int
    """A record's offset is this plus its offset delta."""
    base_timestamp: int
    """Epoch ms; a record's timestamp is this plus its timestamp delta."""
