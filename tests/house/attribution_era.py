"""One life of the attribution stage, in a process of its own.

python -m tests.house.attribution_era write FOLDER WAY   impressions -> changelog
python -m tests.house.attribution_era read FOLDER WAY    that changelog -> feedback
"""

import json
import sys
from pathlib import Path

from schemas.records import Behavior
from streams import settings
from streams.engine.stage import Incoming, StateRow
from tests.streams.attribution_events import CLICK, IDS, DecodedRecords
from tests.streams.test_attribution import SETTINGS

NOW = 1_790_000_000_000
SEEN_ON = ("search", "video", "device", None)


def stage_of(way):
    return DecodedRecords(SETTINGS, IDS, use_compiled=way == "auto")


def write(folder, way):
    stage = stage_of(way)
    for number, surface in enumerate(SEEN_ON):
        shown = Behavior(
            event_id=f"e{number}",
            impression_id=f"i{number}",
            user_id="u0",
            kind="impression",
            occurred_at=NOW,
            surface=surface,
            consent=True,
        )
        stage.step([Incoming(Behavior, "u0", shown, 0, number)], NOW)
    rows = {row.key: row.value.hex() for row in stage.take_dirty()}
    (folder / "rows.json").write_text(json.dumps(rows))
    return told(stage)


def read(folder, way):
    stage = stage_of(way)
    rows = json.loads((folder / "rows.json").read_text())
    stage.restore(StateRow(0, key, bytes.fromhex(row)) for key, row in rows.items())
    return told(stage)


def told(stage):
    """Where each impression was, as its feedback says when the window closes."""
    values = (out.value for out in stage.tick(NOW + CLICK))
    return {value.impression_id: value.surface for value in values}


if __name__ == "__main__":
    settings.load()
    _, what, where, way = sys.argv
    sys.stdout.write(json.dumps({"write": write, "read": read}[what](Path(where), way)))
