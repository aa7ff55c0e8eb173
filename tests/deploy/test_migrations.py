import json
from pathlib import Path

import pytest

from schemas.avro import schema_file
from schemas.records import ModelRelease
from streams.clickhouse.client import connect, migrate
from streams.errors import StateError
from streams.sink.tables import DEAD_LETTER, GATE_VERDICT, TABLES

ROOT = Path(__file__).parents[2]
MIGRATIONS = ROOT / "deploy" / "clickhouse"
META = {"_topic", "_partition", "_offset", "_ingested_at"}

SCALARS = {
    "string": "String",
    "bytes": "String",
    "boolean": "Bool",
    "int": "Int32",
    "long": "Int64",
    "double": "Float64",
}
OWN_TABLES = {
    DEAD_LETTER: {
        "source_topic",
        "source_partition",
        "source_offset",
        "stage",
        "reason",
        "key",
        "n_bytes",
        "digest",
        "failed_at",
    },
    "erasure": {"user_digest", "returned_at"},
}
"""Tables without a record of their own."""


def columns_in_clickhouse(client, table):
    rows = client.query(f"DESCRIBE TABLE {table}").result_rows
    return {row[0]: " ".join(row[1].split()) for row in rows}


def columns_in_avro(fields, prefix=""):
    """Return column -> ClickHouse type, from the .avsc alone."""
    columns = {}
    for field in fields:
        columns |= column_of(prefix + field["name"], field["type"])
    return columns


def column_of(name, kind):
    nullable = isinstance(kind, list)
    if nullable:
        kind = next(part for part in kind if part != "null")
    if isinstance(kind, str):
        kind = {"type": kind}
    if kind["type"] == "record":
        return columns_in_avro(kind["fields"], f"{name}_")
    if kind["type"] == "map":
        return {name: f"Map(String, {SCALARS[kind['values']]})"}
    if kind["type"] == "array":
        return {name: f"Array({element(kind['items'])})"}
    found = "String" if kind["type"] == "enum" else SCALARS[kind["type"]]
    if kind.get("logicalType") == "timestamp-millis":
        found = "DateTime64(3, 'UTC')"
    return {name: f"Nullable({found})" if nullable else found}


def element(items):
    if isinstance(items, str):
        return SCALARS[items]
    parts = [f"{f['name']} {SCALARS[f['type']]}" for f in items["fields"]]
    return f"Tuple( {', '.join(parts)})"


def without_dictionaries(kind):
    """Drop LowCardinality: it changes how a value is stored, not what it is."""
    while "LowCardinality(" in kind:
        start = kind.index("LowCardinality(")
        depth, end = 1, start + len("LowCardinality(")
        while depth:
            depth += {"(": 1, ")": -1}.get(kind[end], 0)
            end += 1
        kind = (
            kind[:start] + kind[start + len("LowCardinality(") : end - 1] + kind[end:]
        )
    return kind


def schema_fields(record):
    return json.loads(schema_file(record).read_text("utf-8"))["fields"]


def statements(table, missing, wanted):
    """Return the SQL that gives a table the columns that it lacks."""
    return " ".join(
        f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {name} {wanted[name]};"
        for name in sorted(missing)
    )


@pytest.mark.parametrize("record", TABLES, ids=TABLES.get)
def test_a_table_has_the_fields_of_its_record_and_where_it_came_from(
    clickhouse, record
):
    fields = [field for field in schema_fields(record) if field["name"] != "verdicts"]
    found = columns_in_clickhouse(clickhouse, TABLES[record])
    meta = {name: found.pop(name) for name in META}

    held = {name: without_dictionaries(kind) for name, kind in found.items()}
    wanted = columns_in_avro(fields)
    assert held == wanted, (
        f"add a migration to {MIGRATIONS.name}: "
        f"{statements(TABLES[record], set(wanted) - set(held), wanted)}"
    )
    assert meta["_ingested_at"] == "DateTime64(3, 'UTC')"


def test_a_verdict_has_the_fields_of_the_record_in_a_release(clickhouse):
    release = schema_fields(ModelRelease)
    verdicts = next(field for field in release if field["name"] == "verdicts")
    context = {"model_name", "version", "stage", "released_at"}
    expected = columns_in_avro(verdicts["type"]["items"]["fields"])
    expected |= columns_in_avro([f for f in release if f["name"] in context])

    found = columns_in_clickhouse(clickhouse, GATE_VERDICT)

    assert {
        name: without_dictionaries(kind)
        for name, kind in found.items()
        if name not in META
    } == expected


@pytest.mark.parametrize("table", OWN_TABLES)
def test_tables_without_a_record_are_held_to_a_list(clickhouse, table):
    assert set(columns_in_clickhouse(clickhouse, table)) - META == OWN_TABLES[table]


def test_there_is_no_other_table(clickhouse):
    tables = clickhouse.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() "
        "AND engine LIKE '%MergeTree'"
    ).result_columns[0]

    assert set(tables) == {
        *TABLES.values(),
        GATE_VERDICT,
        *OWN_TABLES,
        "schema_versions",
    }


def test_every_table_and_view_is_documented(clickhouse):
    names = clickhouse.query("SHOW TABLES").result_columns[0]
    page = (ROOT / "docs" / "tables.md").read_text("utf-8")

    missing = [name for name in names if f"`{name}`" not in page]

    assert not missing


def test_a_second_migration_applies_nothing(clickhouse):
    assert migrate(clickhouse) == []


@pytest.fixture
def other_database(clickhouse_folder):
    client = connect(None, clickhouse_folder)
    client.command("CREATE DATABASE other")
    client.database = "other"
    yield client
    client.command("DROP DATABASE other")
    client.close()


def test_the_same_files_make_another_database(other_database):
    applied = migrate(other_database)

    assert applied == [int(path.name[:3]) for path in sorted(MIGRATIONS.glob("*.sql"))]


def test_an_applied_migration_that_changed_is_refused(other_database, tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "001_a.sql").write_text("CREATE TABLE a (x Int8) ENGINE = Memory")
    assert migrate(other_database, folder) == [1]
    (folder / "001_a.sql").write_text("CREATE TABLE a (x Int16) ENGINE = Memory")

    with pytest.raises(StateError, match="Never change a migration"):
        migrate(other_database, folder)


def test_an_applied_migration_that_is_gone_is_refused(other_database, tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    for number in (1, 2):
        text = f"CREATE TABLE t{number} (x Int8) ENGINE = Memory"
        (folder / f"00{number}_t.sql").write_text(text)
    assert migrate(other_database, folder) == [1, 2]
    (folder / "002_t.sql").unlink()

    with pytest.raises(StateError, match="does not fit"):
        migrate(other_database, folder)


def test_the_statements_for_a_server_are_clickhouse_sql(clickhouse):
    text = (MIGRATIONS / "users" / "read_only.sql").read_text("utf-8")
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    statements = [part.strip() for part in code.split(";") if part.strip()]

    rendered = [
        clickhouse.query(
            "SELECT formatQuerySingleLine(%(sql)s)", parameters={"sql": statement}
        ).result_rows[0][0]
        for statement in statements
    ]

    assert len(rendered) == 6
    assert "readonly = 2" in rendered[2]
