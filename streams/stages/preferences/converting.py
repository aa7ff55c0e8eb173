"""A snapshot's part under another vocabulary -> the same part under ours."""

import json
from collections.abc import Callable, Sequence

import numpy as np

from schemas.vocabulary import deployed, mapped
from streams.columns.rows import row_dtype
from streams.stages.preferences.snapshot import FORMAT, OLD_ROWS, ROWS

Convert = Callable[[memoryview], memoryview]


def converter(layout: str, half_lives_s: Sequence[int]) -> Convert:
    """Return what turns parts of a layout into those of this process.

    Args:
        layout: of the file, with the ids of its categories.
        half_lives_s: of the stage.

    Raises:
        ValueError: rows of other half-lives, or of another release.
    """
    found = json.loads(layout)
    if found[:2] != [FORMAT, list(half_lives_s)]:
        raise ValueError(
            f"its rows are {str(found[:2])[:80]}, expected "
            f"{[FORMAT, list(half_lives_s)]}: the changelog is read instead"
        )
    categories = tuple(map(str, found[2]))
    theirs = row_dtype(len(half_lives_s), len(categories))
    ours = row_dtype(len(half_lives_s), len(deployed().categories))

    def convert(part: memoryview) -> memoryview:
        if bytes(part[:1]) not in {ROWS, OLD_ROWS}:
            return part
        n_rows = int.from_bytes(part[1:9], "little")
        end = 9 + n_rows * theirs.itemsize
        if len(part) < end:
            raise ValueError(f"expected {n_rows} rows, got {len(part)} bytes")
        rows = np.frombuffer(bytes(part[9:end]), theirs)
        out = np.zeros(n_rows, ours)
        for name in set(theirs.names or ()) - {"weights"}:
            out[name] = rows[name]
        out["weights"] = mapped(
            rows["weights"], categories, deployed().categories, deployed().maps
        )
        return memoryview(b"".join((part[:9], out.tobytes(), part[end:])))

    return convert
