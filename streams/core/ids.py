"""Deterministic ids: a replay of the same inputs writes the same ids."""

from hashlib import blake2b


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


def derived_seed(*parts: object) -> int:
    """Return a seed, 0 <= seed < 2**63, that depends on the parts alone."""
    return int.from_bytes(_digest(parts)[:8], "big") >> 1


def _digest(parts: tuple[object, ...]) -> bytes:
    text = "\x1f".join(map(str, parts))
    return blake2b(text.encode(), digest_size=16).digest()
