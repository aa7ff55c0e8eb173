import subprocess
import sys

import chdb
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from streams.clickhouse.reader import QueryLimits, ReadOnlyClickHouse
from streams.clickhouse.readonly import (
    QueryRefusedError,
    restrict,
    settings_to_apply,
)


@pytest.fixture(scope="module")
def reader(migrated_clickhouse, clickhouse_folder):
    assert migrated_clickhouse.database == "adloom"
    return ReadOnlyClickHouse(clickhouse_folder, QueryLimits(seconds=5))


@pytest.fixture
def session(migrated_clickhouse, clickhouse_folder):
    """An engine handle with a reader's rights and no check of its queries."""
    assert migrated_clickhouse.database == "adloom"
    handle = chdb.connect(str(clickhouse_folder.resolve()))
    restrict(handle, {})
    yield handle
    handle.close()


WRITES = [
    "INSERT INTO behavior SELECT * FROM behavior",
    "INSERT INTO FUNCTION file('x.tsv', 'TSV', 'a Int8') VALUES (1)",
    "CREATE TABLE t (a Int8) ENGINE = Memory",
    "CREATE FUNCTION f AS x -> x",
    "ALTER TABLE behavior DELETE WHERE 1",
    "DELETE FROM behavior WHERE 1",
    "TRUNCATE TABLE behavior",
    "DROP DATABASE adloom",
    "RENAME TABLE behavior TO b",
    "OPTIMIZE TABLE behavior FINAL",
    "SYSTEM SHUTDOWN",
    "KILL QUERY WHERE 1",
    "SET readonly = 0",
    "USE system",
    "SET ROLE ALL",
    "ATTACH TABLE t",
    "GRANT ALL ON *.* TO default",
    "BACKUP TABLE behavior TO File('x')",
    "EXPLAIN INSERT INTO behavior SELECT * FROM behavior",
]
READS_ELSEWHERE = [
    "SELECT file('/etc/passwd')",
    "SELECT FILE('/etc/passwd')",
    "SELECT `file`('/etc/passwd')",
    "SELECT \"file\"('/etc/passwd')",
    "SELECT file /* ) */ ('/etc/passwd')",
    "SELECT file -- \n ('/etc/passwd')",
    "SELECT 1 AS `a'`, file('/etc/passwd'), 2 AS `b'`",
    "SELECT 1 AS `a\"`, file('/etc/passwd'), 2 AS `b\"`",
    "SELECT 1 AS `a\\`, file('/etc/passwd'), 2 AS `b\\`",
    "SELECT arrayMap(x -> file(x), ['/etc/passwd'])",
    "WITH file AS f SELECT f('/etc/passwd')",
    "WITH (x -> file(x)) AS f SELECT f('/etc/passwd')",
    "SELECT * APPLY file FROM (SELECT '/etc/passwd')",
    "SELECT * APPLY (x -> file(x)) FROM (SELECT '/etc/passwd')",
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM default.`/etc/passwd`",
    "SELECT * FROM `default`.`/etc/passwd`",
    "SELECT * FROM default . `/etc/passwd`",
    "SELECT 1 WHERE 'root' IN default.`/etc/passwd`",
    "SELECT count() FROM behavior JOIN default.`/etc/passwd` ON 1",
    "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
    "DESCRIBE default.`/etc/passwd`",
    "EXPLAIN SELECT file('/etc/passwd')",
    "SELECT * FROM url('http://127.0.0.1/', 'CSV')",
    "SELECT * FROM s3('https://a/b', 'CSV')",
    "SELECT * FROM s3('https://bucket.s3.amazonaws.com/a/b.csv', 'CSV', 'a Int8')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM Python(gate)",
    "SELECT * FROM sqlite('x', 'y')",
    "SELECT * FROM mysql('h', 'd', 't', 'u', 'p')",
    "SELECT * FROM merge('default', '.*')",
    "SELECT * FROM merge('system', '^processes$')",
    "SELECT * FROM filesystem('/')",
    "SELECT * FROM loop(behavior)",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM {db:Identifier}.{t:Identifier}",
    "SELECT * FROM {t: identifier}",
    "SELECT * FROM system.processes",
    "SELECT * FROM `system`.`query_log`",
    "SELECT * FROM system.server_settings",
    "SELECT * FROM INFORMATION_SCHEMA.TABLES",
    "SHOW PROCESSLIST",
    "SHOW ACCESS",
    "SELECT reverseDNSQuery('example.org')",
    "SELECT dictGet('d', 'a', 1)",
    "SELECT joinGet('j', 'a', 1)",
    "SELECT catboostEvaluate('/x', 1)",
    "SELECT sleep(3)",
    "SELECT sleepEachRow(3) FROM numbers(9)",
    "SELECT aiGenerate('x')",
    "SELECT getMacro('x')",
    "SELECT hostName()",
    "SELECT filesystemAvailable()",
]
WRITES_A_FILE = [
    "SELECT 1 INTO OUTFILE '/tmp/adloom-leak'",
    "SELECT 1 INTO OUTFILE '/tmp/adloom-leak' APPEND FORMAT CSV",
    "(SELECT 1) INTO OUTFILE '/tmp/adloom-leak'",
]
LIFTS_LIMITS = [
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_execution_time = 0",
    "SELECT count() FROM (SELECT 1 SETTINGS max_threads = 64)",
    "SELECT 1 FORMAT CSV SETTINGS max_memory_usage = 0",
]
NOT_ONE_STATEMENT = [
    "",
    "SELECT 1; SELECT 2",
    "SELECT 1; DROP TABLE behavior",
    "SELECT 1 PARALLEL WITH DROP TABLE behavior",
    "SELEC 1",
    "SELECT 'unfinished",
    "-- nothing",
]


