"""Seeds -> random numbers by counter: every request's own, and all at once.

Number i of a seed is a hash of seed and i, so a whole micro-batch is one array
operation and no request's numbers depend on its neighbours. A generator object for
each request would cost 10 us of construction alone.

Source: SplitMix64 (Steele, Lea, Flood 2014, "Fast Splittable Pseudorandom Number
Generators", figure 17), whose i-th output depends on seed + i * gamma alone; the
finaliser's constants are Stafford's variant 13.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Floats32 = NDArray[np.float32]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_STREAM_BITS = np.uint64(32)


def seeds_of(seeds: Sequence[int]) -> Words:
    """Return integer seeds, 0 <= seed < 2**64, as an array [n]."""
    return np.fromiter(seeds, np.uint64, len(seeds))


def words(seeds: Words, stream: int, n: int) -> Words:
    """Return n random words of each seed: uint64[len(seeds), n].

    Args:
        seeds: uint64[...].
        stream: which numbers; those of different streams are independent.
        n: how many, less than 2**32.
    """
    start = np.uint64(stream) << _STREAM_BITS
    counters = np.arange(1, n + 1, dtype=np.uint64) + start
    word = seeds[:, None] + counters * _GAMMA  # wraps around, as it should
    word ^= word >> np.uint64(30)
    word *= _FIRST
    word ^= word >> np.uint64(27)
    word *= _SECOND
    word ^= word >> np.uint64(31)
    return word


def uniforms(seeds: Words, stream: int, n: int) -> Floats32:
    """Return n numbers in (0, 1) of each seed, 23 bits each: float32[len(seeds), n].

    Neither end occurs: a logarithm is finite, and a value never lies past a total.
    """
    return _open_unit(_halves(words(seeds, stream, (n + 1) // 2))[:, :n])


def fine_uniforms(seeds: Words, stream: int) -> NDArray[np.float64]:
    """Return one number in (0, 1) of each seed, 52 bits: float64[len(seeds)]."""
    top = words(seeds, stream, 1)[:, 0] >> np.uint64(12)
    return (top.astype(np.float64) + 0.5) * 2.0**-52


def normals(seeds: Words, stream: int, n: int) -> Floats32:
    """Return n standard normal numbers of each seed: float32[len(seeds), n].

    Source: Box, Muller 1958, "A Note on the Generation of Random Normal Deviates".
    """
    n_pairs = (n + 1) // 2
    unit = _open_unit(_halves(words(seeds, stream, n_pairs)))  # (len(seeds), 2 pairs)
    radius = np.sqrt(np.float32(-2.0) * np.log(unit[:, :n_pairs]))
    angle = np.float32(2.0 * np.pi) * unit[:, n_pairs:]
    pairs = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], 1)
    return pairs[:, :n]


def _halves(word: Words) -> NDArray[np.uint32]:
    """Return the lower halves of each row's words, then the upper ones."""
    lower = word.astype(np.uint32)
    upper = (word >> np.uint64(32)).astype(np.uint32)
    return np.concatenate([lower, upper], 1)


def _open_unit(word: NDArray[np.uint32]) -> Floats32:
    top = (word >> np.uint32(9)).astype(np.float32)
    unit: Floats32 = (top + np.float32(0.5)) * np.float32(2.0**-23)
    return unit
