"""Raw user id -> pseudonym: a keyed hash, so that no topic carries a raw id.

The hash is BLAKE2b in keyed mode (RFC 7693), 128 bits, written in base 32. Without the
key nobody can test whether a guessed id belongs to a pseudonym; with the key thrown
away the pseudonyms cannot be linked to people any more.
"""

import re
from base64 import b32encode
from hashlib import blake2b

from streams.errors import ConfigurationError

MIN_KEY_BYTES = 16
MAX_KEY_BYTES = 64

_PSEUDONYM = re.compile(r"u_[a-z2-7]{26}", re.ASCII)
_PERSON = b"adloom user id"
"""Keeps these hashes apart from other uses of the same key."""


def is_pseudonym(user_id: str) -> bool:
    """Return whether an id already has the form that `pseudonymise` gives."""
    return _PSEUDONYM.fullmatch(user_id) is not None


def pseudonymise(user_id: str, key: bytes) -> str:
    """Return the pseudonym of a user id: "u_" and 26 characters of base 32.

    An id that is a pseudonym already comes back as it is, so that a producer may
    pseudonymise before the door does.

    >>> one = pseudonymise("anna@example.org", b"0123456789abcdef")
    >>> one == pseudonymise(one, b"another key, quite as long")
    True
    >>> one == pseudonymise("anna@example.org", b"another key, quite as long")
    False

    Raises:
        ConfigurationError: the key is shorter than 16 or longer than 64 bytes.
    """
    if is_pseudonym(user_id):
        return user_id
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ConfigurationError(
            f"the pseudonym key has {len(key)} bytes: expected {MIN_KEY_BYTES} to "
            f"{MAX_KEY_BYTES}; set ADLOOM_PRIVACY__PSEUDONYM_KEY"
        )
    digest = blake2b(
        user_id.encode("utf-8", "surrogatepass"),
        digest_size=16,
        key=key,
        person=_PERSON,
    ).digest()
    return "u_" + b32encode(digest).decode().rstrip("=").lower()
