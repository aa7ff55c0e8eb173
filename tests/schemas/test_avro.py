"""Framing, bounds and hostile bytes."""

from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings, strategies as st

from schemas.avro import MAX_BYTES, AvroError, Codec
from schemas.lock import LockedIds
from schemas.records import RECORDS, Behavior
from schemas.vocabulary import deployed

CODECS = {record: Codec(record, LockedIds()) for record in RECORDS}
LONG = st.integers(-(2**63), 2**63 - 1)
INT = st.integers(-(2**31), 2**31 - 1)


def values_of(hint: Any, name: str = "") -> Any:
    """A hypothesis strategy for a field's type."""
    if name == "surface":
        return optional(hint, st.sampled_from(deployed().surfaces))
    if hint is int:
        small = name in {"revision", "version", "width_px", "height_px"}
        small |= name.endswith(("_version", "n_candidates", "n_rejected", "partition"))
        return INT if small else LONG
    if type(None) in get_args(hint):
        return optional(hint, values_of(get_args(hint)[0], name))
    return records_of(hint) if is_dataclass(hint) else plain_values_of(hint)


def optional(hint: Any, values: Any) -> Any:
    return st.none() | values if type(None) in get_args(hint) else values


def plain_values_of(hint: Any) -> Any:
    simple = {
        str: st.text(max_size=20),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
        bytes: st.binary(max_size=20),
    }
    if hint in simple:
        return simple[hint]
    args = get_args(hint)
    if get_origin(hint) is tuple:
        return st.lists(values_of(args[0]), max_size=3).map(tuple)
    if get_origin(hint) is dict:
        return st.dictionaries(st.text(max_size=5), values_of(args[1]), max_size=3)
    return st.sampled_from(args)


def records_of(record: Any) -> Any:
    hints = get_type_hints(record)
    return st.builds(record, **{n: values_of(h, n) for n, h in hints.items()})


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_what_is_encoded_is_decoded(record: type) -> None:
    @settings(max_examples=30)
    @given(records_of(record))
    def check(value: Any) -> None:
        assert CODECS[record].decode(CODECS[record].encode(value)) == value

    check()


EVENT = Behavior(
    event_id="e", user_id="u", kind="click", occurred_at=1, consent=True, value=2.5
)


@given(st.binary(max_size=200))
def test_any_bytes_give_a_record_or_one_kind_of_error(body: bytes) -> None:
    codec = CODECS[Behavior]
    for message in (body, codec.encode(EVENT)[:5] + body):
        try:
            assert isinstance(codec.decode(message), Behavior)
        except AvroError as error:
            assert str(error)  # noqa: PT017


def test_every_truncation_is_refused() -> None:
    message = CODECS[Behavior].encode(EVENT)
    for length in range(len(message)):
        with pytest.raises(AvroError):
            CODECS[Behavior].decode(message[:length])


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "not a framed Behavior"),
        (b"\x01\0\0\0\1", "not a framed Behavior"),
        (b"\0\0\0\xff\xff", "unknown schema id 65535"),
        (b"\0" * (MAX_BYTES + 1), "expected <="),
        (CODECS[Behavior].encode(EVENT) + b"x", "1 bytes too many"),
    ],
)
def test_an_error_says_what_was_expected(message: bytes, reason: str) -> None:
    with pytest.raises(AvroError, match=reason):
        CODECS[Behavior].decode(message)
