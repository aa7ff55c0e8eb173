"""Arrow rows of a topic -> blocks: a retry cuts and names them the same way."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from crc32c import crc32c

WINDOW = 131_072
"""Offsets of a partition that make a block of their own."""


@dataclass(frozen=True, slots=True)
class ArrowBlock:
    """Rows of one table, as Arrow's streaming format."""

    table: str
    names: tuple[str, ...]
    content: memoryview
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
    rows = pa.Table.from_batches(batches).unify_dictionaries()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    token = f"{topic}|{_spans(batches)}|{_checksum(rows):08x}"
    content = memoryview(sink.getvalue())
    return ArrowBlock(table, tuple(rows.column_names), content, len(rows), token)


def _checksum(rows: pa.Table) -> int:
    """Return a checksum of the columns without nulls: of values, not of their layout.

    It only has to tell a topic that was made anew, and counts from 0 again, from what
    it was before. So dictionaries, which are other ones in other batches, are left out.
    """
    checksum = 0
    for column in rows.columns:
        if not column.null_count:
            for part in _values(column):
                checksum = crc32c(part, checksum)
    return checksum


def _values(column: pa.ChunkedArray) -> Iterator[memoryview]:
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        bounds = [_bounds(array) for array in column.chunks]
        yield from (memoryview(np.diff(one).tobytes()) for one in bounds)
        for array, one in zip(column.chunks, bounds, strict=True):
            yield memoryview(array.buffers()[2] or b"")[one[0] : one[-1]]
    elif pa.types.is_integer(kind) or pa.types.is_timestamp(kind):
        width = kind.bit_width // 8
        for array in column.chunks:
            values = memoryview(array.buffers()[1])
            yield values[array.offset * width : (array.offset + len(array)) * width]


def _bounds(array: pa.Array) -> npt.NDArray[np.int32]:
    starts = np.frombuffer(array.buffers()[1], np.int32)
    return starts[array.offset : array.offset + len(array) + 1]


def _spans(batches: list[pa.RecordBatch]) -> str:
    spans: dict[int, list[int]] = {}
    for batch in batches:
        offsets = batch.column("_offset")
        span = spans.setdefault(
            batch.column("_partition")[0].as_py(), [offsets[0].as_py(), 0]
        )
        span[1] = offsets[-1].as_py()
    return ",".join(f"{one}:{first}-{last}" for one, (first, last) in spans.items())
