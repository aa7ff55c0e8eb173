"""A receipt -> the same creative again, byte for byte: the audit of a decision."""

from dataclasses import replace

from schemas.records import Creative
from schemas.taxonomy import Taxonomy
from streams.core.arms import Arm
from streams.core.creatives import Renderer, receipts_of
from streams.core.explanation import Explainer
from streams.core.model import Model
from streams.core.picking import Picker
from streams.core.preference.vector import from_bytes


def regenerate(
    creative: Creative,
    model: Model | None,
    picker: Picker,
    renderer: Renderer,
    taxonomy: Taxonomy,
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
        taxonomy: names of the categories.
    """
    receipt = creative.receipt
    arm = Arm(receipt.arm, model)
    given = from_bytes(receipt.condition)[None]
    picks = picker.pick([arm], given, [creative.category], [receipt.seed])
    (again,) = receipts_of(
        picks, [arm], given, [creative.language], Explainer(taxonomy)
    )
    design = picks[0].design
    words = renderer.copy(design, creative.category, creative.language)
    return replace(
        creative,
        design=design,
        copy=words,
        assets=renderer.assets(
            creative.surface,
            design,
            words,
            creative.category,
            creative.language,
            creative.creative_id,
        )
        if creative.assets
        else (),
        receipt=replace(again, shadow_version=receipt.shadow_version),
    )
