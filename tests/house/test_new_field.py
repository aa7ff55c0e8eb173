"""A new optional field is written by hand in two places: its schema and a migration."""

import json
import os
import re
import shutil
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "streams", "model_export", "deploy", "docs", "tests")
FILES = ("pyproject.toml", "README.md", "asyncapi.yaml")
FIELD = {
    "name": "campaign",
    "type": ["null", "string"],
    "doc": "Campaign that it belongs to.",
    "default": None,
}
GENERATED = {"schemas/schemas.lock", "schemas/records.py", "docs/topics.md"}
STATEMENT = re.compile(r"ALTER TABLE behavior ADD COLUMN [^;]*;")
RECORDS = "tests/schemas/test_records.py"
TABLE = "tests/deploy/test_migrations.py"


@pytest.fixture
def copy(tmp_path):
    """Return a copy of the tree: what this test adds, it adds there."""
    skipped = shutil.ignore_patterns("__pycache__", "*.c", "house", "benchmarks")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skipped)
    for name in FILES:
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def run(copy, *words):
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def outcome(copy, *names):
    return run(
        copy, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *names
    )


def digests(copy):
    return {
        str(path.relative_to(copy)): sha256(path.read_bytes()).hexdigest()
        for folder in PACKAGES
        for path in (copy / folder).rglob("*")
        if path.is_file()
    }


def changed(before, after):
    return {name for name in before | after if before.get(name) != after.get(name)}


@pytest.mark.slow
def test_a_new_field_is_two_files_and_the_tests_name_what_is_missing(copy):
    before = digests(copy)
    schema = copy / "schemas" / "behavior.avsc"
    text = json.loads(schema.read_text("utf-8"))
    text["fields"].append(FIELD)
    schema.write_text(json.dumps(text, indent=2) + "\n", "utf-8")
    by_hand = changed(before, digests(copy))
    assert by_hand == {"schemas/behavior.avsc"}

    missed = outcome(copy, RECORDS, "tests/docs/test_generated.py")
    assert "schemas/records.py is behind the code: run make generate" in missed.stdout
    for module in ("schemas", "tests.generated"):
        ended = run(copy, module)
        assert ended.returncode == 0, ended.stderr
    generated = changed(before, digests(copy)) - by_hand
    assert generated == GENERATED
    assert (
        "    campaign: str | None = None\n" in (copy / "schemas/records.py").read_text()
    )

    table = f"{TABLE}::test_a_table_has_the_fields_of_its_record_and_where_it_came_from"
    missed = outcome(copy, table)
    (statement, *_) = STATEMENT.findall(missed.stdout)
    migration = copy / "deploy" / "clickhouse" / "999_campaign.sql"
    migration.write_text(statement + "\n", "utf-8")
    ended = outcome(copy, table, RECORDS, "tests/streams/test_sink_columns.py")
    assert ended.returncode == 0, ended.stdout

    by_hand = changed(before, digests(copy)) - generated
    assert by_hand == {"schemas/behavior.avsc", "deploy/clickhouse/999_campaign.sql"}
