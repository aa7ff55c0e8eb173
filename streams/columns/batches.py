"""Keys and values -> records sections: record batches without their headers.

Layout: Apache Kafka, "Message format", Record. All records have timestamp delta 0 and
no headers; their offset deltas are 0, 1, 2 ...
"""

from collections.abc import Callable, Iterable, Sequence

from streams.columns.changelog import sized, varint
from streams.columns.compiled import built
from streams.columns.encoded import Encoded
from streams.columns.keys import python_partition_of

_KERNEL = built("streams.columns._batches")

Pair = tuple[bytes | None, bytes | None]

Sections = list[tuple[bytes, int]]
"""(records section, its number of records), in order."""

MAX_BYTES = 800_000
"""A sealed batch stays below Kafka's default limit of 1 MB."""

_NULL = varint(-1)


def python_sections(pairs: Iterable[Pair], max_bytes: int = MAX_BYTES) -> Sections:
    """Return keys and values as sections of at most `max_bytes`.

    A record that alone is larger has a section of its own.
    """
    found: Sections = []
    parts: list[bytes] = []
    size = 0
    for key, value in pairs:
        one = record(len(parts), key, value)
        if parts and size + len(one) > max_bytes:
            found.append((b"".join(parts), len(parts)))
            parts, size = [], 0
            one = record(0, key, value)
        parts.append(one)
        size += len(one)
    return [*found, (b"".join(parts), len(parts))] if parts else found


def python_partitioned(
    blocks: Sequence[Encoded], n_partitions: int, max_bytes: int = MAX_BYTES
) -> dict[int, Sections]:
    """Return messages as sections by the partition of their keys.

    Args:
        blocks: messages in order.
        n_partitions: of the topic that they go to.
        max_bytes: as for `sections`.

    Raises:
        ValueError: there are no partitions, or a span leads out of its block.
    """
    by_partition: dict[int, list[Pair]] = {}
    for block in blocks:
        for key, value in block.pairs():
            partition = python_partition_of(key, n_partitions)
            by_partition.setdefault(partition, []).append((key, value))
    return {
        partition: python_sections(pairs, max_bytes)
        for partition, pairs in sorted(by_partition.items())
    }


def records_section(pairs: Iterable[Pair]) -> bytes:
    """Return keys and values as one section, however large."""
    found = python_sections(pairs, max_bytes=1 << 40)
    return found[0][0] if found else b""


def record(number: int, key: bytes | None, value: bytes | None) -> bytes:
    """Return one record of a section, in place `number` from 0."""
    return sized(b"".join((b"\0\0", varint(number), _field(key), _field(value), b"\0")))


def _field(content: bytes | None) -> bytes:
    return _NULL if content is None else sized(content)


sections: Callable[..., Sections] = _KERNEL.sections if _KERNEL else python_sections
"""`python_sections`, by the kernel where it is built."""

partitioned: Callable[..., dict[int, Sections]] = (
    _KERNEL.partitioned if _KERNEL else python_partitioned
)
"""`python_partitioned`, by the kernel where it is built."""
