"""ads.model-release.v1, ads.creative.v1, ads.feedback.v1 -> ads.model-release.v1."""

from streams.app import StageApp
from streams.core.rollout.rollout import Rollout
from streams.settings import Settings


def build(settings: Settings) -> StageApp:
    """Return the app that moves releases from shadow to champion (one replica)."""
    return StageApp(Rollout(settings.rollout), settings)
