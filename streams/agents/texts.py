"""ads.text.v1 -> ads.text-signal.v1."""

from streams.app import StageApp
from streams.core.text.texts import Texts
from streams.settings import Settings


def build(settings: Settings) -> StageApp:
    """Return the app that reads texts."""
    return StageApp(Texts(), settings)
