"""Field -> is it in its bounds? What the admission of records is put together from."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields
from typing import Any, cast

import numpy as np

from schemas.records import Record

MAX_ID_CHARACTERS = 128
MAX_CONDITIONS = 1_024
EARLIEST = 946_684_800_000
"""2000-01-01 UTC: earlier instants are seconds taken for milliseconds, or zero."""
DAY_MS = 86_400_000
BIG = 1e15
"""Above this a double no longer counts in cents."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PHONE = re.compile(
    r"\+\d[\d\s().-]{6,20}"  # international
    r"|1[3-9]\d{9}"  # a Chinese mobile number
    r"|\(?\d{2,4}\)?[ .-]\d{3,4}[ .-]\d{3,4}"  # in groups
)

Check = Callable[[object, int], Iterator[str]]
"""(record, now) -> reasons."""


def texts(record: type[Record], **longest: int) -> Check:
    """Return the check of a record's text fields.

    They are ids and names: short and printable, and not empty where they must be
    there. Fields named in `longest` may hold anything up to so many characters.
    """
    kinds = {field.name: field.type for field in fields(cast("Any", record))}
    named = {
        name: kind is str
        for name, kind in kinds.items()
        if kind in {str, str | None} and name not in longest
    }

    def check(record: object, _: int) -> Iterator[str]:
        for name, is_required in named.items():
            value: str | None = getattr(record, name)
            if value or is_required:
                yield from id_reasons(name, value or "")
        for name, limit in longest.items():
            value = getattr(record, name)
            if value is not None and len(value) > limit:
                yield sentence(name, f"at most {limit:,} characters", len(value))

    return check


def user(record: object, _: int) -> Iterator[str]:
    """Check that a user id does not name a person."""
    user_id: str = getattr(record, "user_id", "")
    if _EMAIL.fullmatch(user_id) or _PHONE.fullmatch(user_id):
        what = "an e-mail address" if "@" in user_id else "a telephone number"
        # The value itself is personal: it stays out of the reason.
        yield (
            f"user_id: expected a pseudonym, got what looks like {what}; "
            "replace it by a keyed hash before it is produced"
        )


def instants(*names: str) -> Check:
    """Return the check of instants: after 2000, at most 24 h ahead of our clock."""

    def check(record: object, now: int) -> Iterator[str]:
        for name in names:
            at = getattr(record, name)
            if at < EARLIEST:
                yield sentence(name, "an instant after 2000 in ms", at)
            elif at > now + DAY_MS:
                yield sentence(name, "an instant at most 24 h ahead", at)

    return check


def ordered(first: str, second: str) -> Check:
    """Return the check that one instant is not before another."""

    def check(record: object, _: int) -> Iterator[str]:
        start, end = getattr(record, first), getattr(record, second)
        if end < start:
            yield sentence(second, f"no earlier than {first} ({start})", end)

    return check


def numbers(lowest: float, highest: float, *names: str) -> Check:
    """Return the check of numbers, where they are there; NaN is in no range."""

    def check(record: object, _: int) -> Iterator[str]:
        for name in names:
            value = getattr(record, name)
            if value is not None and not lowest <= value <= highest:
                yield sentence(name, _range(lowest, highest), value)

    return check


def vector(name: str, expected: Callable[[object], int | None]) -> Check:
    """Return the check of bytes that hold finite float32 numbers, little-endian.

    Args:
        name: the field; null passes.
        expected: length in bytes that a record asks for, None for any.
    """

    def check(record: object, _: int) -> Iterator[str]:
        content = getattr(record, name)
        if content is None:
            return
        n_bytes = expected(record)
        if n_bytes is not None and len(content) != n_bytes:
            yield sentence(name, f"{n_bytes} bytes", f"{len(content)} bytes")
        elif len(content) % 4 or len(content) > 4 * MAX_CONDITIONS:
            most = f"at most {MAX_CONDITIONS} float32 numbers"
            yield sentence(name, most, f"{len(content)} bytes")
        elif not np.isfinite(np.frombuffer(content, "<f4")).all():
            yield sentence(name, "finite numbers", "NaN or infinity")

    return check


def names(name: str, most: int) -> Check:
    """Return the check of a list of ids or names."""

    def check(record: object, _: int) -> Iterator[str]:
        values: tuple[str, ...] = getattr(record, name)
        if len(values) > most:
            yield sentence(name, f"at most {most}", len(values))
        for value in values:
            yield from id_reasons(name, value)

    return check


def id_reasons(name: str, value: str) -> Iterable[str]:
    """Return what is wrong with an id or a name."""
    if not 0 < len(value) <= MAX_ID_CHARACTERS:
        expected = f"1 to {MAX_ID_CHARACTERS} characters"
        return (sentence(name, expected, len(value)),)
    if _CONTROL.search(value):
        return (sentence(name, "no control characters", repr(value)),)
    return ()


def sentence(name: str, expected: str, got: object) -> str:
    """Return field, expected and got; what came is quoted short."""
    return f"{name}: expected {expected}, got {str(got)[:80]}"


def _range(lowest: float, highest: float) -> str:
    if highest >= BIG:
        return f"{lowest:g} or more, finite"
    return f"{lowest:g} to {highest:g}"
