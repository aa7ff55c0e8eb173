"""Records of the contract, good and hostile, from a seeded generator."""

import random
import struct

from schemas.records import Behavior, Preference
from schemas.vocabulary import deployed
from streams.columns.changelog import sized, varint

NOW = 1_800_000_000_000
HOUR = 3_600_000
YEAR = 365 * 24 * HOUR
EPOCH = 946_684_800_000

NAMES = (
    "running",
    "a" * 128,
    "a" * 129,
    "",
    "跑步鞋",
    "鞋" * 128,
    "鞋" * 129,
    "café",
    "tab\there",
    "\x00",
    "del\x7f",
    "c1\x9f",
    "line\u2028end",
    "line\u2029end",
    "\u202fnarrow",
    "🏃" * 30,
    "\U0010ffff",
    "\ud7ff\ue000",
    "sixteen bytes ok",
    "sixteen bytes\nno!",
)
USERS = (
    "u1",
    "someone@example.com",
    "@",
    "a@b",
    "13800138000",
    "12800138000",
    "+49 170 1234567",
    "+1 (555) 123-4567",
    "0171 123 4567",
    "555-123-4567",
    "1234567890",
    "1" * 128,
    "_-.",
    "...",
    "用户一",
    "".join(chr(0xFEE0 + ord(one)) for one in "13800138000"),  # full width
    "8d3f6f2e-7c55-4a0b-9df0-8f0f9f7d2c11",
    *NAMES,
)
TIMES = (
    0,
    -1,
    EPOCH - 1,
    EPOCH,
    EPOCH + 600,
    NOW,
    NOW + 24 * HOUR,
    NOW + 24 * HOUR + 1,
    2**53,
    2**62,
    2**63 - 1,
    -(2**63),
)
DOUBLES = (
    0.0,
    -0.0,
    1e15,
    1e15 + 1,
    -1e-300,
    5e-324,
    float("inf"),
    float("-inf"),
    float("nan"),
    12.5,
)
AGENTS = ("Mozilla/5.0", "", "x" * 2_048, "x" * 2_049, "界" * 2_048, "a\nb\x00c")
SIGNALLING_NAN = struct.pack("<Q", 0x7FF0_0000_0000_0001)


def behavior(rng: random.Random, *, odd: float = 0.1) -> Behavior:
    """Return an event; each field is drawn from the odd values with a chance `odd`."""

    def field(good, strange):
        return rng.choice(strange) if rng.random() < odd else good

    return Behavior(
        event_id=field(f"e{rng.getrandbits(48):x}", NAMES),
        user_id=field(f"user-{rng.randrange(50)}", USERS),
        kind=rng.choice(
            ["impression", "click", "conversion", "view", "search", "dismiss"]
        ),
        occurred_at=field(NOW - rng.randrange(2 * YEAR), TIMES),
        creative_id=rng.choice([None, field("c" * rng.randrange(1, 40), NAMES)]),
        impression_id=rng.choice([None, field("impression-1", NAMES)]),
        placement=rng.choice([None, field("top", NAMES)]),
        surface=rng.choice([None, "search", "social", "video", "device"]),
        category=rng.choice([None, "running", "coffee", field("unknown", NAMES)]),
        item=rng.choice([None, field("item-7", NAMES)]),
        value=rng.choice([None, field(3.5, DOUBLES)]),
        consent=rng.random() < 0.9,
        user_agent=rng.choice(
            [None, field("Mozilla/5.0 " + "x" * rng.randrange(32), AGENTS)]
        ),
    )


