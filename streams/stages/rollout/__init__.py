"""Releases and feedback -> promotion or rollback."""

from schemas.records import Creative, Feedback, ModelRelease
from streams.engine.declaration import Declaration, State

STAGE = Declaration(
    name="rollout",
    help="Move releases from shadow to canary to champion, or back.",
    keeps="the canary's counts; its changelog",
    sources=(ModelRelease, Creative, Feedback),
    outputs=(ModelRelease,),
    state=State.CHANGELOG,
    n_replicas=1,
)
