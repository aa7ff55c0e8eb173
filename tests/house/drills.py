"""What a process makes of an entry that only its vocabulary file has: JSON.

python -m tests.house.drills CATEGORY SURFACE
"""

import json
import sys

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Creative, CreativeRequest, Design
from schemas.vocabulary import deployed
from streams import settings
from streams.ad_server.fallback import Fallbacks
from streams.rendering.renderer import Renderer
from streams.stages.texts.categories import matched_categories
from streams.stages.texts.tokens import tokens
from tests.good_records import good
from tests.house import era

CREATIVES = Codec(Creative, LockedIds())
DESIGN = Design(
    categorical={
        "layout": "card",
        "palette": "slate",
        "hero": "product",
        "appeal": "trust",
        "tone": "plain",
        "cta": "discover",
        "badge": "none",
        "typography": "sans",
    },
    continuous={"font_scale": 1.0, "contrast": 0.6, "density": 0.5},
)


def assets(category, surface):
    renderer = Renderer()
    copy = renderer.copy(DESIGN, category, "en")
    found = renderer.assets(surface, DESIGN, copy, category, "en", "c1")
    return copy.body, [one.name for one in found]


def encoded(surface):
    """The surface that comes back from the wire, as an event and as a request."""
    event, request = good(Behavior), good(CreativeRequest)
    codecs = Codec(Behavior, LockedIds()), Codec(CreativeRequest, LockedIds())
    return [
        codec.decode(codec.encode(type(one)(**fields(one, surface)))).surface
        for codec, one in zip(codecs, (event, request), strict=True)
    ]


def fields(record, surface):
    return {n: getattr(record, n) for n in record.__slots__} | {"surface": surface}


if __name__ == "__main__":
    settings.load()
    chess, kiosk = sys.argv[1:]
    fallbacks, codec = Fallbacks(Renderer(), LockedIds(), 60_000), CREATIVES
    shown = {
        name: codec.decode(fallbacks.get(place, "en", era.NOW).message).surface
        for name, place in deployed().placements.items()
    }
    body, names = assets(chess, kiosk)
    told = {
        "matched": matched_categories(tokens("a chess board", "en"), "en"),
        "column": deployed().column(chess),
        "body": body,
        "assets": names,
        "encoded": encoded(kiosk),
        "shown": shown,
    }
    sys.stdout.write(json.dumps(told))
