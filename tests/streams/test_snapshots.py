"""Local snapshots: a shortcut that never changes what is restored."""

import json
from dataclasses import replace

import numpy as np
import pytest

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference
from schemas.vocabulary import deployed
from streams.columns.rows import EPOCH_MS, TICK_BITS
from streams.columns.rules import BURST_HALF_LIFE_MS
from streams.engine.early_snapshots import EarlySnapshots
from streams.engine.snapshots import Snapshots
from streams.engine.stage import Incoming
from streams.settings import PreferencesSettings
from streams.stages.preferences import snapshot
from streams.stages.preferences.stage import Preferences
from tests.streams.kernels import needs_kernels

START = 1_800_000_000_000
CODEC = Codec(Preference, LockedIds())


pytestmark = needs_kernels


@pytest.fixture
def new_stage():
    def make(half_lives_s=(3_600, 86_400)):
        settings = PreferencesSettings(half_lives_s=half_lives_s, duplicate_window=500)
        return Preferences(settings, deployed(), CODEC)

    return make


def events(first, n, n_users=50):
    for offset in range(first, first + n):
        user = f"user-{offset * 7 % n_users}"
        value = Behavior(
            event_id=f"e{offset}",
            user_id=user,
            kind="click" if offset % 3 else "impression",
            occurred_at=START + offset * 1000,
            category=deployed().categories[offset % 64],
            consent=True,
        )
        yield Incoming(Behavior, user, value, 0, offset)


def everything(stage):
    """What each person's record would say now."""
    for partition in stage._partitions.values():
        for number in range(partition.table.index.n_rows):
            partition.table.touch(number)
    return {row.key: row.value for row in stage.take_dirty()}


def written(stage, folder, positions, every_s=0.0, ends=None):
    """Write one whole snapshot, all parts at one checkpoint."""
    snapshots = Snapshots(stage, folder, "log", every_s)
    while (part := snapshots.take(ends or {0: 7})) is not None:
        snapshots.keep(part, positions)
        if snapshots.partition() is None:
            return snapshots
    raise AssertionError("no snapshot was due")


def kept(new_stage, folder, n=300):
    """Return a stage that has folded n events and written its snapshot."""
    stage = new_stage()
    stage.step(list(events(0, n)), START)
    stage.take_dirty()
    written(stage, folder, {"behavior": n})
    return stage


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_a_snapshot_brings_the_same_state_back(new_stage, tmp_path):
    first, second = kept(new_stage, tmp_path), new_stage()
    meta = Snapshots(second, tmp_path, "log", 1.0).load(0, {"behavior": 300})
    assert (meta.changelog_offset, meta.positions) == (7, {"behavior": 300})
    assert second.take_dirty() == []
    second.restored(0, {Behavior: 300})
    again = list(events(250, 100))  # 50 of them with ids that are known
    for stage in (first, second):
        stage.step(
            [Incoming(*([i.record, i.key, i.value, 0, i.offset + 300])) for i in again],
            START,
        )
    got, expected = everything(second), everything(first)
    assert got == expected


def test_slices_of_different_checkpoints_and_the_changelog_make_one_state(
    new_stage, tmp_path, monkeypatch
):
    monkeypatch.setattr(snapshot, "ROWS_PER_PART", 10)
    stage, second = new_stage(), new_stage()
    snapshots = Snapshots(stage, tmp_path, "log", 0.0)
    stage.step(list(events(0, 60)), START)
    changelog, offset = [], 60
    changelog += stage.take_dirty()
    start = len(changelog)
    while True:
        part = snapshots.take({0: start})
        snapshots.keep(part, {"behavior": offset})
        if snapshots.partition() is None:
            break
        stage.step(list(events(offset, 9, n_users=70)), START)
        offset += 9
        changelog += stage.take_dirty()
    meta = Snapshots(second, tmp_path, "log", 1.0).load(0, {"behavior": offset})
    second.restore(changelog[meta.changelog_offset :])
    got, expected = everything(second), everything(stage)
    assert got.keys() == expected.keys()
    for user, value in got.items():
        one, other = CODEC.decode(value), CODEC.decode(expected[user])
        assert (one.n_events, one.as_of) == (other.n_events, other.as_of)
        got_w, expected_w = (np.frombuffer(r.weights, "<f4") for r in (one, other))
        np.testing.assert_allclose(got_w, expected_w, rtol=1e-4, atol=1e-6)


def test_rows_of_an_older_release_are_taken_over(new_stage):
    """Their bursts were relative to the landmark: what was shown lately is the same."""
    stage, second = new_stage(), new_stage()
    stage.step(list(events(0, 300)), START)
    for part in stage.snapshot_parts(0):
        second.load_snapshot(0, memoryview(as_before(stage, part)))
    before, after = everything(stage), everything(second)
    assert before.keys() == after.keys()
    for user, value in before.items():
        old, new = CODEC.decode(value), CODEC.decode(after[user])
        shown = [np.frombuffer(one.bursts, "<f4") for one in (old, new)]
        assert shown[0].sum() > 0.5
        np.testing.assert_allclose(*shown, rtol=1e-5)
        same = {"bursts": b"", "behavior_offset": 0}
        assert replace(old, **same) == replace(new, **same)


