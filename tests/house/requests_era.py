"""One life of the requests stage, in a process of its own.

python -m tests.house.requests_era write FOLDER WAY   preferences -> changelog
python -m tests.house.requests_era read FOLDER WAY    that changelog -> people
"""

import json
import sys
from base64 import b64decode, b64encode
from pathlib import Path

import numpy as np

from schemas.records import CreativeRequest, Preference
from schemas.vocabulary import deployed
from streams import settings
from streams.engine.stage import Incoming, StateRow
from streams.settings import RequestsSettings
from streams.stages.requests.stage import Requests
from tests.good_records import good

NOW = 1_790_000_000_000


def stage_of(way):
    return Requests(RequestsSettings(), use_compiled=way == "auto")


def write(folder, way):
    stage = stage_of(way)
    for user in range(3):
        weights = np.zeros((1, len(deployed().categories)), np.float32)
        weights[0, deployed().column("coffee")] = 9.0
        weights[0, deployed().column("tea")] = 3.0
        name = f"u{user}"
        liked = good(
            Preference,
            user_id=name,
            as_of=NOW,
            half_lives_s=(3_600,),
            weights=weights.tobytes(),
            n_unclicked=0,
            language="en",
        )
        asked = CreativeRequest(
            request_id=f"asked-{user}",
            user_id=name,
            reason="explicit",
            placement="video-end",
            surface="video",
            language="en",
            requested_at=NOW + 1,
            deadline_at=NOW + 1_000,
        )
        stage.step([Incoming(Preference, name, liked, 0, user)], NOW)
        stage.step([Incoming(CreativeRequest, name, asked, 0, user)], NOW + 2)
    rows = [(row.key, b64encode(row.value).decode()) for row in stage.take_dirty()]
    (folder / "rows.json").write_text(json.dumps(rows))
    return told(stage)


def read(folder, way):
    stage = stage_of(way)
    rows = json.loads((folder / "rows.json").read_text())
    stage.restore(StateRow(0, key, b64decode(row)) for key, row in rows)
    return told(stage)


def told(stage):
    """What is remembered of each person, by names."""
    found = {}
    for user in ("u0", "u1", "u2"):
        person = stage._table(0).load(user)
        places = person.places.items()
        found[user] = {
            "vector": named(person.vector),
            "has_history": person.has_history,
            "places": {name: named(place.snapshot) for name, place in places},
        }
    return found


def named(vector):
    if vector is None:
        return None
    names = deployed().categories
    return {names[i]: float(vector[i]) for i in np.flatnonzero(vector)}


if __name__ == "__main__":
    settings.load()
    _, what, where, way = sys.argv
    sys.stdout.write(json.dumps({"write": write, "read": read}[what](Path(where), way)))
