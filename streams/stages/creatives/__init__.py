"""Requests -> creatives."""

from schemas.records import Creative, CreativeRequest, Preference
from streams.engine.declaration import Declaration, State

STAGE = Declaration(
    name="creatives",
    help="Answer requests with creatives of the model in use.",
    keeps="latest preferences; read back from `ads.preference.v1`",
    sources=(CreativeRequest, Preference),
    outputs=(Creative,),
    state=State.NONE,
    rewound=(Preference,),
    module="model_follower",
)