@pytest.mark.parametrize(
    "sql",
    WRITES + READS_ELSEWHERE + WRITES_A_FILE + LIFTS_LIMITS + NOT_ONE_STATEMENT,
)
def test_what_does_more_than_read_is_refused(reader, sql, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    reply = reader.answer(sql, {"param_db": "system", "param_t": "processes"})

    assert reply.status >= 400
    assert reply.body.startswith(b"Code: ")
    assert b"root:" not in reply.body
    assert not list(tmp_path.iterdir())


NEED_A_GRANT = [
    *(sql for sql in WRITES if not sql.startswith(("KILL", "SET", "EXPLAIN"))),
    "SELECT * FROM file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM default.`/etc/passwd`",
    "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
    "SELECT * FROM url('http://127.0.0.1/', 'CSV')",
    "SELECT * FROM s3('https://bucket.s3.amazonaws.com/a/b.csv', 'CSV', 'a Int8')",
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM mysql('h', 'd', 't', 'u', 'p')",
    "SELECT * FROM loop(behavior)",
    "SELECT * FROM filesystem('/')",
    "SHOW ACCESS",
]


@pytest.mark.parametrize("sql", NEED_A_GRANT)
def test_the_engine_itself_refuses_a_reader(session, sql):
    with pytest.raises(RuntimeError, match="ACCESS_DENIED"):
        session.query(sql, "TSV")


def test_the_engine_shows_a_reader_nothing_of_this_process(session):
    secret = pa.table({"a": [1]})

    with pytest.raises(RuntimeError, match="ACCESS_DENIED"):
        session.query("SELECT * FROM Python(secret)", "TSV")

    assert secret.num_rows == 1


@pytest.mark.parametrize("name", ["max_execution_time", "readonly", "max_threads"])
def test_the_engine_itself_keeps_a_readers_settings(session, name):
    with pytest.raises(RuntimeError, match="READONLY"):
        session.query(f"SET {name} = 77", "TSV")


def test_an_engine_without_our_users_gives_no_reader(tmp_path):
    """In a process of its own: a process has one engine."""
    program = (
        "import sys; from pathlib import Path; import chdb\n"
        "from streams.clickhouse.reader import ReadOnlyClickHouse\n"
        "from streams.errors import StateError\n"
        "handle = chdb.connect(sys.argv[1])\n"
        "handle.query('CREATE DATABASE adloom')\n"
        "try: ReadOnlyClickHouse(Path(sys.argv[1]))\n"
        "except StateError as error: print(error)\n"
    )

    shown = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "engine"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "runs without Adloom's users" in shown.stdout, shown.stderr


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "SELECT 1;",
        "SELECT 'a;b', 'file(''x'')' -- file('x')",
        "SELECT 'it\\'s' AS `user's`, '`' AS b, 'SETTINGS' AS c",
        """SELECT count(), uniqExact(event_id), sumIf(value, kind = 'conversion'),
        quantilesExact(0.5, 0.9)(value), argMaxIfOrNull(item, occurred_at, 1)
        FROM behavior FINAL WHERE occurred_at > now() - INTERVAL 1 DAY""",
        "WITH a AS (SELECT number AS n FROM numbers(3)) SELECT * FROM a ORDER BY n",
        "SELECT row_number() OVER (PARTITION BY arm ORDER BY ctr) FROM effect_by_arm",
        "SELECT x.1, y['a'] FROM (SELECT (1, 2) AS x, map('a', 1) AS y)",
        "SELECT * FROM impressions AS i LEFT JOIN clicks AS c USING (impression_id)",
        """SELECT toStartOfHour(shown_at) AS t, count() FROM impressions
        GROUP BY t WITH ROLLUP HAVING count() > 1 ORDER BY t LIMIT 1 BY t LIMIT 9""",
        "SELECT CASE WHEN 1 THEN 'a' ELSE 'b' END, CAST(1 AS Decimal(10, 2)), 2::Int8",
        "SELECT {a:UInt8} + {b:Array(UInt8)}[1]",
        "SELECT 1 WHERE EXISTS(SELECT 1) AND 1 IN (1, 2) AND 2 NOT IN (SELECT 3)",
        "SELECT arrayMap(x -> x + 1, arrayFilter(x -> x > 1, [1, 2, 3]))",
        "SELECT version(), timezone(), currentDatabase()",
        "SELECT name, value, readonly FROM system.settings LIMIT 10000",
        "SELECT name FROM system.tables WHERE database = currentDatabase()",
        "SELECT 1 UNION ALL SELECT 2 FORMAT JSONEachRow",
        "SHOW TABLES",
        "SHOW CREATE TABLE behavior",
        "DESCRIBE TABLE behavior",
        "EXISTS TABLE behavior",
        "EXPLAIN PLAN SELECT count() FROM behavior",
        "EXPLAIN SYNTAX SELECT count() FROM behavior",
    ],
)
def test_what_only_reads_is_answered(reader, sql):
    reply = reader.answer(sql, {"param_a": "1", "param_b": "[2]"})

    assert reply.status == 200, reply.body


