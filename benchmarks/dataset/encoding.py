"""Columns of events -> Avro Behavior records in Confluent framing, as cells.

The fields are those of schemas/behavior.avsc, in its order; a test decodes them with
the product's codec.
"""

import numpy as np

from benchmarks.dataset import cells
from benchmarks.dataset.cells import Cells
from benchmarks.dataset.events import KINDS, N_CREATIVES_A_USER, Columns
from benchmarks.dataset.user_ids import hex_ids
from schemas.lock import LockedIds
from schemas.records import Behavior
from schemas.vocabulary import deployed

_WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5"

USER_AGENTS = (
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_WEBKIT} Chrome/137.0.0.0 "
    f"Safari/537.36|Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) {_SAFARI} "
    f"Mobile/15E148 Safari/604.1|Mozilla/5.0 (Linux; Android 15; Pixel 9) {_WEBKIT} "
    "Chrome/137.0.0.0 Mobile Safari/537.36|Mozilla/5.0 (Macintosh; Intel Mac OS X "
    f"10_15_7) {_SAFARI} Safari/605.1.15|Mozilla/5.0 (X11; Linux x86_64; rv:137.0) "
    "Gecko/20100101 Firefox/137.0"
).split("|")
"""Five browsers, as they call themselves."""

_SURFACES = ("search", "social", "video", "device")
_HEX_ID_BYTES = 32
_FALLBACK = b"fallback"
_EVENT, _IMPRESSION, _CREATIVE = range(3)
_SHOWN = [
    KINDS.index(kind) for kind in ("impression", "click", "conversion", "dismiss")
]
_WITH_ITEM = [KINDS.index(kind) for kind in ("view", "conversion")]


def value_cells(events: Columns, rows: slice) -> list[Cells]:
    """Return the fields of some events, one column of cells each."""
    user, kind = events.user[rows], events.kind[rows]
    n = len(user)
    is_shown, has_item = np.isin(kind, _SHOWN), np.isin(kind, _WITH_ITEM)
    number, impression = events.event[rows], events.impression[rows]
    placement = (user + number // 3) % len(deployed().placements)
    creative = user * N_CREATIVES_A_USER + number % N_CREATIVES_A_USER
    money = 5.0 + (number % 9_500) / 100
    return [
        cells.constant(_frame(), n),
        *_text(cells.fixed(hex_ids(number, _EVENT))),
        *_text(cells.fixed(events.ids[user])),
        cells.varints(kind),
        cells.varints(events.at[rows]),
        _optional(
            is_shown, cells.fixed(_creative_ids(events, creative)), _HEX_ID_BYTES
        ),
        _optional(
            impression >= 0,
            cells.fixed(hex_ids(impression, _IMPRESSION)),
            _HEX_ID_BYTES,
        ),
        cells.where(is_shown, cells.chosen(_placement_names(), placement)),
        cells.where(is_shown, cells.chosen(_placement_surfaces(), placement)),
        cells.where(
            np.ones(n, np.bool_), cells.chosen(_categories(), events.category[rows])
        ),
        cells.where(has_item, cells.chosen(_items(), (number * 31) % 5_000)),
        cells.where(
            kind == KINDS.index("conversion"),
            cells.fixed(money.astype("<f8").view(np.uint8).reshape(n, 8)),
        ),
        cells.constant(b"\x01", n),
        cells.where(
            np.ones(n, np.bool_),
            cells.chosen(
                [text(a.encode()) for a in USER_AGENTS], user % len(USER_AGENTS)
            ),
        ),
    ]


def key_cells(events: Columns, rows: slice) -> list[Cells]:
    """Return the message keys, their length first as a record has it."""
    return _text(cells.fixed(events.ids[events.user[rows]]))


def text(content: bytes) -> bytes:
    """Return a string of Avro: a zigzag varint of its length, and its bytes."""
    length = cells.varints(np.array([len(content)]))
    return length.content.tobytes() + content


def _creative_ids(events: Columns, numbers: np.ndarray) -> np.ndarray:
    ids = hex_ids(numbers, _CREATIVE)
    if events.spec.creatives == "fallback":
        ids[:, : len(_FALLBACK)] = np.frombuffer(_FALLBACK, np.uint8)
    return ids


def _text(content: Cells) -> list[Cells]:
    return [cells.varints(content.lengths), content]


def _optional(condition: np.ndarray, content: Cells, width: int) -> Cells:
    length = np.full((len(content.lengths), 1), 2 * width, np.uint8)
    return cells.where(
        condition, cells.fixed(np.concatenate([length, content.content], axis=1))
    )


def _frame() -> bytes:
    return b"\x00" + LockedIds().id_of(Behavior).to_bytes(4, "big")


def _placement_names() -> list[bytes]:
    return [text(name.encode()) for name in deployed().placements]


def _placement_surfaces() -> list[bytes]:
    return [
        bytes([2 * _SURFACES.index(one.surface)])
        for one in deployed().placements.values()
    ]


def _categories() -> list[bytes]:
    return [text(category.encode()) for category in deployed().categories]


def _items() -> list[bytes]:
    return [text(f"sku-{number:05d}".encode()) for number in range(5_000)]
