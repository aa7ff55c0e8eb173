"""ads.text.v1 -> ads.text-signal.v1."""

from streams.engine.app import StageApp
from streams.settings import Settings
from streams.stages.texts.stage import Texts


def build(settings: Settings) -> StageApp:
    """Return the app that reads texts."""
    return StageApp(Texts(), settings)
