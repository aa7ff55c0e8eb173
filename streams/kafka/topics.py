"""Every topic: its record, its key, its partitions and how long it keeps what."""

from dataclasses import dataclass

from schemas.records import (
    Behavior,
    Creative,
    CreativeRequest,
    Feedback,
    FineTuneJob,
    ModelRelease,
    PosteriorUpdate,
    Preference,
    Profile,
    Record,
    Text,
    TextSignal,
)


@dataclass(frozen=True)
class Topic:
    """One topic of the contract."""

    name: str
    record: type[Record]
    key: str
    produced_by: str
    checked_by: str
    """Who sends bad records to the dead letters: one reader, so that each has one."""
    compacted: bool = False
    single_partition: bool = False
    """True where order over the whole topic matters more than volume."""


BEHAVIOR = Topic("ads.behavior.v1", Behavior, "user id", "users", "preferences")
PROFILE = Topic(
    "ads.profile.v1", Profile, "user id", "users", "preferences", compacted=True
)
TEXT = Topic("ads.text.v1", Text, "user id", "users", "texts")
TEXT_SIGNAL = Topic("ads.text-signal.v1", TextSignal, "user id", "texts", "preferences")
PREFERENCE = Topic(
    "ads.preference.v1",
    Preference,
    "user id",
    "preferences",
    "requests",
    compacted=True,
)
CREATIVE_REQUEST = Topic(
    "ads.creative-request.v1",
    CreativeRequest,
    "user id",
    "requests, users",
    "creatives",
)
CREATIVE = Topic(
    "ads.creative.v1",
    Creative,
    "user id | placement",
    "creatives, requests",
    "attribution",
    compacted=True,
)
FEEDBACK = Topic("ads.feedback.v1", Feedback, "user id", "attribution", "retraining")
FINETUNE_JOB = Topic(
    "ads.finetune-job.v1",
    FineTuneJob,
    "model name",
    "retraining",
    "sink",
    single_partition=True,
)
MODEL_RELEASE = Topic(
    "ads.model-release.v1",
    ModelRelease,
    "model name",
    "trainer, rollout",
    "sink",
    compacted=True,
    single_partition=True,
)
POSTERIOR = Topic(
    "ads.posterior.v1",
    PosteriorUpdate,
    "model name/version",
    "learner",
    "sink",
    compacted=True,
    single_partition=True,
)

TOPICS: tuple[Topic, ...] = (
    BEHAVIOR,
    PROFILE,
    TEXT,
    TEXT_SIGNAL,
    PREFERENCE,
    CREATIVE_REQUEST,
    CREATIVE,
    FEEDBACK,
    FINETUNE_JOB,
    MODEL_RELEASE,
    POSTERIOR,
)
