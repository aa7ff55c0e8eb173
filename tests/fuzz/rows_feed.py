"""Columns of any kind, length and content -> Avro bodies."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from streams.columns import avro_columns
from streams.columns.avro_rows import rows, rows_in_python
from tests.streams.hostile_records import DOUBLES, NAMES, TIMES

_EDGES = (0, 1, 15, 16, 17, 63, 64, 127, 128, 129, 255, 256, 257, 1_000)
"""Lengths about a longer varint, and others."""
_NO_TEXTS = ("\ud800", None, b"bytes", 7)
_REFUSALS = (ValueError, TypeError, AttributeError)
"""Also `UnicodeEncodeError`; Python finds no `encode` in what is no text."""


class RowsFeed:
    """Feeds `_avro_rows`."""

    def __init__(self, rng: random.Random, counts: Counter[str]) -> None:
        self._rng, self._counts = rng, counts
        self._numbers = np.random.default_rng(rng.getrandbits(64))
        self._kinds: tuple[Callable[[int], Any], ...] = (
            lambda _: self._bytes(),
            lambda n: avro_columns.Texts(self._texts(n)),
            lambda n: avro_columns.Pieces([self._bytes() for _ in range(n)]),
            self._chosen,
            lambda n: avro_columns.Longs(self._longs(n)),
            lambda n: avro_columns.Doubles(self._doubles(n)),
            lambda n: avro_columns.MaybeDoubles(self._doubles(n)),
            self._blocks,
        )

    def round(self) -> None:
        """Write good columns and hostile ones."""
        for _ in range(20):
            n = self._rng.choice((0, 1, 2, 7, 40))
            columns = [
                self._rng.choice(self._kinds)(n) for _ in range(self._rng.randrange(9))
            ]
            if rows(n, columns) != rows_in_python(n, columns):
                raise AssertionError("the compiled bodies differ from Python's")
            self._counts["bodies"] += n
            self._lie(n, columns)

    def _lie(self, n: int, columns: list[Any]) -> None:
        """Write columns of other lengths, of other things, places outside a table."""
        other = n + self._rng.choice((-1, 1, 1_000))
        if other >= 0:
            columns.append(self._rng.choice(self._kinds)(other))
        places = self._longs(n)
        wrong = (
            avro_columns.Chosen([b"a"] * self._rng.randrange(3), places),
            avro_columns.Texts(self._rng.choices(_NO_TEXTS, k=n)),
            avro_columns.Pieces(self._texts(n)),
            avro_columns.Longs(self._doubles(n)),  # type: ignore[arg-type]
            avro_columns.Doubles(places),  # type: ignore[arg-type]
            avro_columns.Longs(np.repeat(places, 2)[::2]),
            avro_columns.Blocks(np.zeros((n, 4), np.uint8)[:, ::2]),
            avro_columns.Blocks(np.zeros(n, np.uint8)),
            self._texts(n),
        )
        columns.insert(self._rng.randrange(len(columns) + 1), self._rng.choice(wrong))
        try:
            rows(n, columns)
        except _REFUSALS:
            self._counts["bodies refused"] += 1

    def _texts(self, n: int) -> list[str]:
        return [
            self._rng.choice(NAMES)
            if self._rng.random() < 0.5
            else "x" * self._rng.choice(_EDGES)
            for _ in range(n)
        ]

    def _bytes(self) -> bytes:
        return self._rng.randbytes(self._rng.choice(_EDGES))

    def _longs(self, n: int) -> Any:
        return np.array([self._rng.choice(TIMES) for _ in range(n)], np.int64)

    def _doubles(self, n: int) -> Any:
        return np.array([self._rng.choice(DOUBLES) for _ in range(n)], np.float64)

    def _chosen(self, n: int) -> Any:
        table = [self._bytes() for _ in range(self._rng.randrange(1, 5))]
        places = self._numbers.integers(0, len(table), n)
        return avro_columns.Chosen(table, places)

    def _blocks(self, n: int) -> Any:
        width = self._rng.choice((0, 1, 16, 300))
        return avro_columns.Blocks(
            self._numbers.integers(0, 256, (n, width), dtype=np.uint8)
        )
