import socket
import subprocess
import sys
import textwrap

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError, OperationalError

from streams.clickhouse.client import connect, explain
from streams.errors import ConfigurationError, StateError, UnavailableError


def test_a_missing_server_is_named(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        url = f"http://someone:secret@127.0.0.1:{port}"

        with pytest.raises(UnavailableError, match=f"127.0.0.1:{port}") as caught:
            connect(url, tmp_path)

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["clickhouse://host:9000", "host:8123", "http://"])
def test_an_address_of_another_kind_is_refused(url, tmp_path):
    with pytest.raises(ConfigurationError, match="CLICKHOUSE_URL: expected"):
        connect(url, tmp_path)


@pytest.mark.usefixtures("clickhouse")
def test_a_folder_has_one_owner(clickhouse_folder):
    other = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from streams.clickhouse.client import connect
        from streams.errors import UnavailableError
        try:
            connect(None, Path(sys.argv[1]))
        except UnavailableError as error:
            print(error)
        """
    )

    shown = subprocess.run(
        [sys.executable, "-c", other, clickhouse_folder],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "another process owns it" in shown.stdout, shown.stderr


@pytest.mark.usefixtures("clickhouse")
def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(UnavailableError, match="cannot make the ClickHouse folder"):
        connect(None, tmp_path / "file" / "clickhouse")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (DatabaseError("Cannot reserve", code=243), UnavailableError, "disk space"),
        (DatabaseError("write: No space left on device"), UnavailableError, "disk"),
        (DatabaseError("Too many parts", code=252), UnavailableError, "overloaded"),
        (OperationalError("Connection refused"), UnavailableError, "not answer"),
        (DatabaseError("no column x", code=47), StateError, "refused"),
    ],
)
def test_an_error_says_whether_waiting_helps(error, kind, words):
    explained = explain(error)

    assert type(explained) is kind
    assert words in str(explained)


@pytest.mark.usefixtures("clickhouse")
def test_clients_of_one_folder_share_its_data(clickhouse_folder):
    other = connect(None, clickhouse_folder)
    try:
        assert other.query("SELECT count() FROM behavior").result_rows == [(0,)]
    finally:
        other.close()
