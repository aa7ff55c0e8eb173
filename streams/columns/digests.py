"""Parts of texts -> their digests, for a whole column at once."""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import repeat

import numpy as np
import numpy.typing as npt

N_BYTES = 16
SEPARATOR = "\x1f"
"""Between parts: it cannot occur in them."""

Part = str | list[str]
"""One text a row, or the same text for all."""

Digests = npt.NDArray[np.uint8]


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
    texts = map(SEPARATOR.join, zip(*columns, strict=True)) if parts else repeat("", n)
    hashed = [blake2b(one.encode(), digest_size=N_BYTES).digest() for one in texts]
    return np.frombuffer(b"".join(hashed), np.uint8).reshape(n, N_BYTES)
