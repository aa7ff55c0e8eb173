"""A record type -> records sections: good, spoilt, cut, lying about their length.

A payload is an array of its exact size, so that reading one byte too many is seen.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Record
from tests.streams.hostile_records import broken, framed, mutated

N_RECORDS = 256
"""Records of a payload."""
N_ALONE = 128
"""Records that are fed alone, cut anywhere: nothing follows what is read last."""

Make = Callable[..., Any]
"""(generator, odd=chance) -> a record with a `user_id`."""


class Sections:
    """Hostile payloads of one record type.

    Args:
        record: the type.
        make: makes one record.
        rng: of everything random.
        n_spoilt: times that one payload's bytes are spoilt, each time all of it.
    """

    def __init__(
        self, record: type[Record], make: Make, rng: random.Random, n_spoilt: int = 60
    ) -> None:
        self._codec: Codec[Any] = Codec(record, LockedIds())
        self._make, self._rng, self._n_spoilt = make, rng, n_spoilt
        self._bytes = np.random.default_rng(rng.getrandbits(64))

    def __iter__(self) -> Iterator[tuple[memoryview, int]]:
        """Yield (records section, number of records it claims)."""
        section, spans = self._section()
        yield exact(section), N_RECORDS
        good = np.frombuffer(section, np.uint8)
        for _ in range(self._n_spoilt):
            yield memoryview(self._spoilt(good, spans)), N_RECORDS
        for _ in range(self._n_spoilt // 4):
            yield exact(broken(self._rng, section)), N_RECORDS
        short = section[: self._rng.randrange(len(section))]
        yield exact(short), self._rng.choice([0, 1, N_RECORDS])
        for start, end in spans[:N_ALONE].tolist():
            yield self._alone(section[start:end]), 1

    def _alone(self, value: bytes) -> memoryview:
        """Return a record whose last field ends where its buffer ends."""
        value = value[: self._rng.randrange(len(value) + 1)] or b"\0"
        return exact(framed(0, b"user-1", value, tail=b""))

    def _section(self) -> tuple[bytes, Any]:
        """Return a records section and where its messages are [n, 2]."""
        records, spans, at = [], [], 0
        for i in range(N_RECORDS):
            one = self._make(self._rng, odd=0.1)
            value = self._codec.encode(one)
            if self._rng.random() < 0.3:
                value = mutated(self._rng, value)
            records.append(framed(i, one.user_id.encode(), value))
            at += len(records[-1])
            spans.append((at - 1 - len(value), at - 1))
        return b"".join(records), np.array(spans)

    def _spoilt(self, good: Any, spans: Any) -> Any:
        """Return the section with a byte or more of every message changed."""
        content = good.copy()
        for _ in range(self._rng.randrange(1, 4)):
            wide = np.maximum(spans[:, 1] - spans[:, 0], 1)
            # Headers and lengths lie in front: half of the changes go there.
            reach = np.where(self._bytes.random(len(wide)) < 0.5, 60, wide)
            at = spans[:, 0] + self._bytes.integers(0, np.minimum(reach, wide))
            new = self._bytes.integers(0, 256, len(at), dtype=np.uint8)
            flip = np.uint8(1) << self._bytes.integers(0, 8, len(at), dtype=np.uint8)
            is_flip = self._bytes.random(len(at)) < 0.5
            at = np.minimum(at, len(content) - 1)
            content[at] = np.where(is_flip, content[at] ^ flip, new)
        return content


def exact(content: bytes) -> memoryview:
    """Return the bytes in a buffer that ends where they end."""
    return memoryview(cast("Any", np.frombuffer(content, np.uint8).copy()))
