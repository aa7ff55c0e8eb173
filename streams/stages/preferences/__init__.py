"""Behaviour -> rolling preference tables."""

from schemas.records import Behavior, Preference, Profile, TextSignal
from streams.engine.declaration import Declaration

STAGE = Declaration(
    name="preferences",
    help="Keep rolling preferences of each person.",
    keeps="weights per person; `ads.preference.v1` is the changelog",
    sources=(Behavior, Profile, TextSignal),
    outputs=(Preference,),
    state=Preference,
    checkpoint_s=lambda settings: settings.preferences.flush_ms / 1000,
    snapshot_s=lambda settings: settings.preferences.snapshot_s,
)
