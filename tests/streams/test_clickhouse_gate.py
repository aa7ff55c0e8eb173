import chdb
import pytest
from hypothesis import given, settings, strategies as st

from streams.clickhouse.gate import Gate, in_its_own_words, settings_to_apply
from streams.clickhouse.tokens import QueryRefusedError


@pytest.fixture(scope="module")
def engine(migrated_clickhouse, clickhouse_folder):
    assert migrated_clickhouse.database == "adloom"
    handle = chdb.connect(str(clickhouse_folder.resolve()))
    handle.query("USE adloom", "TSV")
    handle.query("SET readonly = 1", "TSV")
    yield handle
    handle.close()


@pytest.fixture(scope="module")
def gate(engine):
    return Gate(engine, "adloom")


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
    "SELECT * FROM remote('127.0.0.1', system.one)",
    "SELECT * FROM cluster('default', system.one)",
    "SELECT * FROM executable('id', 'TSV', 'a String')",
    "SELECT * FROM Python(gate)",
    "SELECT * FROM sqlite('x', 'y')",
    "SELECT * FROM mysql('h', 'd', 't', 'u', 'p')",
    "SELECT * FROM merge('default', '.*')",
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
def test_what_does_more_than_read_is_refused(gate, engine, sql):
    with pytest.raises(QueryRefusedError):
        gate.admit(engine, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "SELECT 1;",
        "SELECT 'a;b', 'file(''x'')' -- file('x')",
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
def test_what_only_reads_is_let_through_and_runs(gate, engine, sql):
    admitted = gate.admit(engine, sql)

    engine.query(admitted, "TSV", params={"a": "1", "b": "[2]"})


def test_the_dangers_are_real(engine):
    """Without the gate a read-only handle reads files: chdb has no grants."""
    assert engine.query("SELECT file('/etc/passwd')", "TSV").bytes()


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
def test_no_disguise_of_a_file_gets_through(gate, engine, parts):
    try:
        admitted = gate.admit(engine, "SELECT " + "".join(parts))
    except QueryRefusedError:
        return
    try:
        answer = engine.query(admitted, "TSV").bytes()
    except RuntimeError:
        return
    assert b"root:" not in answer


@given(st.text(max_size=40))
@settings(max_examples=60)
def test_a_text_stays_what_it_is(engine, text):
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    try:
        rendered = in_its_own_words(engine, f"SELECT '{quoted}' AS t")
    except QueryRefusedError:
        return
    shown = engine.query(
        f"SELECT hex(t) FROM ({rendered})",  # noqa: S608 - what is tested
        "TSV",
    ).bytes()
    assert bytes.fromhex(shown.decode().strip()) == text.encode()


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
