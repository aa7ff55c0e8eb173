"""Deterministic ids: a replay of the same inputs writes the same ids."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

N_BYTES = 16
SEPARATOR = "\x1f"
"""Between parts: it cannot occur in them."""

Part = str | list[str]
"""One text a row, or the same text for all."""

Digests = NDArray[np.uint8]

_HEXADECIMAL = np.array([list(f"{byte:02x}".encode()) for byte in range(256)], np.uint8)


def derived_id(*parts: object) -> str:
    """Return 32 hexadecimal digits that depend on the parts and on nothing else.

    Parts are joined with a separator that cannot occur in text, so that
    ("ab", "c") and ("a", "bc") differ.

    >>> derived_id("request", "u1", 3) == derived_id("request", "u1", 3)
    True
    >>> derived_id("ab", "c") == derived_id("a", "bc")
    False
    """
    return _digest(parts).hex()


def derived_ids(n: int, *parts: Part) -> Digests:
    """Return `derived_id` of n rows, in ASCII: uint8[n, 32].

    >>> derived_ids(2, "request", ["u1", "u2"])[1].tobytes().decode() == derived_id(
    ...     "request", "u2"
    ... )
    True
    """
    return _HEXADECIMAL[digests(n, parts)].reshape(n, 32)


def derived_seed(*parts: object) -> int:
    """Return a seed, 0 <= seed < 2**63, that depends on the parts alone."""
    return int.from_bytes(_digest(parts)[:8], "big") >> 1


def derived_seeds(n: int, *parts: Part) -> NDArray[np.uint64]:
    """Return `derived_seed` of n rows: uint64[n].

    >>> derived_seeds(2, "request", ["u1", "u2"]).tolist() == [
    ...     derived_seed("request", "u1"), derived_seed("request", "u2")
    ... ]
    True
    """
    first = np.ascontiguousarray(digests(n, parts)[:, :8]).view(">u8")[:, 0]
    return first.astype(np.uint64) >> np.uint64(1)


def digests(n: int, parts: Sequence[Part]) -> Digests:
    """Return BLAKE2b, 16 bytes, of each row's parts: uint8[n, 16].

    Source: RFC 7693, "The BLAKE2 Cryptographic Hash and Message Authentication Code".

    Raises:
        ValueError: a part has another number of rows.
    """
    for part in parts:
        if isinstance(part, list) and len(part) != n:
            raise ValueError(f"expected {n} rows, got {len(part)}")
    columns = [repeat(part, n) if isinstance(part, str) else part for part in parts]
    rows = zip(*columns, strict=True) if parts else repeat((), n)
    return np.frombuffer(b"".join(map(_digest, rows)), np.uint8).reshape(n, N_BYTES)


def _digest(parts: Iterable[object]) -> bytes:
    text = SEPARATOR.join(map(str, parts))
    return blake2b(text.encode(), digest_size=N_BYTES).digest()
