"""ads.model-release.v1, ads.creative.v1, ads.feedback.v1 -> ads.model-release.v1."""

from streams.engine.app import StageApp
from streams.settings import Settings
from streams.stages.rollout.stage import Rollout


def build(settings: Settings) -> StageApp:
    """Return the app that moves releases from shadow to champion (one replica)."""
    return StageApp(Rollout(settings.rollout), settings)
