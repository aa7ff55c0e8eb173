"""A receipt -> the same creative again, byte for byte: the audit of a decision."""

from dataclasses import replace

from model_export.space.conditioning import from_bytes
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Creative
from schemas.vocabulary import Vocabulary
from streams.rendering.renderer import Renderer
from streams.stages.creatives.answers import Answers, Briefs
from streams.stages.creatives.arms import Arm, ServedModel
from streams.stages.creatives.counter_random import seeds_of
from streams.stages.creatives.messages import CreativeMessages
from streams.stages.creatives.picking import Picker


def regenerate(
    creative: Creative,
    model: ServedModel | None,
    picker: Picker,
    renderer: Renderer,
    vocabulary: Vocabulary,
) -> Creative:
    """Return the creative made again from its receipt.

    What was chosen (design, words, assets, receipt) is worked out anew; what was asked
    (ids, placement, instants) is taken as it is. Assets that the record left to the ad
    server are left to it again.

    Args:
        creative: the creative whose receipt is followed.
        model: the version that the receipt names; None for the control arm.
        picker: with the settings and the space in force at the time.
        renderer: with the brand kit in force at the time.
        vocabulary: names of the categories.
    """
    receipt = creative.receipt
    arm = Arm(receipt.arm, model)
    given = from_bytes(receipt.condition)[None]
    seeds = seeds_of([receipt.seed])
    briefs = Briefs([creative.category], [receipt.tired_of])
    codec = Codec(Creative, LockedIds())
    answers = Answers(
        request_ids=[creative.request_id],
        user_ids=[creative.user_id],
        placements=[creative.placement],
        surfaces=[creative.surface],
        languages=[creative.language],
        briefs=briefs,
        arms=[arm],
        conditions=given,
        seeds=seeds,
        picks=picker.pick([arm], given, briefs, seeds),
    )
    messages = CreativeMessages(
        codec.frame,
        picker.space,
        vocabulary,
        renderer,
        n_candidates=picker.n_candidates,
        with_assets=bool(creative.assets),
    )
    (message,) = messages.written(answers, creative.created_at, creative.expires_at)
    again = codec.decode(message)
    seen = replace(again.receipt, shadow_version=receipt.shadow_version)
    return replace(again, receipt=seen)
