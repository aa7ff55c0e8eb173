"""What was shown -> a signed token for the links of an ad, and back.

A token says which impression a click belongs to. It is signed (HMAC-SHA256, RFC 2104,
cut to 128 bits), so nobody can make up an impression, and it holds no address, so a
click cannot be sent anywhere but to the advertiser's page.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import astuple, dataclass
from hashlib import blake2b

from schemas.records import Surface
from streams.errors import RejectedRecordError

MAX_CHARACTERS = 1_024

_SIGNATURE_BYTES = 16
_FORM = 1
"""First element of the payload; a changed form gets the next number."""


@dataclass(frozen=True, slots=True)
class ShownAd:
    """One impression."""

    impression_id: str
    creative_id: str
    user_id: str
    placement: str
    surface: Surface
    category: str | None
    language: str
    consent: bool
    shown_at: int


class Signer:
    """Makes and reads tokens.

    Args:
        key: secret; a key of its own is derived from it.
    """

    def __init__(self, key: bytes) -> None:
        self._key = blake2b(key=key, person=b"adloom ad token").digest()

    def token(self, shown: ShownAd) -> str:
        """Return the token of an impression: safe in a URL."""
        payload = json.dumps([_FORM, *astuple(shown)], separators=(",", ":")).encode()
        return (
            urlsafe_b64encode(self._signature(payload) + payload).decode().rstrip("=")
        )

    def shown(self, token: str) -> ShownAd:
        """Return the impression of a token.

        Raises:
            RejectedRecordError: it was not made with this key.
        """
        payload = self._payload(token)
        if payload is None:
            raise RejectedRecordError(
                "not a link of this ad server: expected the click_url, creative_url or "
                "why_url of an ad, unchanged"
            )
        form, *fields = json.loads(payload)
        if form != _FORM:
            raise RejectedRecordError(
                f"a link of form {form}: expected form {_FORM}; ask for a new ad"
            )
        return ShownAd(*fields)

    def _payload(self, token: str) -> bytes | None:
        """Return what was signed, or None when it was not signed here."""
        if len(token) > MAX_CHARACTERS:
            return None
        try:
            signed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            return None
        signature, payload = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
        return payload if self._is_signed(payload, signature) else None

    def _is_signed(self, payload: bytes, signature: bytes) -> bool:
        return hmac.compare_digest(signature, self._signature(payload))

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, "sha256")[:_SIGNATURE_BYTES]
