import gzip
import http.client
import json
import socket
import threading
from urllib.parse import urlencode

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from streams.clickhouse.http import MAX_QUERY_BYTES, ClickHouseHttpServer
from streams.clickhouse.reader import QueryLimits, ReadOnlyClickHouse
from streams.errors import UnavailableError


@pytest.fixture(scope="module")
def reader(migrated_clickhouse, clickhouse_folder):
    assert migrated_clickhouse.database == "adloom"
    return ReadOnlyClickHouse(clickhouse_folder, limits=QueryLimits(seconds=5))


@pytest.fixture(scope="module")
def server(reader):
    with ClickHouseHttpServer(reader) as running:
        yield running


@pytest.fixture
def ask(server):
    """A function that sends one request: (status, headers, body)."""

    def send(path="/", body=None, method=None, headers=(), **parameters):
        host = server.url.removeprefix("http://")
        connection = http.client.HTTPConnection(host, timeout=20)
        try:
            connection.request(
                method or ("GET" if body is None else "POST"),
                f"{path}?{urlencode(parameters)}" if parameters else path,
                body,
                dict(headers),
            )
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    return send


@pytest.mark.parametrize("path", ["/", "/ping", "/replicas_status"])
def test_probes_answer_ok(ask, path):
    assert ask(path)[::2] == (200, b"Ok.\n")


def test_a_query_may_come_in_the_address_the_body_or_both(ask):
    assert ask(query="SELECT 1")[2] == b"1\n"
    assert ask(body="SELECT 1")[2] == b"1\n"
    assert ask(body="SELECT 1", default_format="JSONEachRow")[2] == b'{"1":1}\n'
    assert ask(query="SELECT 1", body="FORMAT CSV")[2] == b"1\n"


def test_the_format_is_that_of_the_query_then_of_the_address(ask):
    _, headers, body = ask(body="SELECT 1 AS a FORMAT JSON", default_format="CSV")

    assert headers["X-ClickHouse-Format"] == "JSON"
    assert headers["Content-Type"] == "application/json; charset=UTF-8"
    assert json.loads(body)["data"] == [{"a": 1}]
    assert ask(body="SELECT 1", headers={"X-ClickHouse-Format": "CSV"})[2] == b"1\n"


def test_the_summary_counts_what_was_read(ask):
    _, headers, _ = ask(body="SELECT sum(number) FROM numbers(10)")

    summary = json.loads(headers["X-ClickHouse-Summary"])

    assert int(summary["read_rows"]) == 10
    assert int(summary["elapsed_ns"]) > 0


def test_parameters_are_values_not_text(ask):
    sql = "SELECT {name:String} AS name, {n:UInt8} AS n FORMAT JSONEachRow"

    body = ask(body=sql, param_name="x' OR 1; DROP", param_n="3")[2]

    assert json.loads(body) == {"name": "x' OR 1; DROP", "n": 3}


def test_a_client_that_asks_gets_gzip(ask):
    _, headers, body = ask(
        body="SELECT number FROM numbers(1000)", headers={"Accept-Encoding": "gzip"}
    )

    assert headers["Content-Encoding"] == "gzip"
    assert len(gzip.decompress(body).splitlines()) == 1_000
    assert len(body) < 2_500


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELEC 1", 400, "62"),
        ("SELECT * FROM nowhere", 404, "60"),
        ("SELECT nothing FROM behavior", 404, "47"),
        ("INSERT INTO behavior SELECT 1", 403, "164"),
        ("SELECT file('/etc/passwd')", 403, "497"),
        ("SELECT {missing:String}", 400, "456"),
        ("SELECT toUInt8('x')", 400, "6"),
        ("SELECT 1 FORMAT Nonsense", 400, "73"),
    ],
)
def test_an_error_is_written_as_clickhouse_writes_it(ask, sql, status, code):
    found, headers, body = ask(body=sql)

    assert headers["X-ClickHouse-Exception-Code"] == code
    assert body.startswith(f"Code: {code}. DB::Exception: ".encode())
    assert found == status


