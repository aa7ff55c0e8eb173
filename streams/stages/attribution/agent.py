"""ads.behavior.v1, ads.creative.v1 -> ads.feedback.v1."""

from schemas.records import Feedback
from streams.engine.app import StageApp, wire_of
from streams.settings import Settings
from streams.stages.attribution.stage import Attribution


def build(settings: Settings) -> StageApp:
    """Return the app that joins impressions with what came of them."""
    ids = wire_of(settings).codec(Feedback).ids
    return StageApp(Attribution(settings.attribution, ids), settings)
