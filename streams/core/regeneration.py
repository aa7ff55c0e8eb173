"""A receipt -> the same creative again, byte for byte: the audit of a decision."""

from dataclasses import replace

from schemas.records import Creative
from schemas.taxonomy import Taxonomy
from streams.core.arms import Arm
from streams.core.creatives import Renderer, receipt_of, rendered
from streams.core.model import Model
from streams.core.picking import Picker
from streams.core.preference_vector import from_bytes


def regenerate(
    creative: Creative,
    model: Model | None,
    picker: Picker,
    renderer: Renderer,
    taxonomy: Taxonomy,
) -> Creative:
    """Return the creative made again from its receipt.

    What was chosen (design, words, assets, receipt) is worked out anew; what was asked
    (ids, placement, instants) is taken as it is.

    Args:
        creative: the creative whose receipt is followed.
        model: the version that the receipt names; None for the control arm.
        picker: with the settings and the space in force at the time.
        renderer: with the brand kit in force at the time.
        taxonomy: names of the categories.
    """
    receipt = creative.receipt
    arm = Arm(receipt.arm, model)
    given = from_bytes(receipt.condition)
    (pick,) = picker.pick([arm], given[None], [creative.category], [receipt.seed])
    again = receipt_of(pick, arm, given, creative.language, taxonomy)
    again = replace(again, shadow_version=receipt.shadow_version)
    return rendered(replace(creative, design=pick.design, receipt=again), renderer)
