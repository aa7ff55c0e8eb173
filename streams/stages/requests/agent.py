"""ads.preference.v1, ads.creative-request.v1 -> ads.creative-request.v1."""

from schemas.records import CreativeRequest
from streams.engine.app import StageApp, wire_of
from streams.settings import Settings
from streams.stages.requests.stage import Requests


def build(settings: Settings) -> StageApp:
    """Return the app that asks for creatives."""
    stage = Requests(
        settings.requests,
        expiry_s=settings.creatives.expiry_s,
        frame=wire_of(settings).codec(CreativeRequest).frame,
    )
    return StageApp(stage, settings)
