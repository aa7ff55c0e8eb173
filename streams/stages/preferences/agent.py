"""ads.behavior.v1, ads.profile.v1, ads.text-signal.v1 -> ads.preference.v1."""

from schemas.records import Preference
from schemas.vocabulary import deployed
from streams.engine.app import StageApp, wire_of
from streams.kafka.topics import PREFERENCE
from streams.settings import Settings
from streams.stages.preferences.stage import Preferences


def build(settings: Settings) -> StageApp:
    """Return the app that keeps rolling preferences; its changelog is its output."""
    wire = wire_of(settings)
    stage = Preferences(settings.preferences, deployed(), wire.codec(Preference))
    return StageApp(
        stage,
        settings,
        changelog=wire.name(PREFERENCE),
        checkpoint_s=settings.preferences.flush_ms / 1000,
        snapshot_s=settings.preferences.snapshot_s,
    )
