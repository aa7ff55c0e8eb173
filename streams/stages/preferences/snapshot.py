"""A partition's people <-> parts of a snapshot, taken a slice at a time.

A slice is copied where a checkpoint is taken, when every row equals what the changelog
is about to hold. Slices of one snapshot are of different checkpoints: the changelog
from the first of them on brings all rows to the last one.
"""

import json
from collections.abc import Iterator, Sequence

import numpy as np

from streams.columns.rows import EPOCH_MS, SURFACES, TICK_BITS
from streams.stages.preferences.partition import PreferencePartition
from streams.stages.preferences.user_table import UserTable

ROWS_PER_PART = 100_000

FORMAT = "preferences-2"

ROWS, _PROFILES, _WINDOW = b"r", b"P", b"W"

OLD_ROWS = b"R"
"""Rows whose bursts are relative to their landmark, as they were written at first."""


def parts(partition: PreferencePartition) -> Iterator[bytes]:
    """Yield the parts; each reads the partition at the moment it is asked for."""
    table = partition.table
    start = 0
    while start < table.index.n_rows:
        rows = table.rows[start : min(start + ROWS_PER_PART, table.index.n_rows)]
        yield b"".join(
            (
                ROWS,
                len(rows).to_bytes(8, "little"),
                rows.tobytes(),
                table.kernel.keys_of(table.index, rows),
            )
        )
        start += ROWS_PER_PART
    profiles = [one.hex() for one in partition.profiles]
    yield _PROFILES + json.dumps(profiles).encode()
    yield _WINDOW + table.window.ids().tobytes()


def load(partition: PreferencePartition, part: memoryview) -> None:
    """Put one part into a partition that was empty before the first one.

    Raises:
        ValueError: the part does not fit this partition's rows.
    """
    kind, content = bytes(part[:1]), part[1:]
    table = partition.table
    if kind == _PROFILES:
        for suffix in json.loads(bytes(content)):
            partition.profile_number(bytes.fromhex(suffix))
    elif kind == _WINDOW:
        # A part begins with a byte, so what follows lies askew: copied, it does not.
        table.window.add(np.frombuffer(bytes(content), np.uint64))
    elif kind in {ROWS, OLD_ROWS}:
        size = int.from_bytes(content[:8], "little") * table.dtype.itemsize
        rows, keys = content[8 : 8 + size], content[8 + size :]
        _put(table, _renewed(table, rows) if kind == OLD_ROWS else rows, keys)
    else:
        raise ValueError(f"expected a part of rows, profiles or ids, got {kind!r}")


def _put(table: UserTable, rows: memoryview, keys: memoryview) -> None:
    table.reserve(len(rows) // table.dtype.itemsize)
    table.kernel.put_rows(table.index, table.rows, rows, keys)


def _renewed(table: UserTable, content: memoryview) -> memoryview:
    """Return rows with their bursts as of their newest event."""
    rows = np.frombuffer(bytes(content), table.dtype).copy()
    landmark = EPOCH_MS + (rows["landmark"].astype(np.int64) << TICK_BITS)
    age = np.maximum(rows["as_of"] - landmark, 0)
    rows["bursts"] *= np.exp2(-age / table.rules.burst_half_life_ms)[:, None]
    return rows.view(np.uint8).data


def layout(half_lives_s: Sequence[int], categories: Sequence[str]) -> str:
    """Return what the rows of a snapshot mean; `converting` reads other layouts."""
    named = [list(half_lives_s), list(categories), list(SURFACES)]
    return json.dumps([FORMAT, *named])
