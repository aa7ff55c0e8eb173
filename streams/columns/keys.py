"""Message key -> partition, as Kafka's default partitioner has it."""

from collections.abc import Callable

from streams.columns.compiled import built

_KERNEL = built("streams.columns._keys")

_MULTIPLIER = 0x5BD1E995
_SEED = 0x9747B28C
_WORD = 4
_ALL = 0xFFFFFFFF


def python_partition_of(key: bytes, n_partitions: int) -> int:
    """Return murmur2 of the key, sign bit cleared, modulo the partitions.

    Apache Kafka, `Utils.murmur2` and `BuiltInPartitioner.partitionForKey`; A. Appleby,
    MurmurHash2.

    Raises:
        ValueError: there are no partitions.
    """
    if n_partitions < 1:
        raise ValueError("expected a topic with partitions")
    whole = len(key) - len(key) % _WORD
    hashed = _SEED ^ len(key)
    for at in range(0, whole, _WORD):
        word = int.from_bytes(key[at : at + _WORD], "little") * _MULTIPLIER & _ALL
        word = (word ^ word >> 24) * _MULTIPLIER & _ALL
        hashed = hashed * _MULTIPLIER & _ALL ^ word
    if whole < len(key):
        hashed ^= int.from_bytes(key[whole:], "little")
        hashed = hashed * _MULTIPLIER & _ALL
    hashed = (hashed ^ hashed >> 13) * _MULTIPLIER & _ALL
    return ((hashed ^ hashed >> 15) & 0x7FFFFFFF) % n_partitions


partition_of: Callable[[bytes, int], int] = (
    _KERNEL.partition_of if _KERNEL else python_partition_of
)
"""`python_partition_of`, by the kernel where it is built."""
