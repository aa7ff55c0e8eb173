"""The .avsc files are the truth; the dataclasses and the lock equal them."""

import dataclasses
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from schemas.__main__ import updated
from schemas.avro import schema_file, schema_of
from schemas.lock import LOCK_FILE
from schemas.records import RECORDS
from schemas.vocabulary import deployed

PRIMITIVES = {
    "string": str,
    "long": int,
    "int": int,
    "double": float,
    "boolean": bool,
    "bytes": bytes,
}


def assert_equal(avro: Any, hint: Any) -> None:
    """Hold a Python type to an Avro type, all the way down."""
    if isinstance(avro, str):
        assert PRIMITIVES[avro] is hint
    elif isinstance(avro, list):
        null, inner = avro
        assert null == "null"
        options = [arg for arg in get_args(hint) if arg is not NoneType]
        assert NoneType in get_args(hint)
        assert_equal(inner, options[0])
    else:
        assert_equal_named(avro, hint)


def assert_equal_named(avro: dict[str, Any], hint: Any) -> None:
    match avro["type"]:
        case "enum":
            is_surface = avro["name"] == "Surface"
            symbols = deployed().surfaces if is_surface else get_args(hint)
            assert hint is str if is_surface else get_origin(hint) is Literal
            assert list(symbols) == avro["symbols"]
        case "array":
            assert get_origin(hint) is tuple
            assert_equal(avro["items"], get_args(hint)[0])
        case "map":
            assert get_args(hint)[0] is str
            assert_equal(avro["values"], get_args(hint)[1])
        case "record":
            assert avro["name"] == hint.__name__
            hints = get_type_hints(hint)
            fields = dataclasses.fields(hint)
            assert [f.name for f in fields] == [f["name"] for f in avro["fields"]]
            for field in avro["fields"]:
                assert_equal(field["type"], hints[field["name"]])
                assert field["doc"], field["name"]
        case primitive:
            assert PRIMITIVES[primitive] is hint


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_a_record_equals_its_avsc(record: type) -> None:
    assert_equal(schema_of(record), record)


def test_every_avsc_has_a_record() -> None:
    files = {schema_file(record) for record in RECORDS}
    assert files == set(LOCK_FILE.parent.glob("*.avsc"))


def walk(avro: Any) -> Any:
    yield avro
    if isinstance(avro, list):
        for part in avro:
            yield from walk(part)
    if isinstance(avro, dict):
        for key in ("items", "values", "type"):
            if isinstance(avro.get(key), (dict, list)):
                yield from walk(avro[key])
        for field in avro.get("fields", []):
            yield from walk(field["type"])


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.__name__)
def test_no_array_item_can_take_zero_bytes(record: type) -> None:
    """5 bytes of array<null> decode to 30 million items: such schemas are banned."""
    for part in walk(schema_of(record)):
        if isinstance(part, dict) and part["type"] in ("array", "map"):
            item = part.get("items", part.get("values"))
            assert item != "null"
            assert not (isinstance(item, dict) and item.get("fields") == [])


def test_the_lock_holds_every_current_schema_and_all_stay_readable() -> None:
    import json  # noqa: PLC0415

    lock = json.loads(LOCK_FILE.read_text("utf-8"))
    assert updated(lock) == (lock, [])


def test_an_incompatible_change_is_named() -> None:
    from schemas.compatibility import incompatibilities  # noqa: PLC0415

    old = {"type": "record", "name": "A", "fields": [{"name": "x", "type": "long"}]}
    new = {"type": "record", "name": "A", "fields": [{"name": "y", "type": "long"}]}
    assert any("y" in problem for problem in incompatibilities(new, old))
