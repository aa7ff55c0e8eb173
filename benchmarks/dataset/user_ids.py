"""User numbers -> pseudonymous ids, and the partitions that their bytes fall into."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

_BASE32 = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_HEX = np.frombuffer(
    b"".join(b"%02x" % value for value in range(256)), np.uint8
).reshape(256, 2)

USER_ID_BYTES = 28
"""Of "u_" and 26 characters of base 32, as `streams.admission.pseudonym` makes them."""


def user_ids(n_users: int, seed: int) -> Bytes:
    """Return ids [n_users, 28] of the form of a pseudonym: random, as a hash is."""
    rng = np.random.default_rng([seed, 0x1D5])
    ids = np.empty((n_users, USER_ID_BYTES), np.uint8)
    ids[:, :2] = np.frombuffer(b"u_", np.uint8)
    ids[:, 2:] = _BASE32[rng.integers(0, 32, (n_users, USER_ID_BYTES - 2))]
    ids[:, -1] = _BASE32[rng.integers(0, 8, n_users) * 4]  # 128 bits: three are left
    return ids


def hex_ids(numbers: NDArray[np.int64], purpose: int) -> Bytes:
    """Return 32 hexadecimal digits [n, 32] for each number, other for each purpose."""
    halves = np.stack([_mixed(numbers, 2 * purpose), _mixed(numbers, 2 * purpose + 1)])
    digits = np.ascontiguousarray(halves.T).view(np.uint8)  # (n, 16)
    return _HEX[digits].reshape(len(numbers), 32)


def _mixed(numbers: NDArray[np.int64], stream: int) -> NDArray[np.uint64]:
    """Mix 64 bits (splitmix64; Steele, Lea, Flood, OOPSLA 2014)."""
    golden = 0x9E3779B97F4A7C15
    x = numbers.astype(np.uint64) + np.uint64((stream + 1) * golden % 2**64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def partitions_of(ids: Bytes, n_partitions: int) -> NDArray[np.int64]:
    """Return murmur2(id), sign cleared, modulo the partitions: Kafka's default.

    Args:
        ids: keys [n, length]; the length is a multiple of four.
        n_partitions: of the topic.
    """
    m = np.uint32(0x5BD1E995)
    h = np.full(len(ids), 0x9747B28C ^ ids.shape[1], np.uint32)
    for word in np.ascontiguousarray(ids).view("<u4").T:
        k = word * m
        h = h * m ^ (k ^ k >> np.uint32(24)) * m
    h = (h ^ h >> np.uint32(13)) * m
    h ^= h >> np.uint32(15)
    return (h & np.uint32(0x7FFFFFFF)).astype(np.int64) % n_partitions
