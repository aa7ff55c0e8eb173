"""A snapshot's part in another layout, or under another vocabulary -> one of ours."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from schemas.vocabulary import deployed, mapped
from streams.columns.rows import SURFACES, row_dtype
from streams.stages.preferences.snapshot import FORMAT, OLD_ROWS, ROWS

Convert = Callable[[memoryview], memoryview]

_FIRST_FORMAT = "preferences-1"
"""Its rows have the exposures, on four surfaces and unnamed ones, before the bursts."""
_FIRST_SURFACES = ("search", "social", "video", "device", "other")


def converter(layout: str, half_lives_s: Sequence[int]) -> Convert:
    """Return what turns parts of a layout into those of this process.

    Args:
        layout: of the file, with the ids of its categories and surfaces.
        half_lives_s: of the stage.

    Raises:
        ValueError: rows of other half-lives, or of another release.
    """
    name, lives, categories, *more = json.loads(layout)
    if name not in {FORMAT, _FIRST_FORMAT} or lives != list(half_lives_s):
        raise ValueError(
            f"its rows are {name!s:.40} of the half-lives {lives!s:.80}, expected "
            f"{FORMAT} of {list(half_lives_s)}: the changelog is read instead"
        )
    surfaces = tuple(more[0]) if more else _FIRST_SURFACES
    theirs = row_dtype(len(lives), len(categories), len(surfaces))
    if name == _FIRST_FORMAT:
        theirs = _first(theirs)
    homes = dict.fromkeys(surfaces, SURFACES[-1])

    def convert(part: memoryview) -> memoryview:
        if bytes(part[:1]) not in {ROWS, OLD_ROWS}:
            return part
        n_rows = int.from_bytes(part[1:9], "little")
        end = 9 + n_rows * theirs.itemsize
        if len(part) < end:
            raise ValueError(f"expected {n_rows} rows, got {len(part)} bytes")
        rows = np.frombuffer(bytes(part[9:end]), theirs)
        out = np.zeros(n_rows, row_dtype(len(lives), len(deployed().categories)))
        for field in set(theirs.names or ()) - {"weights", "exposures"}:
            out[field] = rows[field]
        out["weights"] = mapped(
            rows["weights"], categories, deployed().categories, deployed().maps
        )
        out["exposures"] = mapped(rows["exposures"], surfaces, SURFACES, homes)
        return memoryview(b"".join((part[:9], out.tobytes(), part[end:])))

    return convert


def _first(dtype: np.dtype[np.void]) -> np.dtype[np.void]:
    """Return a row of the first format: exposures come after `dirty`."""
    fields: Any = dtype.fields
    names = list(dtype.names or ())
    names.insert(names.index("dirty") + 1, names.pop(names.index("exposures")))
    return np.dtype([(name, fields[name][0]) for name in names])
