"""Rows -> the changelog's record batches, in numpy: the twin of the compiled writer.

A section is the records part of a Kafka record batch: key user id, value a framed
Preference, ready to be sealed and sent. What decays is decayed to the row's `as_of`.
All records of a section are laid side by side, one column of cells a field.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.columns import cells
from streams.columns.cells import Cells
from streams.columns.changelog import landmarks_ms, scaled
from streams.columns.columns import Ints
from streams.columns.key_index import KeyIndex
from streams.columns.rows import EPOCH_MS, TICK_BITS, Rows
from streams.columns.rules import FoldRules

_LEAST_BYTES = 32
"""Of a record, beside its weights."""


def sections(
    rules: FoldRules,
    index: KeyIndex,
    rows: Rows,
    numbers: Ints,
    frame: bytes,
    lives: bytes,
    profiles: Sequence[bytes],
    positions: bytes,
    max_bytes: int,
) -> list[tuple[bytes, int]]:
    """Return (records section, number of records) of rows, a little over `max_bytes`.

    Args:
        rules: what an event is worth.
        index: of the user ids.
        rows: all of them.
        numbers: of the rows to write.
        frame: zero byte and schema id of a message.
        lives: the half-lives in seconds, as Avro.
        profiles: by number, language, region, age band and device, as Avro.
        positions: offsets that the rows include, of the three sources, as Avro.
        max_bytes: a section ends when it has reached so many bytes.
    """
    # More rows than so many no section has.
    most = 1 + max_bytes // (rows.dtype["weights"].itemsize + _LEAST_BYTES)
    found: list[tuple[bytes, int]] = []
    start = 0
    while start < len(numbers):
        people = rows[numbers[start : start + most]]
        key = _sized(Cells(index.keys(people), people["key_length"].astype(np.int64)))
        value = [
            cells.constant(frame, len(people)),
            *key,
            *_fields(rules, people, lives, profiles, positions),
        ]
        zero = cells.constant(b"\0", len(people))
        body = [
            zero,  # attributes
            zero,  # timestamp delta
            cells.varints(np.arange(len(people))),
            *key,
            cells.varints(cells.total_lengths(value)),
            *value,
            zero,  # headers
        ]
        length = cells.varints(cells.total_lengths(body))
        content, lengths = cells.joined([length, *body])
        ends = np.cumsum(lengths)
        n = min(int(np.searchsorted(ends, max_bytes)) + 1, len(people))
        found.append((content[: ends[n - 1]].tobytes(), n))
        start += n
    return found


def _fields(
    rules: FoldRules,
    people: Rows,
    lives: bytes,
    profiles: Sequence[bytes],
    positions: bytes,
) -> list[Cells]:
    """Return the fields of Preference from `as_of` on."""
    n = len(people)
    age = (people["as_of"] - landmarks_ms(people)).astype(np.float64)
    is_unclicked = people["unclicked"] > 0  # newest first: zeros at the end
    n_unclicked = is_unclicked.sum(1)
    used, which = np.unique(people["profile"], return_inverse=True)
    return [
        cells.varints(people["as_of"]),
        cells.constant(lives, n),
        *_decayed(people["weights"], age, rules.half_lives_ms),
        cells.varints(people["n_events"].astype(np.int64)),
        cells.varints(n_unclicked),
        cells.fixed(people["consent"][:, None]),
        cells.chosen([profiles[one] for one in used.tolist()], which),
        cells.constant(positions, n),
        cells.varints(_instants(people["last_click"])),
        cells.varints(_instants(people["withdrawn"])),
        *_sized(Cells(_bytes_of(people["unclicked"]), 4 * n_unclicked)),
        *_decayed(people["exposures"], age, [rules.fatigue_half_life_ms]),
        *_sized(cells.fixed(_bytes_of(people["bursts"]))),
    ]


def _decayed(
    sums: npt.NDArray[np.float32],
    age: npt.NDArray[np.float64],
    half_lives_ms: Sequence[float],
) -> list[Cells]:
    return _sized(cells.fixed(_bytes_of(scaled(sums, -age, half_lives_ms))))


def _sized(content: Cells) -> list[Cells]:
    """Return bytes behind their lengths."""
    return [cells.varints(content.lengths), content]


def _bytes_of(numbers: npt.NDArray[Any]) -> cells.Bytes:
    """Return the numbers of each row as bytes [n, ...], little endian."""
    flat = np.ascontiguousarray(numbers).reshape(len(numbers), -1)
    return flat.view(np.uint8)


def _instants(ticks: npt.NDArray[np.uint32]) -> Ints:
    """Return the first ms of ticks [n]; 0 (none) stays 0."""
    instants = EPOCH_MS + (ticks.astype(np.int64) << TICK_BITS)
    return np.where(ticks > 0, instants, 0)
