"""One impression <-> its bytes in a segment of the changelog."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

ENTRY = struct.Struct("<qqBB6H")
"""Arrival, event time, flags, surface; bytes of impression id, user id, creative id,
placement, category, item, which follow."""

NO_TEXT = 0xFFFF
NO_SURFACE = 0xFF

_SENT, _ORGANIC, _ROBOT = 1, 2, 4


@dataclass(slots=True, eq=False)
class Impression:
    """One impression, or the id of one that reactions wait for."""

    key: str
    user: str
    at: int
    creative: str | None
    placement: str | None
    surface: int
    category: str | None
    item: str | None
    robot: bool
    arrived_at: int
    sent: bool = False
    organic: bool = False
    """True when it first went out without its creative: its arm stays unknown."""
    reacted: bool = False
    bare: bool = False
    segment: int = 0
    wall_call: int = -1
    event_call: int = -1


def packed(entry: Impression) -> bytes:
    """Return an impression as it lies in a segment."""
    texts = (
        *(entry.key, entry.user, entry.creative, entry.placement),
        *(entry.category, entry.item),
    )
    raw = [None if text is None else text.encode() for text in texts]
    flags = _SENT * entry.sent | _ORGANIC * entry.organic | _ROBOT * entry.robot
    surface = NO_SURFACE if entry.surface < 0 else entry.surface
    lengths = [NO_TEXT if text is None else len(text) for text in raw]
    head = ENTRY.pack(entry.arrived_at, entry.at, flags, surface, *lengths)
    return head + b"".join(text or b"" for text in raw)


def unpacked(content: bytes, segment: int) -> Iterator[Impression]:
    """Yield the impressions of a segment; ValueError when it is cut off."""
    at = 0
    while at < len(content):
        try:
            arrived_at, shown_at, flags, surface, *lengths = ENTRY.unpack_from(
                content, at
            )
        except struct.error as error:
            raise ValueError(f"segment {segment} is cut off") from error
        at += ENTRY.size
        texts: list[str | None] = []
        for length in lengths:
            n = 0 if length == NO_TEXT else length
            text = content[at : at + n].decode()
            texts.append(None if length == NO_TEXT else text)
            at += n
        key, user, creative, placement, category, item = texts
        yield Impression(
            key or "",
            user or "",
            shown_at,
            creative,
            placement,
            -1 if surface == NO_SURFACE else surface,
            category,
            item,
            bool(flags & _ROBOT),
            arrived_at,
            sent=bool(flags & _SENT),
            organic=bool(flags & _ORGANIC),
        )
