"""Preferences -> creative requests."""

from schemas.records import Creative, CreativeRequest, Feedback, Preference
from streams.engine.declaration import Declaration, State

STAGE = Declaration(
    name="requests",
    help="Ask for a creative when a person needs a new one.",
    keeps="what was asked for whom; its changelog",
    sources=(Preference, CreativeRequest, Feedback),
    outputs=(CreativeRequest, Creative),
    state=State.CHANGELOG,
)
