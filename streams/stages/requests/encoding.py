"""CreativeRequest -> its message, without the detour through a generic writer."""

from typing import get_args

from schemas.records import CreativeRequest, RequestReason
from schemas.vocabulary import deployed
from streams.columns.changelog import sized, varint

_REASONS = {name: varint(i) for i, name in enumerate(get_args(RequestReason))}
_SURFACES = {name: varint(i) for i, name in enumerate(deployed().surfaces)}


def encode_request(request: CreativeRequest, frame: bytes) -> bytes:
    """Return a framed message, equal to what the codec writes.

    Args:
        request: admitted names, known enum symbols.
        frame: zero byte and schema id.
    """
    preferences = request.preferences
    return b"".join(
        (
            frame,
            sized(request.request_id.encode()),
            sized(request.user_id.encode()),
            _REASONS[request.reason],
            sized(request.placement.encode()),
            _SURFACES[request.surface],
            sized(request.language.encode()),
            _optional(request.category),
            b"\0" if preferences is None else b"\2" + sized(preferences),
            varint(request.requested_at),
            varint(request.deadline_at),
            _optional(request.tired_of),
            _optional(request.vocabulary),
        )
    )


def _optional(text: str | None) -> bytes:
    return b"\0" if text is None else b"\2" + sized(text.encode())
