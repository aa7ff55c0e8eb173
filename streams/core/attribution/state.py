"""What the attribution stage remembers, as objects and as JSON rows."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any

from schemas.records import Behavior, BehaviorKind, Creative, Design, Surface
from streams.core.traffic import is_robot


@dataclass(slots=True)
class Shown:
    """The impression."""

    user_id: str
    at: int
    creative_id: str | None
    placement: str | None
    surface: Surface | None
    category: str | None
    item: str | None
    robot: bool


@dataclass(slots=True)
class Reaction:
    """A click, conversion or dismissal."""

    kind: BehaviorKind
    at: int
    value: float | None
    robot: bool


@dataclass(slots=True)
class Join:
    """All that is known of one impression id: a set that only grows."""

    arrived_at: int
    shown: Shown | None = None
    """None while reactions wait for their impression."""
    reactions: dict[str, Reaction] = field(default_factory=dict)
    """By event id."""
    sent: bool = False
    """True once feedback went out."""
    organic: bool = False
    """True when it first went out without its creative: its arm stays unknown."""

    @property
    def starts_at(self) -> int:
        """Event time at which its windows start."""
        if self.shown is not None:
            return self.shown.at
        return min(reaction.at for reaction in self.reactions.values())


@dataclass(frozen=True, slots=True)
class KnownCreative:
    """The part of a creative that feedback carries on."""

    arrived_at: int
    key: str
    created_at: int
    expires_at: int
    category: str
    arm: str
    model_name: str
    model_version: int
    propensity: float
    condition: bytes
    design: Design


@dataclass(slots=True)
class ClickHour:
    """One person's joined clicks in one hour of event time."""

    arrived_at: int
    n_clicks: int = 0
    impressions: list[str] = field(default_factory=list)
    """Impressions clicked, until the cap is passed."""
    over: bool = False


def shown_of(event: Behavior) -> Shown:
    """Return what an impression event says."""
    return Shown(
        event.user_id,
        event.occurred_at,
        event.creative_id,
        event.placement,
        event.surface,
        event.category,
        event.item,
        is_robot(event.user_agent),
    )


def reaction_of(event: Behavior) -> Reaction:
    """Return what a click, conversion or dismissal says."""
    return Reaction(
        event.kind, event.occurred_at, event.value, is_robot(event.user_agent)
    )


def known_of(creative: Creative, key: str, now: int) -> KnownCreative:
    """Return what is kept of a creative."""
    receipt = creative.receipt
    return KnownCreative(
        arrived_at=now,
        key=key,
        created_at=creative.created_at,
        expires_at=creative.expires_at,
        category=creative.category,
        arm=receipt.arm,
        model_name=receipt.model_name,
        model_version=receipt.model_version,
        propensity=receipt.propensity,
        condition=receipt.condition,
        design=creative.design,
    )


def encode_join(join: Join) -> bytes:
    """Return the JSON row of a join."""
    shown = join.shown
    reactions = {
        event_id: [reaction.kind, reaction.at, reaction.value, reaction.robot]
        for event_id, reaction in join.reactions.items()
    }
    return _dumped(
        [
            join.arrived_at,
            None if shown is None else [getattr(shown, name) for name in _SHOWN],
            reactions,
            join.sent,
            join.organic,
        ]
    )


def decode_join(row: bytes) -> Join:
    """Return the join of a JSON row."""
    arrived_at, shown, reactions, sent, organic = json.loads(row)
    return Join(
        arrived_at=arrived_at,
        shown=None if shown is None else Shown(*shown),
        reactions={
            event_id: Reaction(*fields) for event_id, fields in reactions.items()
        },
        sent=sent,
        organic=organic,
    )


def encode_creative(creative: KnownCreative) -> bytes:
    """Return the JSON row of a creative."""
    fields = [getattr(creative, name) for name in _KNOWN]
    condition = b64encode(creative.condition).decode()
    design = creative.design
    return _dumped([*fields, condition, design.categorical, design.continuous])


def decode_creative(row: bytes) -> KnownCreative:
    """Return the creative of a JSON row."""
    *fields, condition, categorical, continuous = json.loads(row)
    design = Design(categorical=categorical, continuous=continuous)
    return KnownCreative(*[*fields, b64decode(condition), design])


def encode_hour(hour: ClickHour) -> bytes:
    """Return the JSON row of an hour of clicks."""
    return _dumped([hour.arrived_at, hour.n_clicks, hour.impressions, hour.over])


def decode_hour(row: bytes) -> ClickHour:
    """Return the hour of clicks of a JSON row."""
    return ClickHour(*json.loads(row))


def _dumped(row: list[Any]) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode()


_SHOWN = tuple(Shown.__dataclass_fields__)
_KNOWN = tuple(KnownCreative.__dataclass_fields__)[:-2]  # all but condition and design
