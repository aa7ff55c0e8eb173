"""ads.behavior.v1, ads.creative.v1 -> ads.feedback.v1."""

from streams.app import StageApp
from streams.core.attribution.join import Attribution
from streams.settings import Settings


def build(settings: Settings) -> StageApp:
    """Return the app that joins impressions with what came of them."""
    return StageApp(Attribution(settings.attribution), settings)
