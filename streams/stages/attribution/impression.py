"""One impression <-> its bytes in a segment of the changelog."""

import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from streams.stages.attribution.state import SURFACES

ENTRY = struct.Struct("<qqBB6H")
"""Arrival, event time, flags, surface; bytes of impression id, user id, creative id,
placement, category, item, which follow."""

NO_TEXT = 0xFFFF
NO_SURFACE = 0xFF

_SURFACE_AT = 17
"""Offset of the surface in an entry."""

_SENT, _ORGANIC, _ROBOT = 1, 2, 4


@dataclass(slots=True, eq=False)
class Impression:
    """One impression."""

    key: str
    user: str
    at: int
    creative: str | None
    placement: str | None
    surface: int
    """Its number; `NO_SURFACE` is none."""
    category: str | None
    item: str | None
    robot: bool
    arrived_at: int
    sent: bool = False
    organic: bool = False
    """True when it first went out without its creative: its arm stays unknown."""
    segment: int = 0
    """Of the changelog, that holds it; 0: none."""


def packed(one: Impression) -> bytes:
    """Return an impression as it lies in a segment."""
    texts = (one.key, one.user, one.creative, one.placement, one.category, one.item)
    raw = [None if text is None else text.encode() for text in texts]
    flags = _SENT * one.sent | _ORGANIC * one.organic | _ROBOT * one.robot
    lengths = [NO_TEXT if text is None else len(text) for text in raw]
    head = ENTRY.pack(one.arrived_at, one.at, flags, one.surface, *lengths)
    return head + b"".join(text or b"" for text in raw)


def packed_together(
    impressions: Iterable[Impression], max_bytes: int
) -> Iterator[tuple[bytes, list[Impression]]]:
    """Yield segments of about `max_bytes`, each with what is in it."""
    content, together = bytearray(), []
    for impression in impressions:
        content += packed(impression)
        together.append(impression)
        if len(content) >= max_bytes:
            yield bytes(content), together
            content, together = bytearray(), []
    if together:
        yield bytes(content), together


def unpacked(content: bytes, segment: int) -> Iterator[Impression]:
    """Yield the impressions of a segment.

    Raises:
        ValueError: it is cut off; all before have been yielded.
    """
    at = 0
    while at < len(content):
        if len(content) - at < ENTRY.size:
            raise ValueError(f"segment {segment} is cut off")
        head = ENTRY.unpack_from(content, at)
        arrived_at, shown_at, flags, surface, *lengths = head
        at += ENTRY.size
        end = at + sum(length for length in lengths if length != NO_TEXT)
        if end > len(content):
            raise ValueError(f"segment {segment} is cut off")
        key, user, creative, placement, category, item = _texts(content, at, lengths)
        at = end
        yield Impression(
            key=key or "",
            user=user or "",
            at=shown_at,
            creative=creative,
            placement=placement,
            surface=surface,
            category=category,
            item=item,
            robot=bool(flags & _ROBOT),
            arrived_at=arrived_at,
            sent=bool(flags & _SENT),
            organic=bool(flags & _ORGANIC),
            segment=segment,
        )


def with_surfaces(content: bytes, segment: int, given: Sequence[str]) -> bytes:
    """Return a segment's impressions with the numbers that our vocabulary has.

    An impression on a surface that is no more keeps none.

    Args:
        content: impressions as `packed` writes them.
        segment: its number, for the error.
        given: surfaces in the order of the vocabulary that wrote them.

    Raises:
        ValueError: it is cut off.
    """
    numbers = {name: number for number, name in enumerate(SURFACES)}
    moved = [numbers.get(name, NO_SURFACE) for name in given]
    out, at = bytearray(content), 0
    for one in unpacked(content, segment):
        if one.surface != NO_SURFACE:
            out[at + _SURFACE_AT] = moved[one.surface]
        at += len(packed(one))
    return bytes(out)


def _texts(content: bytes, at: int, lengths: list[int]) -> Iterator[str | None]:
    for length in lengths:
        if length == NO_TEXT:
            yield None
        else:
            yield content[at : at + length].decode()
            at += length
