"""Feedback -> fine-tune jobs."""

from schemas.records import Feedback, FineTuneJob, ModelRelease
from streams.engine.declaration import Declaration, State

STAGE = Declaration(
    name="retraining",
    help="Trigger fine-tune jobs by count, age or drift.",
    keeps="offsets not yet learnt from; its changelog",
    sources=(Feedback, ModelRelease),
    outputs=(FineTuneJob,),
    state=State.CHANGELOG,
    n_replicas=1,
)
