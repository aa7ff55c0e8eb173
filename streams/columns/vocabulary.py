"""Vectors under any vocabulary -> the same vectors under the one of this process.

Both ways of the stages read through here, so neither the kernels nor the references
know of other vocabularies.
"""

from dataclasses import replace
from typing import Any, cast

import numpy as np

from schemas.records import CreativeRequest, Preference, Record
from schemas.vocabulary import Ids, VocabularyError, deployed, ids_of, mapped, mark
from streams.columns.columns import LENGTH_BITS, Columns, Flags, cut
from streams.columns.payload import Payload
from streams.columns.plan import NULL

FIELD = "vocabulary"

_VECTORS: dict[type[Record], dict[str, str]] = {
    Preference: {"weights": "categories", "exposures": "surfaces"},
    CreativeRequest: {"preferences": "categories"},
}
"""Record -> its vectors, and what their columns are."""

_REST = ("",)
"""Exposures end with those on surfaces without a name."""


def has_vectors(record: type[Record]) -> bool:
    """Return whether records of a type carry a vocabulary."""
    return record in _VECTORS


def translated_record(record: Record) -> Record:
    """Return a record with its vectors under our vocabulary.

    Raises:
        VocabularyError: nobody knows the record's vocabulary.
    """
    written: str | None = getattr(record, FIELD, None)
    if type(record) not in _VECTORS or written == mark():
        return record
    given = ids_of(written)
    vectors = {
        name: None if content is None else _moved(content, columns, given)
        for name, columns in _VECTORS[type(record)].items()
        for content in (getattr(record, name),)
    }
    changed: Record = replace(cast("Any", record), vocabulary=mark(), **vectors)
    return changed


def translated(record: type[Record], columns: Columns, *, strict: bool) -> Columns:
    """Return columns without their last slot, `FIELD`, under our vocabulary.

    Args:
        record: type of the records.
        columns: their last slot is `FIELD`.
        strict: raise for a vocabulary that nobody knows; else its vectors are empty,
            which fits no stage.

    Raises:
        VocabularyError: nobody knows a vocabulary, and that is an error.
    """
    others = np.flatnonzero(_are_others(columns))
    rest = replace(columns, slots=columns.slots[:-1], names=columns.names[:-1])
    if not len(others):
        return rest
    slots, payloads = rest.slots.copy(), list(columns.payloads)
    at = np.searchsorted(columns.row_starts, others, side="right") - 1
    for index in np.unique(at).tolist():
        content = bytearray(payloads[index].records)
        for row in others[at == index].tolist():
            digest = cut(payloads[index], int(columns.slots[-1, row]))
            given = _ids(digest, strict=strict)
            for name, kind in _VECTORS[record].items():
                if name not in rest.names:
                    continue
                slot = rest.names.index(name)
                vector = cut(payloads[index], int(slots[slot, row]))
                if vector is None:
                    continue
                moved = b"" if given is None else _moved(vector, kind, given)
                slots[slot, row] = len(content) << LENGTH_BITS | len(moved)
                content += moved
        old = payloads[index]
        payloads[index] = Payload(
            bytes(content), old.n_records, old.base_offset, old.base_timestamp
        )
    return replace(rest, slots=slots, payloads=tuple(payloads))


def _are_others(columns: Columns) -> Flags:
    """Return which rows [n] are under another vocabulary than ours."""
    spans, own = columns.slots[-1], mark()
    if own is None:
        others: Flags = spans != NULL
        return others
    others = np.ones(len(spans), np.bool_)
    wanted = np.frombuffer(own.encode(), np.uint8)
    for index, payload in enumerate(columns.payloads):
        rows = np.arange(columns.row_starts[index], columns.row_starts[index + 1])
        alike = (spans[rows] != NULL) & (
            spans[rows] & ((1 << LENGTH_BITS) - 1) == len(wanted)
        )
        rows = rows[alike]
        starts = spans[rows] >> LENGTH_BITS
        content = np.frombuffer(payload.records, np.uint8)
        found = content[starts[:, None] + np.arange(len(wanted))]
        others[rows] = (found != wanted).any(1)
    return others


def _ids(digest: bytes | None, *, strict: bool) -> Ids | None:
    try:
        return ids_of(None if digest is None else digest.decode(errors="replace"))
    except VocabularyError:
        if strict:
            raise
        return None


def _moved(content: bytes, kind: str, given: Ids) -> bytes:
    """Return vectors under our vocabulary; nothing when they do not fit theirs."""
    ours = deployed()
    if kind == "categories":
        theirs, wanted, maps = given.categories, ours.categories, ours.maps
    else:
        theirs, wanted, maps = given.surfaces + _REST, ours.surfaces + _REST, {}
    if len(content) % (4 * len(theirs)):
        return b""
    vectors = np.frombuffer(content, "<f4").reshape(-1, len(theirs))
    if kind == "surfaces":
        maps = dict.fromkeys(theirs, "")
    return mapped(vectors, theirs, wanted, maps).astype("<f4").tobytes()
