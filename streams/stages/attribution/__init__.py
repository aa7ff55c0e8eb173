"""Impressions and reactions -> feedback."""

from schemas.records import Behavior, Creative, Feedback
from streams.engine.declaration import Declaration, State

STAGE = Declaration(
    name="attribution",
    help="Join impressions with the reactions to them.",
    keeps="open impressions; its changelog",
    sources=(Behavior, Creative),
    outputs=(Feedback,),
    state=State.CHANGELOG,
)
