"""Arrow rows of a topic -> blocks: a retry cuts and names them the same way."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
from crc32c import crc32c

WINDOW = 131_072
"""Offsets of a partition that make a block of their own."""


@dataclass(frozen=True, slots=True)
class ArrowBlock:
    """Rows of one table, as Arrow's streaming format."""

    table: str
    names: tuple[str, ...]
    content: bytes
    n_rows: int
    token: str
    """Partitions, offsets and contents: no other block has it."""


def arrow_blocks(
    topic: str, table: str, batches: Sequence[pa.RecordBatch]
) -> Iterator[ArrowBlock]:
    """Yield the rows of a topic as blocks.

    A window of offsets that is complete is a block: after a crash the log is cut there
    again, wherever flushes fell. The last windows of all partitions, which are still
    being filled, are one block together, so that a slow topic of many partitions makes
    one part for each flush.

    Args:
        topic: where the rows come from.
        table: where they go.
        batches: each of one partition, in offset order.
    """
    filling: list[pa.RecordBatch] = []
    for windows in _windows(batches):
        *complete, last = windows
        yield from (_block(topic, table, window) for window in complete)
        filling += last
    if filling:
        yield _block(topic, table, filling)


def _windows(batches: Sequence[pa.RecordBatch]) -> Iterator[list[list[pa.RecordBatch]]]:
    """Yield, for each partition in order, its windows in order."""
    by_partition: dict[int, dict[int, list[pa.RecordBatch]]] = defaultdict(dict)
    for batch in batches:
        if not batch.num_rows:
            continue
        windows = by_partition[batch.column("_partition")[0].as_py()]
        numbers = np.asarray(batch.column("_offset")) // WINDOW
        starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
        for start, end in pairwise(starts):
            piece = batch.slice(start, end - start)
            windows.setdefault(int(numbers[start]), []).append(piece)
    for _, windows in sorted(by_partition.items()):
        yield [windows[number] for number in sorted(windows)]


def _block(topic: str, table: str, batches: list[pa.RecordBatch]) -> ArrowBlock:
    whole = pa.Table.from_batches(batches).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, whole.schema) as stream:
        stream.write_table(whole)
    content = sink.getvalue().to_pybytes()
    token = f"{topic}|{_spans(batches)}|{_checksum(whole):08x}"
    return ArrowBlock(table, tuple(whole.column_names), content, len(whole), token)


def _checksum(rows: pa.Table) -> int:
    """Return a checksum of the columns without nulls: of values, not of their layout.

    It only has to tell a topic that was made anew, and counts from 0 again, from what
    it was before.
    """
    checksum = 0
    for column in rows.columns:
        array = column.chunk(0)
        if isinstance(array, pa.DictionaryArray):
            array = array.indices
        if not array.null_count:
            for part in _values(array):
                checksum = crc32c(part, checksum)
    return checksum


def _values(array: pa.Array) -> Iterator[memoryview]:
    first, last = array.offset, array.offset + len(array)
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        _, starts, content = array.buffers()
        bounds = np.frombuffer(starts, np.int32)[first : last + 1]
        yield memoryview(np.diff(bounds).tobytes())
        yield memoryview(content or b"")[bounds[0] : bounds[-1]]
    elif pa.types.is_primitive(kind) and not pa.types.is_boolean(kind):
        width = kind.bit_width // 8
        yield memoryview(array.buffers()[1])[first * width : last * width]


def _spans(batches: list[pa.RecordBatch]) -> str:
    spans: dict[int, list[int]] = {}
    for batch in batches:
        offsets = batch.column("_offset")
        span = spans.setdefault(
            batch.column("_partition")[0].as_py(), [offsets[0].as_py(), 0]
        )
        span[1] = offsets[-1].as_py()
    return ",".join(f"{one}:{first}-{last}" for one, (first, last) in spans.items())
