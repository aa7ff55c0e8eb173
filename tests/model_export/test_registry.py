"""The model registry: immutable versions, digests, promotions, kills."""

import hashlib
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from model_export.store.registry import MANIFEST, Registry, RegistryError

FILES = {"generator.onnx": b"one", "critic.onnx": b"two"}
N_WRITES = len(FILES) + 2  # and the card, and the manifest

KILLED_AT = """
import os, signal, sys
import obstore
from model_export.store.registry import Registry
store, doomed = sys.argv[1], int(sys.argv[2])
put, n = obstore.put, 0
def dying_put(*arguments, **options):
    global n
    if n == doomed:
        os.kill(os.getpid(), signal.SIGKILL)
    n += 1
    return put(*arguments, **options)
obstore.put = dying_put
Registry(store).add("m", {"generator.onnx": b"one", "critic.onnx": b"two"}, {})
"""


@pytest.fixture
def registry(tmp_path):
    return Registry(str(tmp_path))


def test_a_version_reads_back_as_added(registry):
    added = registry.add("m", FILES, {"seed": 3})
    files = registry.read("m", added.version, added.sha256)
    assert {name: files[name] for name in FILES} == FILES
    card = json.loads(files["card.json"])
    assert (card["name"], card["version"], card["seed"]) == ("m", 1, 3)
    assert card["files"]["generator.onnx"] == hashlib.sha256(b"one").hexdigest()
    assert registry.find("m", 1) == added
    assert registry.versions("m") == [1]


def test_the_manifest_is_checkable_by_sha256sum(registry, tmp_path):
    registry.add("m", FILES, {})
    subprocess.run(
        ["sha256sum", "--check", "--strict", MANIFEST], cwd=tmp_path / "m/1", check=True
    )


def test_an_empty_store_has_nothing(registry):
    assert registry.versions("m") == []
    assert registry.champion("m") is None
    assert registry.log("m") == []
    with pytest.raises(RegistryError, match="not in the model store"):
        registry.read("m", 1)


@pytest.mark.parametrize("doomed", range(N_WRITES))
def test_a_kill_before_any_write_leaves_a_whole_version_or_none(tmp_path, doomed):
    died = subprocess.run(
        [sys.executable, "-c", KILLED_AT, str(tmp_path), str(doomed)], check=False
    )
    assert died.returncode == -signal.SIGKILL
    registry = Registry(str(tmp_path))
    assert registry.versions("m") == []
    added = registry.add("m", FILES, {})
    assert registry.versions("m") == [added.version]
    assert registry.read("m", added.version, added.sha256)


@pytest.mark.parametrize("file", [*FILES, "card.json", MANIFEST])
def test_a_changed_byte_is_refused(registry, tmp_path, file):
    added = registry.add("m", FILES, {})
    path = tmp_path / "m" / "1" / file
    path.write_bytes(path.read_bytes().replace(b"e", b"f", 1) + b" ")
    with pytest.raises(RegistryError):
        registry.read("m", 1, added.sha256)


def test_a_missing_file_is_refused(registry, tmp_path):
    registry.add("m", FILES, {})
    (tmp_path / "m" / "1" / "critic.onnx").unlink()
    with pytest.raises(RegistryError, match=r"critic\.onnx"):
        registry.read("m", 1)


@pytest.mark.parametrize("line", ["../../secret", "/etc/passwd", "a/b", ".."])
def test_a_manifest_cannot_point_outside_its_version(registry, tmp_path, line):
    registry.add("m", FILES, {})
    (tmp_path / "m" / "1" / MANIFEST).write_text(f"{'0' * 64}  {line}\n")
    with pytest.raises(RegistryError, match="bad manifest line"):
        registry.read("m", 1)


@pytest.mark.parametrize("name", ["", "..", "../m", "M", "a/b", "a" * 65, "-a", "a\n"])
def test_a_name_cannot_leave_the_store(registry, name):
    for ask in (registry.versions, registry.log, registry.champion):
        with pytest.raises(RegistryError, match="expected a model name"):
            ask(name)
    with pytest.raises(RegistryError):
        registry.add(name, FILES, {})


@pytest.mark.parametrize("file", ["../x", "a/b", MANIFEST, "card.json", ""])
def test_a_file_name_cannot_leave_its_version(registry, file):
    with pytest.raises(RegistryError):
        registry.add("m", {file: b""}, {})


def test_writers_at_once_get_different_numbers(registry):
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda _: registry.add("m", FILES, {}), range(8)))
    assert sorted(one.version for one in added) == list(range(1, 9))
    assert registry.versions("m") == list(range(1, 9))


def test_promotions_and_rollbacks_are_a_stack_in_an_append_only_log(registry):
    for number in (1, 2, 3):
        registry.add("m", FILES, {"n": number})
        registry.promote("m", number, at=number, reason="gates passed")
    assert registry.champion("m") == registry.find("m", 3)
    registry.rollback("m", at=4, reason="worse")
    registry.rollback("m", at=5, reason="worse")
    assert registry.champion("m") == registry.find("m", 1)
    with pytest.raises(RegistryError, match="no champion before"):
        registry.rollback("m", at=6, reason="worse")
    log = registry.log("m")
    assert [(one.action, one.version) for one in log] == [
        ("promote", 1),
        ("promote", 2),
        ("promote", 3),
        ("rollback", 2),
        ("rollback", 1),
    ]
    assert [one.number for one in log] == [1, 2, 3, 4, 5]


def test_promotions_at_once_all_get_into_the_log(registry):
    registry.add("m", FILES, {})
    with ThreadPoolExecutor(8) as pool:
        entries = pool.map(
            lambda at: registry.promote("m", 1, at=at, reason=""), range(8)
        )
        assert sorted(one.number for one in entries) == list(range(1, 9))


def test_a_refused_or_absent_version_is_not_promoted(registry):
    registry.add("m", FILES, {"passed": False})
    for number in (1, 2):
        with pytest.raises(RegistryError):
            registry.promote("m", number, at=0, reason="")
    assert registry.champion("m") is None


def test_a_broken_log_entry_is_not_taken_for_a_champion(registry, tmp_path):
    registry.add("m", FILES, {})
    registry.promote("m", 1, at=0, reason="")
    next((tmp_path / "m" / "log").iterdir()).write_text('{"version": 9}')
    with pytest.raises(RegistryError, match="not a log entry"):
        registry.champion("m")


def test_an_address_that_means_nothing_is_refused():
    with pytest.raises(RegistryError, match="cannot open"):
        Registry("nonsense://x")
