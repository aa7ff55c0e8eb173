"""A creative for the tests of delivery and the ad server."""

from schemas.records import Creative, Design
from schemas.vocabulary import deployed
from streams.rendering.renderer import Renderer
from tests.good_records import good_receipt

PERSONAL = b"\0\0\x80?" * 64 + bytes(28)
CONTEXTUAL = bytes(284)


def a_creative(user_id="u_1", placement="feed-card", **changes):
    surface = deployed().placements[placement].surface
    renderer = Renderer()
    design = Design(categorical={"palette": "ocean"}, continuous={"contrast": 0.5})
    language = changes.get("language", "en")
    copy = renderer.copy(design, "yoga", language)
    creative_id = changes.get("creative_id", "c1")
    assets = renderer.assets(surface, design, copy, "yoga", language, creative_id)
    fields = {
        "creative_id": creative_id,
        "request_id": "r1",
        "user_id": user_id,
        "placement": placement,
        "surface": surface,
        "language": language,
        "category": "yoga",
        "created_at": 1_000,
        "expires_at": 10_000,
        "design": design,
        "copy": copy,
        "assets": assets,
        "receipt": a_receipt(changes.pop("condition", PERSONAL)),
    }
    return Creative(**{**fields, **changes})


def a_receipt(condition):
    return good_receipt(
        arm="champion",
        model_name="creative-gan",
        model_version=3,
        condition=condition,
        explanation="Chosen because of <yoga>.",
    )
