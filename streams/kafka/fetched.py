"""A partition, and what one fetch brought for it."""

from dataclasses import dataclass
from typing import NamedTuple


class TP(NamedTuple):
    """A partition of a topic; equal to those of aiokafka and Faust."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """Record batches as the broker stores them, from `position` on.

    The first batch may begin before `position`, the last may be cut off: both are how
    Kafka answers.
    """

    tp: TP
    data: bytes | memoryview
    """Record batches, unparsed; of this object alone, for as long as it lives."""
    position: int
    """First offset that was asked for."""
    high_watermark: int
    aborted: tuple[tuple[int, int], ...] = ()
    """(producer id, first offset) of aborted transactions in this range."""
