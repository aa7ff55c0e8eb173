"""One life of a worker, in a process of its own: its vocabulary comes from outside.

python -m tests.house.era write FOLDER KERNELS   events -> changelog and snapshot
python -m tests.house.era changelog FOLDER KERNELS   that changelog -> weights, JSON
python -m tests.house.era snapshot FOLDER KERNELS    that snapshot -> weights, JSON
"""

import json
import sys
from pathlib import Path

import numpy as np

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference, Profile
from schemas.vocabulary import deployed
from streams import settings
from streams.engine.checkpoints import sections_of
from streams.engine.snapshot_file import (
    SnapshotMeta,
    begin,
    read_into,
    write_meta,
    write_part,
)
from streams.engine.stage import Incoming, Section, SnapshottedStage, rows_of
from streams.settings import PreferencesSettings
from streams.stages.preferences.stage import preferences

NOW = 1_790_000_000_000
LIKED = ("running", "coffee", "wine")
CODEC = Codec(Preference, LockedIds())


def stage_of(kernels):
    return preferences(PreferencesSettings(kernels=kernels), deployed(), CODEC)


def happened():
    """Clicks on three categories, and two impressions on each surface."""
    for number in range(60):
        yield Behavior(
            event_id=f"e{number}",
            user_id=f"u{number % 4}",
            kind="click" if number % 2 else "view",
            occurred_at=NOW + number,
            category=LIKED[number % 3],
            consent=True,
        )
    for number in range(16):
        yield Behavior(
            event_id=f"s{number}",
            user_id=f"u{number % 4}",
            kind="impression",
            occurred_at=NOW + 100 + number,
            surface=deployed().surfaces[number // 4],
            consent=True,
        )


def write(folder, kernels):
    stage = stage_of(kernels)
    profile = Profile(
        user_id="u0", updated_at=NOW, interests=("tea",), consent=True, region="CN"
    )
    given = [*happened(), profile]
    stage.step(
        [Incoming(type(one), one.user_id, one, 0, i) for i, one in enumerate(given)],
        NOW,
    )
    sections = sections_of(stage.take_dirty())
    for number, section in enumerate(sections):
        (folder / f"changelog-{number}.records").write_bytes(bytes(section.records))
    counts = [section.n_records for section in sections]
    (folder / "changelog.json").write_text(json.dumps(counts))
    if isinstance(stage, SnapshottedStage):
        write_snapshot(stage, folder)


def write_snapshot(stage, folder):
    file = begin(folder / "0.snapshot")
    for part in stage.snapshot_parts(0):
        write_part(file, part)
    write_meta(file, SnapshotMeta(stage.snapshot_layout(), "t", 0, {}))
    file.close()


def from_changelog(folder, kernels):
    stage = stage_of(kernels)
    counts = json.loads((folder / "changelog.json").read_text())
    for number, n in enumerate(counts):
        content = (folder / f"changelog-{number}.records").read_bytes()
        stage.restore(rows_of([Section(0, content, n)]))
    return stage


def from_snapshot(folder, kernels):
    stage = stage_of(kernels)
    read_into(stage, 0, folder / "0.snapshot")
    return stage


def touch(stage, n_users=2):
    """Have a checkpoint write everybody: a view of nothing in particular each."""
    for user in range(n_users):
        one = Behavior(
            event_id=f"again{user}",
            user_id=f"u{user}",
            kind="view",
            occurred_at=NOW + 200,
            consent=True,
        )
        stage.step([Incoming(Behavior, one.user_id, one, 0, 10_000 + user)], NOW)


def told(stage):
    """What is known of each person, by names: of weights and exposures not zero."""
    touch(stage, 4)
    found = {}
    for row in stage.take_dirty():
        record = CODEC.decode(row.value)
        weights = np.frombuffer(record.weights, "<f4").reshape(3, -1)
        names = (*deployed().surfaces, "other")
        exposures = np.frombuffer(record.exposures, "<f4").tolist()
        found[row.key] = {
            "vocabulary": record.vocabulary,
            "n_events": record.n_events,
            "weights": {
                name: weights[:, column].tolist()
                for column, name in enumerate(deployed().categories)
                if weights[:, column].any()
            },
            "exposures": {
                n: round(one, 4) for n, one in zip(names, exposures, strict=True) if one
            },
        }
    return found


if __name__ == "__main__":
    settings.load()
    _, what, where, way = sys.argv
    if what == "write":
        write(Path(where), way)
    else:
        read = from_changelog if what == "changelog" else from_snapshot
        sys.stdout.write(json.dumps(told(read(Path(where), way))))