def as_before(stage, part):
    """Return a part as it was written before 26 November 2026."""
    if part[:1] != b"r":
        return part
    dtype = stage._partitions[0].table.dtype
    content = bytearray(part)
    n = int.from_bytes(content[1:9], "little")
    rows = np.frombuffer(content, dtype, n, 9)
    age = rows["as_of"] - (EPOCH_MS + (rows["landmark"].astype(np.int64) << TICK_BITS))
    rows["bursts"] *= np.exp2(age / BURST_HALF_LIFE_MS)[:, None].astype("<f4")
    content[:1] = b"R"
    return bytes(content)


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "other magic"])
def test_a_torn_snapshot_is_left_out(new_stage, tmp_path, damage):
    kept(new_stage, tmp_path, 100)
    path = tmp_path / "0.snapshot"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[:-3]
    elif damage == "flip":
        content[len(content) // 2] ^= 1
    elif damage == "empty":
        content = bytearray()
    else:
        content[0] ^= 1
    path.write_bytes(content)
    second = new_stage()
    assert Snapshots(second, tmp_path, "log", 1.0).load(0, {"behavior": 100}) is None
    assert everything(second) == {}


def test_a_snapshot_of_other_topics_or_another_layout_is_left_out(new_stage, tmp_path):
    kept(new_stage, tmp_path, 100)

    def load(changelog="log", committed=100, half_lives_s=(3_600, 86_400)):
        fresh = new_stage(half_lives_s)
        snapshots = Snapshots(fresh, tmp_path, changelog, 1.0)
        return snapshots.load(0, {"behavior": committed})

    assert load() is not None
    assert load(changelog="another") is None
    assert load(committed=99) is None
    assert load(half_lives_s=(60,)) is None


def test_a_crash_while_writing_leaves_the_old_snapshot(new_stage, tmp_path):
    stage = kept(new_stage, tmp_path, 100)
    before = (tmp_path / "0.snapshot").read_bytes()
    snapshots = Snapshots(stage, tmp_path, "log", 0.0)
    part = snapshots.take({0: 9})
    snapshots.keep(part, {"behavior": 100})
    assert snapshots.partition() == 0  # not finished: and here the process dies
    snapshots._open.file.close()
    assert (tmp_path / "0.snapshot").read_bytes() == before
    meta = Snapshots(new_stage(), tmp_path, "log", 1.0).load(0, {"behavior": 100})
    assert meta.changelog_offset == 7
    assert json.loads(meta.layout)[1] == [3_600, 86_400]


def early_of(new_stage, folder):
    early = EarlySnapshots(new_stage(), folder)
    early._thread.join()
    return early


def test_a_snapshot_that_was_loaded_early_is_the_same(new_stage, tmp_path):
    first, second = kept(new_stage, tmp_path), new_stage()
    snapshots = Snapshots(second, tmp_path, "log", 1.0)
    snapshots.load_early(early_of(new_stage, tmp_path))
    (tmp_path / "0.snapshot").unlink()  # it is not read again
    meta = snapshots.load(0, {"behavior": 300})
    assert (meta.changelog_offset, meta.positions) == (7, {"behavior": 300})
    second.restored(0, {Behavior: 300})
    for stage in (first, second):
        stage.step(list(events(300, 100)), START)
    assert everything(second) == everything(first)
    assert snapshots.load(0, {"behavior": 300}) is None  # it is taken once


@pytest.mark.parametrize(
    ("changelog", "committed"), [("other", 300), ("log", 299), ("log", None)]
)
def test_what_was_loaded_early_is_judged_when_offsets_are_known(
    new_stage, tmp_path, changelog, committed
):
    kept(new_stage, tmp_path)
    second = new_stage()
    snapshots = Snapshots(second, tmp_path, changelog, 1.0)
    snapshots.load_early(early_of(new_stage, tmp_path))
    positions = {} if committed is None else {"behavior": committed}
    assert snapshots.load(0, positions) is None
    assert everything(second) == {}


def test_what_cannot_be_loaded_early_is_left_to_the_changelog(new_stage, tmp_path):
    kept(new_stage, tmp_path)
    flip_a_bit(tmp_path / "0.snapshot")
    (tmp_path / "1.snapshot").write_bytes(b"")
    (tmp_path / "x.snapshot").write_bytes(b"nothing")
    stage = new_stage()
    snapshots = Snapshots(stage, tmp_path, "log", 1.0)
    snapshots.load_early(early_of(new_stage, tmp_path))
    assert [snapshots.load(n, {"behavior": 300}) for n in (0, 1, 2)] == [None] * 3
    assert everything(stage) == {}


def test_partitions_of_other_workers_are_forgotten(new_stage, tmp_path):
    kept(new_stage, tmp_path)
    second = new_stage()
    snapshots = Snapshots(second, tmp_path, "log", 1.0)
    snapshots.load_early(early_of(new_stage, tmp_path))
    snapshots.load_early(None)
    (tmp_path / "0.snapshot").unlink()
    assert snapshots.load(0, {"behavior": 300}) is None
    assert everything(second) == {}
