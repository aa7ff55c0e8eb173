"""Preference records -> rows, in Python: the twin of the compiled restore.

What decays was decayed to the row's `as_of` on its way out (`sections`), and is taken
from there on its way in.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streams.columns.columns import Columns, Ints
from streams.columns.key_index import KeyIndex
from streams.columns.rows import (
    EPOCH_MS,
    N_UNCLICKED,
    TICK_BITS,
    Rows,
    tick,
)
from streams.columns.rules import FoldRules

Floats = npt.NDArray[np.float64]

FIELDS = (
    "user_id",
    "as_of",
    "half_lives_s",
    "weights",
    "n_events",
    "consent",
    "language",
    "region",
    "age_band",
    "device",
    "behavior_offset",
    "profile_offset",
    "text_offset",
    "last_click_at",
    "withdrawn_at",
    "unclicked_at",
    "exposures",
    "bursts",
)
"""Of Preference, that `restore` reads."""


def restore(
    rules: FoldRules,
    index: KeyIndex,
    rows: Rows,
    columns: Columns,
    lives: bytes,
    replayed: Ints,
    profile_numbers: Ints,
) -> None:
    """Put rows back; of several records of a person the last one counts.

    Args:
        rules: what an event is worth.
        index: of the user ids.
        rows: with room for one new row per record.
        columns: of Preference: `FIELDS`.
        lives: the half-lives in seconds, as Avro: weights of others start anew.
        replayed: [3, rows], gets the offsets of the three sources that a row includes.
        profile_numbers: of the records [n].
    """
    users = columns.raw(columns.slot("user_id"))
    lived = columns.raw(columns.slot("half_lives_s"))
    weighed, unclicked, exposed, burst = (
        columns.raw(columns.slot(name))
        for name in ("weights", "unclicked_at", "exposures", "bursts")
    )
    for i, user in enumerate(users):
        key = user or b""
        number = index.find(key, rows)
        number = index.add(key, rows) if number < 0 else number
        row = rows[number : number + 1]
        for name, at in (
            ("last_click", "last_click_at"),
            ("withdrawn", "withdrawn_at"),
        ):
            row[name] = _tick(int(columns.slot(at)[i]))
        row["as_of"] = columns.slot("as_of")[i]
        row["landmark"] = _tick(int(row["as_of"][0]))
        row["n_events"] = columns.slot("n_events")[i]
        row["consent"] = columns.slot("consent")[i]
        row["profile"] = profile_numbers[i]
        for source, name in enumerate(
            ("behavior_offset", "profile_offset", "text_offset")
        ):
            replayed[source, number] = columns.slot(name)[i]
        age = (row["as_of"] - landmarks_ms(row)).astype(np.float64)
        content = weighed[i] if lived[i] == lives else b""
        shape = row["weights"].shape
        kept = _floats(content, shape)
        row["weights"] = scaled(kept, age, rules.half_lives_ms)
        kept = _floats(exposed[i], row["exposures"].shape)
        row["exposures"] = scaled(kept, age, [rules.fatigue_half_life_ms])
        row["bursts"] = _floats(burst[i], row["bursts"].shape)
        row["unclicked"] = _ticks(unclicked[i])


def varint(value: int) -> bytes:
    """Return a zigzag varint, as Avro and Kafka write numbers.

    >>> varint(-1).hex(), varint(64).hex()
    ('01', '8001')
    """
    bits = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while bits > 127:  # noqa: PLR2004 - seven bits a byte
        out.append(bits & 127 | 128)
        bits >>= 7
    out.append(bits)
    return bytes(out)


def sized(content: bytes) -> bytes:
    """Return bytes behind their length."""
    return varint(len(content)) + content


def _tick(at: int) -> int:
    """Return the tick of an instant in 32 bits; 0 before there was any."""
    return tick(at) & 0xFFFFFFFF if at >= EPOCH_MS else 0


def landmarks_ms(people: Rows) -> Ints:
    """Return the landmarks of rows [n] in epoch ms."""
    landmarks: Ints = EPOCH_MS + (people["landmark"].astype(np.int64) << TICK_BITS)
    return landmarks


def scaled(
    sums: npt.NDArray[np.float32], age: Floats, half_lives_ms: Sequence[float]
) -> npt.NDArray[np.float32]:
    """Return sums [n, ...] times 2**(age / half-life), one for all or one a row."""
    factors = np.exp2(age[:, None] / np.array(half_lives_ms))  # (n, half-lives)
    factors = factors.reshape(*factors.shape, *[1] * (sums.ndim - 2))
    scaled: npt.NDArray[np.float32] = (sums * factors.astype(np.float32)).astype("<f4")
    return scaled


def _floats(content: bytes | None, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return the floats of one row, zeros when they have another shape."""
    found = np.zeros(shape, np.float32)
    if content is not None and len(content) == found.nbytes:
        found[:] = np.frombuffer(content, "<f4").reshape(shape)
    return found


def _ticks(content: bytes | None) -> npt.NDArray[np.uint32]:
    ticks = np.zeros(N_UNCLICKED, np.uint32)
    if content is not None and len(content) <= ticks.nbytes:
        found = np.frombuffer(content[: len(content) // 4 * 4], "<u4")
        ticks[: len(found)] = found
    return ticks
