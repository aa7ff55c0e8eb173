"""Made the files beside it at commit 7faf976: `python made_by.py FOLDER`, there."""

import json
import sys
from base64 import b64encode
from pathlib import Path

import numpy as np

from model_export import checkpoint, conditioning, design_space, taste
from model_export.checkpoint import Model
from model_export.knowledge import Knowledge, Lessons
from model_export.onnx_export import Served, export
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Creative, CreativeRequest, Preference
from schemas.taxonomy import taxonomy
from streams.batch.snapshot_file import SnapshotMeta, begin, write_meta, write_part
from streams.core.attribution.join import Attribution
from streams.core.preference.preferences import Preferences
from streams.core.request.requests import Requests
from streams.core.stage import Incoming
from streams.settings import (
    AttributionSettings,
    PreferencesSettings,
    RequestsSettings,
)
from tests.good_records import good

FOLDER = Path(sys.argv[1])
NOW = 1_790_000_000_000
LIKED = ("running", "coffee", "wine")
SPACE = """
name = "small"
[categorical]
flavour = ["a", "b", "c"]
[continuous]
x = [0, 1]
"""
CODEC = Codec(Preference, LockedIds())


def put(name, content):
    (FOLDER / name).write_bytes(content)


stage = Preferences(PreferencesSettings(kernels="python"), taxonomy(), CODEC)
events = [
    Behavior(
        event_id=f"e{i}",
        user_id=f"u{i % 2}",
        kind="click" if i % 3 else "impression",
        occurred_at=NOW + i,
        category=LIKED[i % 3],
        surface=("search", "social", "video", "device", None)[i % 5],
        consent=True,
    )
    for i in range(40)
]
stage.step([Incoming(Behavior, e.user_id, e, 0, i) for i, e in enumerate(events)], NOW)
(section,) = stage.take_sections()
put("preferences.records", bytes(section.records))
file = begin(FOLDER / "preferences.snapshot")
for part in stage.snapshot_parts(0):
    write_part(file, part)
write_meta(file, SnapshotMeta(stage.snapshot_layout(), "changelog", 0, {}))
file.close()

weights = np.zeros((2, 64), np.float32)
weights[:, taxonomy().column("coffee")] = 9.0
liked = good(Preference, user_id="u1", as_of=NOW, weights=weights.tobytes())
asked = CreativeRequest(
    request_id="asked",
    user_id="u1",
    reason="explicit",
    placement="video-end",
    surface="video",
    language="en",
    preferences=weights[0].tobytes(),
    requested_at=NOW,
    deadline_at=NOW + 1_000,
)
requests = Requests(RequestsSettings(), use_compiled=False)
requests.step([Incoming(Preference, "u1", liked, 0, 0)], NOW)
requests.step([Incoming(CreativeRequest, "u1", asked, 0, 1)], NOW)
put("requests.row", requests.take_dirty()[0].value)
put("request.message", Codec(CreativeRequest, LockedIds()).encode(asked))

join = Attribution(
    AttributionSettings(click_window_s=10, correction_window_s=100),
    LockedIds(),
    use_compiled=False,
)
shown = [
    Behavior(
        event_id=f"s{i}",
        impression_id=f"i{i}",
        user_id=f"u{i % 2}",
        kind="impression",
        occurred_at=NOW + i,
        creative_id=("c1", None, "fallback-1")[i % 3],
        placement="feed-card",
        surface=("search", "social", "video", "device", None)[i % 5],
        category="shoes",
        consent=True,
        user_agent="curl/8.5.0" if i == 5 else None,
    )
    for i in range(7)
]
reacted = [
    Behavior(
        event_id=f"r{i}",
        impression_id=f"i{i}",
        user_id=f"u{i % 2}",
        kind=("click", "conversion", "dismiss")[i % 3],
        occurred_at=NOW + 2_000,
        value=9.5 if i % 3 == 1 else None,
        consent=True,
    )
    for i in (1, 2, 6, 9)
]
known = good(
    Creative, creative_id="c1", user_id="u1", created_at=NOW, expires_at=NOW + 60_000
)
events = [*shown, *reacted]
join.step([Incoming(Behavior, e.user_id, e, 0, i) for i, e in enumerate(events)], NOW)
join.step([Incoming(Creative, "u1|feed-card", known, 0, 0)], NOW)
rows = {row.key: row.value.hex() for row in join.take_dirty()}
put("attribution.rows", (json.dumps(rows, indent=1) + "\n").encode())

rng = np.random.default_rng(3)
space = design_space.DesignSpace(SPACE)
who = taste.seeded(rng)
networks = checkpoint.build("gan", space, who.n_features, 0)
model = Model(
    "gan", space, 0, space.random(8, rng), networks, Knowledge.none(who, space)
)
people = conditioning.random_people(6, rng)
design = space.random(200, rng)
clicked = (rng.random(200) < 0.3).astype(np.float32)
lessons = Lessons(design, people[rng.integers(0, 6, 200)], clicked, np.ones(200, bool))
model = model.taught(lessons)
files = export(model)
del files["checkpoint.safetensors"]
for name, content in files.items():
    put(name, content)
served = Served(files)
person = served.person(people)
card = {"space_sha256": space.digest, "opset": 18, "name": "creative-gan", "version": 1}
put("card.json", json.dumps(card).encode())
creative = good(Creative, user_id="u1")
put("creative.message", Codec(Creative, LockedIds()).encode(creative))
told = {
    "conditions": [b64encode(conditioning.to_bytes(row)).decode() for row in people],
    "person": person.tolist(),
    "n_examples": model.knowledge.critic.n_examples,
}
put("told.json", json.dumps(told).encode())
