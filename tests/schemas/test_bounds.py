import pytest

from schemas.avro import schema_of
from schemas.bounds import unbounded
from schemas.records import RECORDS


def record(field_type, name="R"):
    return {
        "type": "record",
        "name": name,
        "fields": [{"name": "f", "type": field_type}],
    }


@pytest.mark.parametrize("kind", RECORDS)
def test_every_record_of_the_contract_is_bounded(kind):
    assert unbounded(schema_of(kind)) is None


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (record({"type": "array", "items": "null"}), "take no bytes"),
        (
            record(
                {
                    "type": "array",
                    "items": {"type": "record", "name": "Empty", "fields": []},
                }
            ),
            "take no bytes",
        ),
        (
            record(
                {"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}
            ),
            "take no bytes",
        ),
        (record({"type": "array", "items": record("null", "N")}), "take no bytes"),
        (record(["null", "R"]), "holds itself"),
        (record({"type": "map", "values": ["null", "R"]}), "holds itself"),
        (record("adloom.R"), "holds itself"),
        (record("Elsewhere"), "not defined"),
        (record(7), "no schema"),
    ],
)
def test_a_schema_that_decodes_to_any_size_is_refused(schema, reason):
    assert reason in unbounded(schema)


def test_a_named_type_may_be_used_again():
    surface = {"type": "enum", "name": "Surface", "symbols": ["search"]}
    schema = record(surface)
    schema["fields"].append(
        {"name": "g", "type": {"type": "array", "items": "Surface"}}
    )
    assert unbounded(schema) is None


def test_of_two_types_with_one_short_name_the_smaller_counts():
    empty = {"type": "record", "name": "a.X", "fields": []}
    schema = record(empty)
    schema["fields"] += [
        {"name": "g", "type": {"type": "enum", "name": "b.X", "symbols": ["s"]}},
        {"name": "h", "type": {"type": "array", "items": "a.X"}},
    ]
    assert "take no bytes" in unbounded(schema)


def test_a_schema_nested_beyond_the_stack_is_refused():
    schema = "int"
    for _ in range(20_000):
        schema = {"type": "array", "items": schema}
    assert unbounded(schema) == "it is nested too deeply"
