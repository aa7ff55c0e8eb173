"""ads.preference.v1 weights -> one preference vector; how far two of them are apart."""

from base64 import b64decode, b64encode

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def mixed(weights: bytes, n_half_lives: int, n_categories: int) -> Floats:
    """Return one preference vector [categories] from weights at several half-lives.

    Each half-life's positive weights are normalised to one before they are averaged,
    so that a short history is not drowned by a long one. Decay scales all weights of
    a half-life alike: time alone does not turn the vector.

    The vector's sum is the liked weight at the longest half-life: how many events, in
    clicks, are behind it.

    Args:
        weights: float32 little-endian [half-lives, categories], in clicks.
        n_half_lives: rows.
        n_categories: columns.
    """
    rows = np.frombuffer(weights, "<f4").reshape(1, n_half_lives, n_categories)
    vector: Floats = mixed_rows(rows)[0]
    return vector


def mixed_rows(weights: Floats) -> Floats:
    """Return `mixed` of many people [n, categories].

    Args:
        weights: float32 [n, half-lives, categories], in clicks.
    """
    liked = np.maximum(weights, 0)
    totals = liked.sum(2, keepdims=True)  # (n, half-lives, 1)
    shares = np.divide(liked, totals, out=np.zeros_like(liked), where=totals > 0)
    present = np.maximum(1, (totals > 0).sum(1))  # (n, 1)
    mean: Floats = (shares.sum(1) / present.astype(np.float32)).astype(np.float32)
    return mean * totals[:, -1] if weights.shape[1] else mean


def cosine_distance(one: Floats, other: Floats) -> float:
    """Return 1 - cosine similarity, 0 to 2; a zero vector is 1 from everything else.

    >>> cosine_distance(np.float32([1, 0]), np.float32([2, 0]))
    0.0
    >>> cosine_distance(np.float32([1, 0]), np.float32([0, 1]))
    1.0
    """
    lengths = float(np.linalg.norm(one)) * float(np.linalg.norm(other))
    if lengths == 0:
        return 0.0 if not one.any() and not other.any() else 1.0
    return max(0.0, 1.0 - float(one @ other) / lengths)


def to_bytes(vector: Floats) -> bytes:
    """Return float32 little-endian bytes."""
    return vector.astype("<f4", copy=False).tobytes()


def to_text(vector: Floats | None) -> str | None:
    """Return base64 of the vector's bytes, for a JSON row."""
    return None if vector is None else b64encode(to_bytes(vector)).decode()


def from_bytes(content: bytes) -> Floats:
    """Return the vector in float32 little-endian bytes."""
    return np.frombuffer(content, "<f4").astype(np.float32)


def from_text(text: str | None) -> Floats | None:
    """Return the vector that `to_text` wrote."""
    return None if text is None else from_bytes(b64decode(text))
