"""Text -> what it says of its writer."""

from schemas.records import Text, TextSignal
from streams.engine.declaration import Declaration, State

STAGE = Declaration(
    name="texts",
    help="Read what people write: language, keywords, sentiment, interests.",
    keeps="word counts; its changelog",
    sources=(Text,),
    outputs=(TextSignal,),
    state=State.CHANGELOG,
)