def preference(rng: random.Random, *, odd: float = 0.1) -> Preference:
    """Return a person's preferences, odd like `behavior`."""

    def field(good, strange):
        return rng.choice(strange) if rng.random() < odd else good

    counts = (0, -1, -2, 2**31, 2**32 + 5, 10**15, 10**15 + 1, 2**63 - 1, -(2**63))
    lives = field((3_600, 86_400), ((), (0,), (-1, 5), (3_600,), (1,) * 70))
    n_floats = field(len(lives) * len(deployed().categories), (0, 1, 300))
    weights = struct.pack(f"<{n_floats}f", *[rng.random()] * n_floats)
    return Preference(
        user_id=field(f"user-{rng.randrange(50)}", USERS),
        as_of=field(NOW - rng.randrange(2 * YEAR), TIMES),
        half_lives_s=lives,
        weights=field(weights, (b"\xff" * len(weights), b"x" * 7, weights[:-4])),
        n_events=field(rng.randrange(1_000), counts),
        n_unclicked=field(rng.randrange(7), counts),
        consent=rng.random() < 0.9,
        language=rng.choice([None, field("en", NAMES)]),
        region=rng.choice([None, field("SH", NAMES)]),
        age_band=rng.choice([None, field("from_25", NAMES)]),
        device=rng.choice([None, field("phone", NAMES)]),
        behavior_offset=field(rng.randrange(-1, 999), counts),
        profile_offset=field(rng.randrange(-1, 999), counts),
        text_offset=field(rng.randrange(-1, 999), counts),
        last_click_at=field(NOW - rng.randrange(YEAR), TIMES),
        withdrawn_at=field(0, TIMES),
        unclicked_at=field(bytes(4 * rng.randrange(7)), (b"abc", b"z" * 40)),
        exposures=field(struct.pack("<5f", *range(5)), (b"", b"\xff" * 20, b"1" * 21)),
        bursts=field(struct.pack("<2f", 1, 2), (b"", b"\xff" * 8, b"123")),
    )


def generator(seed: int) -> random.Random:
    """Return a generator of test data."""
    return random.Random(seed)  # noqa: S311 - no secrets here


def mutated(rng: random.Random, message: bytes) -> bytes:
    """Return a message with something wrong about it."""
    content = bytearray(message)
    rng.choice(_MUTATIONS)(rng, content, rng.randrange(len(content)))
    return bytes(content)


LIES = (-1, 2**24, 2**24 - 1, 2**31, 2**62, -(2**63), 64, 65)
NOT_UTF_8 = (
    b"\x80ab",  # a lone continuation
    b"\xed\xa0\x80",  # a surrogate
    b"\xc0\xafa",  # overlong
    b"\xe0\x80\xaf",
    b"\xf4\x90\x80",  # behind the last character
    b"\xf8\x88a",
)
NUMBERS = (SIGNALLING_NAN, *(struct.pack("<d", number) for number in DOUBLES))
FRAMES = (b"\0\0\0\0\x63", b"\0\xff\xff\xff\xff", b"\1\0\0\0\1", b"{")


def _flip(rng: random.Random, content: bytearray, at: int) -> None:
    content[at] ^= 1 << rng.randrange(8)


def _cut(_: random.Random, content: bytearray, at: int) -> None:
    del content[at:]


def _append(rng: random.Random, content: bytearray, _: int) -> None:
    content += rng.randbytes(rng.randrange(1, 9))


def _lie(rng: random.Random, content: bytearray, at: int) -> None:
    content[at : at + 1] = varint(rng.choice(LIES))


def _overlong(rng: random.Random, content: bytearray, at: int) -> None:
    more = rng.randrange(1, 12)
    content[at : at + 1] = bytes([content[at] | 128] + [128] * more + [1])


def _not_text(rng: random.Random, content: bytearray, at: int) -> None:
    content[at : at + 3] = rng.choice(NOT_UTF_8)


def _number(rng: random.Random, content: bytearray, at: int) -> None:
    content[at : at + 8] = rng.choice(NUMBERS)


def _frame(rng: random.Random, content: bytearray, _: int) -> None:
    content[:5] = rng.choice(FRAMES)


def _splice(rng: random.Random, content: bytearray, at: int) -> None:
    content[at : at + rng.randrange(8)] = rng.randbytes(rng.randrange(8))


_MUTATIONS = (
    _flip,
    _cut,
    _append,
    _lie,
    _overlong,
    _not_text,
    _number,
    _frame,
    _splice,
)


def framed(
    delta: int, key: bytes | None, value: bytes | None, tail: bytes = b"\0"
) -> bytes:
    """Return one record of a records section; `tail` is its headers."""
    fields = (varint(-1) if field is None else sized(field) for field in (key, value))
    return sized(b"\0\0" + varint(delta) + b"".join(fields) + tail)


def broken(rng: random.Random, section: bytes) -> bytes:
    """Return a records section whose framing may be broken."""
    content = bytearray(section or b"\0")
    at = rng.randrange(len(content))
    match rng.randrange(4):
        case 0:
            del content[at:]
        case 1:
            content[at] = rng.randrange(256)
        case 2:
            content[at : at + 1] = varint(rng.choice([-1, -2, 2**24, 2**40, 2**63 - 1]))
        case 3:
            content[at : at + 1] = b"\xff" * rng.randrange(1, 12)
    return bytes(content)
