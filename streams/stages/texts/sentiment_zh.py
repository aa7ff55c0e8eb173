"""Chinese text -> sentiment in [-1, 1], by hashed character 1-3-grams.

Logistic regression over the presence of character n-grams needs no word cutter, knows
negation by its neighbours ("不好"), and costs tens of microseconds a text. The weights
are made by benchmarks/train_sentiment_zh.py.
"""

import math
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.errors import StateError

N_BUCKETS: Final = 1 << 16
MAX_N: Final = 3
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio (Knuth 6.4)
_SHIFT: Final = np.uint64(64 - 16)
_DIGIT, _ZERO, _NINE = ord("0"), ord("0"), ord("9")
PHRASE_EVIDENCE: Final = 1.5
"""Log odds of one of the listed words; at most twice that in all."""
WEAK_EVIDENCE: Final = 0.5
"""Log odds below which a text says nothing; all evidence is shortened by it."""
_PHRASES: Final = Path(__file__).with_name("sentiment_zh.toml")
_NOT: Final = "不太|不怎么|不是很|不算|不|没有|没|别|未|无|毫无"
_WEIGHTS: Final = Path(__file__).with_name("sentiment_zh.npz")

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


class Weights(NamedTuple):
    """A trained model: one weight a bucket, and the intercept."""

    buckets: FloatArray
    """float32[N_BUCKETS]"""
    bias: float


def ngram_buckets(text: str) -> IntArray:
    """Return the distinct buckets of a text's character 1-3-grams, in order.

    The hash is plain 64-bit arithmetic on code points: equal in every process, on every
    machine and Python version. White space is skipped, digits are one symbol.
    """
    dense = "".join(text.lower().split()).encode("utf-32-le", "replace")
    codes = np.frombuffer(dense, dtype="<u4").astype(np.uint64)
    codes[(codes >= _ZERO) & (codes <= _NINE)] = _DIGIT
    grams = []
    hashed = np.zeros_like(codes)
    for n in range(1, min(MAX_N, len(codes)) + 1):
        # h(c1..cn) = (h(c1..cn-1) + cn + 1) * multiplier, wrapping at 2^64
        hashed = (hashed[: len(codes) - n + 1] + codes[n - 1 :] + np.uint64(1)) * (
            _MULTIPLIER
        )
        grams.append(hashed >> _SHIFT)
    if not grams:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.concatenate(grams)).astype(np.int64)


@cache
def bundled_weights() -> Weights:
    """Return the weights that ship with the package.

    Raises:
        StateError: the file is not the one this code was made for.
    """
    with np.load(_WEIGHTS, allow_pickle=False) as file:
        weights = Weights(file["buckets"].astype(np.float32), float(file["bias"]))
    if weights.buckets.shape != (N_BUCKETS,):
        raise StateError(
            f"{_WEIGHTS.name} should hold {N_BUCKETS} weights and holds "
            f"{weights.buckets.shape}; make it again with "
            "benchmarks/train_sentiment_zh.py"
        )
    return weights


def log_odds_liked(text: str, weights: Weights) -> float:
    """Return the log odds that the writer is pleased; 0 for an empty text."""
    buckets = ngram_buckets(text)
    if not len(buckets):
        return 0.0
    # Each text's feature vector has length 1, so that long texts do not shout.
    learnt = float(weights.buckets[buckets].sum()) / math.sqrt(len(buckets))
    return learnt + weights.bias + _phrase_evidence(text)


def _phrase_evidence(text: str) -> float:
    pattern, signs = _phrases()
    total = sum(
        -signs[found["word"]] if found["not"] else signs[found["word"]]
        for found in pattern.finditer(text.lower())
    )
    return PHRASE_EVIDENCE * max(-2, min(2, total))


@cache
def _phrases() -> tuple[re.Pattern[str], dict[str, int]]:
    lists = tomllib.loads(_PHRASES.read_text("utf-8"))
    signs = dict.fromkeys(lists["liked"].split(), 1)
    signs |= dict.fromkeys(lists["disliked"].split(), -1)
    words = "|".join(sorted(signs, key=len, reverse=True))
    return re.compile(f"(?P<not>{_NOT})?(?P<word>{words})"), signs


def sentiment_zh(text: str) -> float:
    """Return the sentiment of a Chinese text, from -1 to 1; 0 for an empty one."""
    evidence = log_odds_liked(text, bundled_weights())
    clear = math.copysign(max(0.0, abs(evidence) - WEAK_EVIDENCE), evidence)
    return math.tanh(clear / 2)  # = 2 p - 1 for log odds `clear`
