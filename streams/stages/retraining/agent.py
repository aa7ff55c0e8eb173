"""ads.feedback.v1, ads.model-release.v1 -> ads.finetune-job.v1."""

from streams.engine.app import StageApp, wire_of
from streams.kafka.topics import FEEDBACK
from streams.settings import Settings
from streams.stages.retraining.stage import Retraining


def build(settings: Settings) -> StageApp:
    """Return the app that triggers fine-tune jobs (one replica)."""
    topic = wire_of(settings).name(FEEDBACK)
    stage = Retraining(settings.retraining, settings.model.name, topic)
    return StageApp(stage, settings)
