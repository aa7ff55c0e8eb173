"""ads.preference.v1, ads.creative-request.v1 -> ads.creative-request.v1."""

from streams.app import StageApp
from streams.core.requests import Requests
from streams.settings import Settings


def build(settings: Settings) -> StageApp:
    """Return the app that asks for creatives."""
    stage = Requests(settings.requests, expiry_s=settings.creatives.expiry_s)
    return StageApp(stage, settings)