def test_settings_in_the_address_are_taken_only_when_they_are_harmless(ask):
    quoted = ask(
        body="SELECT toUInt64(1) AS a FORMAT JSONEachRow",
        output_format_json_quote_64bit_integers="1",
    )

    assert quoted[2] == b'{"a":"1"}\n'
    assert ask(body="SELECT 1", max_threads="64", session_id="s")[0] == 200
    assert ask(body="SELECT 1", allow_ddl="1")[0] == 403
    assert ask(body="SELECT getSetting('max_threads')")[0] == 403
    shown = ask(
        body="SELECT value FROM system.settings WHERE name = 'max_execution_time'",
        max_execution_time="9999",
    )
    assert shown[2] == b"5\n"


def test_only_the_one_database_is_there(ask):
    assert ask(body="SELECT currentDatabase()")[2] == b"adloom\n"
    assert ask(body="SELECT currentDatabase()", database="default")[2] == b"adloom\n"
    status, headers, _ = ask(body="SELECT 1", database="system")
    assert (status, headers["X-ClickHouse-Exception-Code"]) == (404, "81")


def test_a_query_that_takes_too_long_is_stopped(migrated_clickhouse, clickhouse_folder):
    assert migrated_clickhouse.database == "adloom"
    hasty = ReadOnlyClickHouse(clickhouse_folder, limits=QueryLimits(seconds=0.2))

    reply = hasty.answer("SELECT sum(sin(number)) FROM numbers(100000000000)", {})

    assert reply.headers["X-ClickHouse-Exception-Code"] == "159"
    assert reply.status == 408


def test_a_result_that_is_too_big_is_refused(migrated_clickhouse, clickhouse_folder):
    assert migrated_clickhouse.database == "adloom"
    narrow = ReadOnlyClickHouse(clickhouse_folder, limits=QueryLimits(result_rows=10))
    small = ReadOnlyClickHouse(
        clickhouse_folder, limits=QueryLimits(result_bytes=1_000)
    )

    rows = narrow.answer("SELECT number FROM numbers(100000)", {})
    size = small.answer("SELECT repeat('x', 5000)", {})

    assert rows.headers["X-ClickHouse-Exception-Code"] == "396"
    assert size.headers["X-ClickHouse-Exception-Code"] == "396"


def test_a_body_that_is_too_big_is_refused(ask):
    assert ask(body="SELECT 1 --" + "x" * MAX_QUERY_BYTES)[0] == 413
    assert ask(body=gzip.compress(b"SELECT 1"), headers={"Content-Encoding": "gzip"})[
        0
    ] in (413, 415)


def test_another_host_name_is_not_for_us(ask):
    assert ask(body="SELECT 1", headers={"Host": "evil.example"})[0] == 421
    assert ask(body="SELECT 1", headers={"Host": "localhost:8123"})[0] == 200


def test_other_paths_are_not_there(ask):
    assert ask("/play")[0] == 404


def test_a_busy_port_is_named(reader):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(UnavailableError, match=str(port)):
            ClickHouseHttpServer(reader, port=port)


@pytest.fixture
def client(server):
    connected = clickhouse_connect.get_client(dsn=server.url, dedicated_pool=True)
    yield connected
    connected.close()


def test_clickhouse_connect_works(client):
    sql = (
        "SELECT number, toString(number) AS s, [number] AS a, map('k', number) AS m, "
        "toNullable(1.5) AS f, toDateTime64('2026-01-02 03:04:05.678', 3, 'UTC') AS t "
        "FROM numbers(%(n)s)"
    )

    frame = client.query_df(sql, parameters={"n": 3})

    assert list(frame["s"]) == ["0", "1", "2"]
    assert str(frame["t"][0]) == "2026-01-02 03:04:05.678000"
    assert client.query("SELECT {n:UInt8}", parameters={"n": 7}).result_rows == [(7,)]
    assert client.command("SELECT 1") == 1


def test_clickhouse_connect_cannot_write(client):
    with pytest.raises(DatabaseError, match="READONLY"):
        client.command("CREATE TABLE t (a Int8) ENGINE = Memory")
    with pytest.raises(DatabaseError, match="READONLY"):
        client.insert("erasure", [["x"]], column_names=["user_digest"])


def test_reading_goes_on_while_rows_come_in(clickhouse, client):
    failures = []

    def read():
        try:
            for _ in range(10):
                client.query("SELECT count() FROM erasure FINAL")
        except DatabaseError as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(10):
        clickhouse.insert("erasure", [[str(number)]], column_names=["user_digest"])
    reader.join()

    assert not failures
    assert client.query("SELECT count() FROM erasure FINAL").result_rows == [(10,)]
