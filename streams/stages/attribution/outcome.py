"""An impression and its reactions -> its outcome, as ads.feedback.v1.

The outcome is a function of the *set* of reactions, not of their order; the revision
counts what is known, so that of two feedback records of one impression the higher
revision knows more, whichever was written first.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

import fastavro

from schemas.avro import schema_of
from schemas.records import Feedback, Outcome
from streams.columns.ids import derived_id
from streams.stages.attribution.impression import NO_SURFACE, Impression
from streams.stages.attribution.state import SURFACES, KnownCreative, Reaction, Shown
from streams.stages.attribution.traffic import is_impossible_click

FALLBACK = "fallback"
"""Ids of creatives that an ad server shows when it has none begin with this."""

_WEAKEST_FIRST: tuple[Outcome, ...] = ("none", "dismiss", "click", "conversion")
_STRENGTH: dict[str, int] = {name: i for i, name in enumerate(_WEAKEST_FIRST)}
REWARDS: dict[Outcome, float] = {
    "none": 0.0,
    "click": 1.0,
    "conversion": 1.0,
    "dismiss": -1.0,
}

_RECEIPT = ("arm", "model_name", "model_version", "propensity", "condition", "design")
"""What feedback carries on of a creative: its last fields, in its order."""


@dataclass(slots=True)
class Judgement:
    """What came of an impression, as far as is known."""

    outcome: Outcome
    value: float | None
    valid: bool
    decided_at: int
    revision: int = field(compare=False)
    """Number of facts that it rests on; the same outcome may rest on more."""


def judge(
    shown: Shown, reactions: Collection[Reaction], *, window_ms: int, over_cap: bool
) -> Judgement:
    """Return the outcome of an impression.

    The strongest reaction wins: conversion, click, dismissal; of several of one kind
    the earliest dates it. Values of conversions add up.

    Args:
        shown: the impression.
        reactions: reactions within the correction window.
        window_ms: click window: without a reaction the outcome is dated at its end.
        over_cap: True when the person clicks more than a person does.
    """
    strongest, decided_at = 0, shown.at + window_ms
    valid = not (over_cap or shown.robot)
    values = []
    for reaction in reactions:
        strength = _STRENGTH[reaction.kind]
        if strength > strongest or (strength == strongest and reaction.at < decided_at):
            strongest, decided_at = strength, reaction.at
        if reaction.kind == "conversion" and reaction.value is not None:
            values.append(reaction.value)
        valid = valid and not _is_machine(shown, reaction)
    return Judgement(
        outcome=_WEAKEST_FIRST[strongest],
        value=sum(sorted(values)) if values else None,
        valid=valid,
        decided_at=decided_at,
        revision=len(reactions) + over_cap,
    )


def arm_of(creative_id: str | None, creative: KnownCreative | None) -> str:
    """Return the experiment arm of an impression."""
    if creative is not None:
        return creative.arm
    return FALLBACK if (creative_id or "").startswith(FALLBACK) else "organic"


def feedback_of(
    shown: Impression, judgement: Judgement, creative: KnownCreative | None
) -> Feedback:
    """Return the feedback record of an impression.

    Args:
        shown: the impression.
        judgement: what came of it.
        creative: what was shown, when that is known.
    """
    reacted = judgement.outcome != "none"
    return Feedback(
        feedback_id=derived_id("feedback", shown.key, judgement.revision),
        impression_id=shown.key,
        revision=judgement.revision,
        user_id=shown.user,
        outcome=judgement.outcome,
        reward=REWARDS[judgement.outcome],
        value=judgement.value,
        valid=judgement.valid,
        shown_at=shown.at,
        decided_at=judgement.decided_at,
        delay_ms=max(0, judgement.decided_at - shown.at) if reacted else None,
        creative_id=shown.creative,
        placement=shown.placement,
        surface=None if shown.surface == NO_SURFACE else SURFACES[shown.surface],
        category=creative.category if creative else shown.category,
        item=shown.item,
        arm=arm_of(shown.creative, creative),
        **{name: getattr(creative, name, None) for name in _RECEIPT[1:]},
    )


def receipt_avro(creative: KnownCreative) -> tuple[bytes, bytes]:
    """Return what feedback carries on of a creative: its category, and the receipt."""
    fields = {name: getattr(creative, name) for name in _RECEIPT}
    fields["design"] = asdict(creative.design)
    category = _written(("category",), {"category": creative.category})
    return category, _written(_RECEIPT, fields)


def _written(names: tuple[str, ...], fields: dict[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, _part(names), fields)
    return out.getvalue()


@cache
def _part(names: tuple[str, ...]) -> Any:
    """Return the schema of some of Feedback's fields: they lie side by side in it."""
    schema = schema_of(Feedback)
    fields = [field for field in schema["fields"] if field["name"] in names]
    return fastavro.parse_schema(schema | {"fields": fields}, named_schemas={})


def _is_machine(shown: Shown, reaction: Reaction) -> bool:
    return reaction.robot or (
        reaction.kind == "click" and is_impossible_click(reaction.at - shown.at)
    )
