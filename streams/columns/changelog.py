"""What records of the changelog are made of: their fields, numbers and lengths."""

FIELDS = (
    "user_id",
    "as_of",
    "half_lives_s",
    "weights",
    "n_events",
    "consent",
    "language",
    "region",
    "age_band",
    "device",
    "behavior_offset",
    "profile_offset",
    "text_offset",
    "last_click_at",
    "withdrawn_at",
    "unclicked_at",
    "exposures",
    "bursts",
)
"""Of Preference, that a restore reads."""


def varint(value: int) -> bytes:
    """Return a zigzag varint, as Avro and Kafka write numbers.

    >>> varint(-1).hex(), varint(64).hex()
    ('01', '8001')
    """
    bits = value << 1 if value >= 0 else (-value << 1) - 1
    out = bytearray()
    while bits > 127:  # noqa: PLR2004 - seven bits a byte
        out.append(bits & 127 | 128)
        bits >>= 7
    out.append(bits)
    return bytes(out)


def sized(content: bytes) -> bytes:
    """Return bytes behind their length."""
    return varint(len(content)) + content
