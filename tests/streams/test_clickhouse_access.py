"""ClickHouse over TLS, and with no right that is not needed."""

import os
import re
import ssl
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from streams.clickhouse.client import connect_to_read
from streams.clickhouse.http import ClickHouseHttpServer
from streams.clickhouse.reader import ReadOnlyClickHouse, Reply
from streams.errors import AdloomError, ConfigurationError
from tests.streams.certificates import make_certificates

USERS = Path(__file__).parents[2] / "deploy" / "clickhouse" / "users"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


class Guarded(ReadOnlyClickHouse):
    """Refuses like a server whose user may not read."""

    refused = ""

    def answer(self, sql: str, parameters: dict[str, str]) -> Reply:
        if self.refused:
            return self.refusal(int(self.refused[:3]), self.refused[4:])
        return super().answer(sql, parameters)


@pytest.fixture
def guarded(clickhouse, clickhouse_folder):
    assert clickhouse.database == "adloom"
    return Guarded(clickhouse_folder)


@pytest.fixture(params=[False, True], ids=["tls", "mutual"])
def is_mutual(request):
    return request.param


@pytest.fixture
def url(guarded, certificates, is_mutual):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    if is_mutual:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(certificates / "ca.pem")
    server = ClickHouseHttpServer(guarded)
    inner = server._server
    inner.socket = context.wrap_socket(inner.socket, server_side=True)
    with server:
        yield server.url.replace("http:", "https:")


@pytest.fixture
def trusting(monkeypatch, certificates, is_mutual):
    monkeypatch.setenv("CLICKHOUSE_CA_FILE", str(certificates / "ca.pem"))
    if is_mutual:
        monkeypatch.setenv("CLICKHOUSE_CERT_FILE", str(certificates / "client.pem"))
        monkeypatch.setenv("CLICKHOUSE_KEY_FILE", str(certificates / "client.key"))


@pytest.mark.usefixtures("trusting")
def test_a_server_is_read_over_tls(url):
    client = connect_to_read(url)

    assert client.query("SELECT count() FROM behavior").result_rows == [(0,)]
    client.close()


@pytest.mark.parametrize("authority", ["", "stranger.pem"])
@pytest.mark.usefixtures("trusting")
def test_a_certificate_of_a_stranger_is_one_sentence(
    url, authority, certificates, monkeypatch
):
    monkeypatch.delenv("CLICKHOUSE_CA_FILE")
    if authority:
        monkeypatch.setenv("CLICKHOUSE_CA_FILE", str(certificates / authority))

    with pytest.raises(ConfigurationError, match="not trusted: set CLICKHOUSE_CA"):
        connect_to_read(url)


@pytest.mark.parametrize("is_mutual", [True], indirect=True)
def test_a_server_that_wants_a_certificate_says_so(url, certificates, monkeypatch):
    monkeypatch.setenv("CLICKHOUSE_CA_FILE", str(certificates / "ca.pem"))

    # What the driver sees depends on whose bytes come first.
    with pytest.raises(AdloomError, match="set CLICKHOUSE_CERT_FILE"):
        connect_to_read(url)


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [
        ("516 adloom: Authentication failed: password is incorrect", "correct CLICKH"),
        (
            "497 Not enough privileges: necessary to have the grant SELECT(a) ON a.b",
            r"grant it SELECT\(a\) ON a.b, as",
        ),
    ],
)
@pytest.mark.usefixtures("trusting")
def test_a_user_who_is_refused_is_told_why(url, guarded, refused, sentence):
    guarded.refused = refused

    with pytest.raises(ConfigurationError, match=sentence):
        connect_to_read(url)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"CLICKHOUSE_PASWORD": "x"}, "nearest: CLICKHOUSE_PASSWORD"),
        ({"CLICKHOUSE_CA": "x"}, "nearest: CLICKHOUSE_CA_FILE"),
        ({"CLICKHOUSE_CA_FILE": __file__}, "expected https"),
        ({"CLICKHOUSE_PASSWORD_FILE": "none"}, "cannot read none"),
        (
            {"CLICKHOUSE_PASSWORD_FILE": __file__, "CLICKHOUSE_PASSWORD": "x"},
            "both set",
        ),
        ({"CLICKHOUSE_USER": "someone"}, "both name a user"),
    ],
)
def test_variables_that_do_not_fit_are_refused(variables, sentence, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=sentence):
        connect_to_read("http://me@127.0.0.1:1")


@pytest.mark.parametrize("name", ["CA", "CERT", "KEY"])
def test_a_missing_file_is_named(name, monkeypatch):
    monkeypatch.setenv(f"CLICKHOUSE_{name}_FILE", "none.pem")

    with pytest.raises(ConfigurationError, match=f"CLICKHOUSE_{name}_FILE.*none.pem"):
        connect_to_read("https://127.0.0.1:1")


def granted(file: str) -> list[str]:
    """Return the rights that a file grants on `adloom`, one each."""
    sql = (USERS / file).read_text()
    rights = re.findall(r"^GRANT (.+) ON adloom\.\* TO", sql, re.MULTILINE)
    return [right for several in rights for right in several.split(", ")]


WORK = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from streams.clickhouse import client as clickhouse
    from streams.errors import AdloomError
    from streams.sink.store import Store
    from streams.sink.erasures import Erasure
    from datetime import datetime, timezone
    users = sys.argv[2]
    clickhouse.engine_options = lambda: {"config-file": users, "users_config": users}
    try:
        client = clickhouse.connect(None, Path(sys.argv[1]))
        clickhouse.migrate(client)
        assert clickhouse.migrate(client) == []
        store = Store(client, give_up_s=0)
        with clickhouse.explained():
            client.command(
                "INSERT INTO profile (user_id) VALUES ('a'), ('b')"
            )
        store.erase(["a"])
        store.remember([Erasure("digest", None)])
        with clickhouse.explained():
            assert client.command("SELECT count() FROM profile") == 1
            client.query("SELECT * FROM effect_by_arm")
        print("done", len(store.erasures()))
    except AdloomError as error:
        print(type(error).__name__, error)
    """
)


def work(folder: Path, rights: list[str]) -> str:
    """Return what the sink's work says with these rights alone, in its own engine."""
    users = folder / "users.xml"
    ours = Path(connect_to_read.__code__.co_filename).with_name("engine.xml")
    text = re.sub(
        r"<grants>\s*<query>GRANT SELECT, SHOW.*?</grants>",
        f"<grants><query>GRANT {', '.join(rights)} ON adloom.*</query></grants>",
        ours.read_text(),
        flags=re.DOTALL,
    )
    users.write_text(text)
    shown = subprocess.run(
        [sys.executable, "-c", WORK, folder / "engine", users],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    return shown.stdout + shown.stderr[-2_000:]


def test_the_writers_grants_are_enough(tmp_path):
    assert work(tmp_path, granted("writer.sql")) == "done 1\n"


@pytest.mark.parametrize("right", granted("writer.sql"))
def test_each_of_the_writers_grants_is_needed(tmp_path, right):
    others = [other for other in granted("writer.sql") if other != right]

    assert work(tmp_path, others).startswith("ConfigurationError the ClickHouse user")