def test_the_dangers_are_real(session):
    """Without the check a reader's session reads files: `file()` needs no grant."""
    assert session.query("SELECT file('/etc/passwd')", "TSV").bytes()


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(
            [
                *("file", "`file`", "'/etc/passwd'", "SELECT", "AS", "f", "x ->"),
                *("(", ")", ",", ";", " ", "\n", "'", '"', "`", "$$", "\\", "#"),
                *("--", "/*", "*/"),
            ]
        ),
        max_size=12,
    )
)
def test_no_disguise_of_a_file_gets_through(reader, parts):
    assert b"root:" not in reader.answer("SELECT " + "".join(parts), {}).body


@given(st.text(max_size=40))
@settings(max_examples=60)
def test_a_text_stays_what_it_is(reader, text):
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    reply = reader.answer(f"SELECT hex('{quoted}')", {})

    assert bytes.fromhex(reply.body.decode().strip()) == text.encode()


def test_settings_that_only_show_are_applied_others_refused():
    given_parameters = {
        "output_format_json_quote_64bit_integers": "1",
        "max_threads": "4",
        "param_x": "1",
    }

    assert settings_to_apply(given_parameters) == {
        "output_format_json_quote_64bit_integers": "1"
    }
    for name in ("allow_ddl", "output_format_x = 1, readonly", "format_schema"):
        with pytest.raises(QueryRefusedError, match="readonly mode"):
            settings_to_apply({name: "1"})
