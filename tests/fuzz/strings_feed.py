"""Spans that point anywhere, keys of any length -> bytes, partitions, sections."""

import random
from collections import Counter

import numpy as np

from schemas.records import Feedback
from streams.columns.batches import (
    partitioned,
    python_partitioned,
    python_sections,
    sections,
)
from streams.columns.columns import LENGTH_BITS
from streams.columns.encoded import Encoded
from streams.columns.keys import partition_of, python_partition_of
from streams.columns.payload import Payload
from streams.columns.strings import gather, gather_each
from tests.fuzz.sections import exact
from tests.streams.kernels import kernel

N_KEYS = 50


class StringsFeed:
    """Feeds `_strings`, `_keys` and `_batches`."""

    def __init__(self, rng: random.Random, counts: Counter[str]) -> None:
        self._rng, self._counts = rng, counts
        self._numbers = np.random.default_rng(rng.getrandbits(64))

    def round(self) -> None:
        """Gather good spans and hostile ones; hash keys."""
        sizes = [self._rng.randrange(400) for _ in range(self._rng.randrange(1, 5))]
        payloads = [
            Payload(exact(self._rng.randbytes(size)), 1, 0, 0) for size in sizes
        ]
        n = self._rng.randrange(200)
        inside = np.sort(self._numbers.integers(0, n + 1, len(sizes) - 1))
        row_starts = np.array([0, *inside, n], np.int64)
        spans = np.full(n, -1, np.int64)
        for i, size in enumerate(sizes):
            rows = slice(row_starts[i], row_starts[i + 1])
            starts = self._numbers.integers(
                0, size + 1, row_starts[i + 1] - row_starts[i]
            )
            spans[rows] = (starts << LENGTH_BITS) | self._numbers.integers(
                0, size - starts + 1
            )
        left, right = (
            gather(payloads, row_starts, spans),
            gather_each(payloads, row_starts, spans),
        )
        if not all(np.array_equal(a, b) for a, b in zip(left, right, strict=True)):
            raise AssertionError("the compiled strings differ from Python's")
        self._counts["strings"] += n
        self._lie(payloads, row_starts, spans)
        self._write(exact(self._rng.randbytes(400)).tobytes())
        self._write_pairs()
        for _ in range(N_KEYS):
            key = self._rng.randbytes(self._rng.randrange(40))
            if partition_of(key, 7) != python_partition_of(key, 7):
                raise AssertionError(f"partition of {key!r}")

    def _write(self, content: bytes) -> None:
        """Write messages whose spans may lead out of their block: refused then."""
        n, size = self._rng.randrange(1, 200), len(content)
        starts = self._numbers.integers(0, size + 1, (2, n))
        spans = starts << LENGTH_BITS | self._numbers.integers(0, size - starts + 1)
        block = Encoded(Feedback, content, *spans)
        max_bytes = self._rng.randrange(1, 4_000)
        if partitioned([block], 7, max_bytes) != python_partitioned(
            [block], 7, max_bytes
        ):
            raise AssertionError("the compiled sections differ from Python's")
        self._counts["messages"] += n
        spans[self._rng.randrange(2), self._rng.randrange(n)] = self._rng.choice(
            [2**62, -1, (size << LENGTH_BITS) | 1, 2**63 - 1]
        )
        try:
            partitioned([block], 7, max_bytes)
        except ValueError:
            self._counts["messages refused"] += 1

    def _write_pairs(self) -> None:
        """Write keys and values, some null, as sections of any size."""
        n, max_bytes = self._rng.randrange(200), self._rng.randrange(1, 4_000)
        pairs = [(self._field(), self._field()) for _ in range(n)]
        if sections(pairs, max_bytes) != python_sections(pairs, max_bytes):
            raise AssertionError("the compiled sections differ from Python's")
        self._counts["messages"] += n
        pairs.append(self._rng.choice([("text", b""), (b"", 7), (b"",), None]))
        try:
            sections(pairs, max_bytes)
        except (TypeError, ValueError):
            self._counts["messages refused"] += 1

    def _field(self) -> bytes | None:
        length = self._rng.choice([-1, 0, 1, 63, 64, 65, 5_000])
        return None if length < 0 else self._rng.randbytes(length)

    def _lie(self, payloads, row_starts, spans):  # type: ignore[no-untyped-def]
        """Gather spans and rows that point elsewhere: refused, never read."""
        strings = kernel("columns._strings")
        if strings is None:
            return
        spans, row_starts = spans.copy(), row_starts.copy()
        for _ in range(self._rng.randrange(1, 4)):
            if len(spans):
                at = self._rng.randrange(len(spans))
                spans[at] = self._rng.choice([2**62, 2**24, (500 << 24) | 1, 2**63 - 1])
        if self._rng.random() < 0.3:
            row_starts[self._rng.randrange(len(row_starts))] += self._rng.choice(
                [-9, 9]
            )
        try:
            strings.gather(payloads, row_starts, spans)
        except (ValueError, OverflowError):
            self._counts["strings refused"] += 1
        for which in (0, 1):
            try:
                strings.entries(payloads, row_starts, spans, which)
            except ValueError:
                self._counts["designs refused"] += 1
