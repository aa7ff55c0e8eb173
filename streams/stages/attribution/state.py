"""What the attribution stage remembers beside impressions: objects and their rows."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import NamedTuple, cast, get_args

from schemas.records import BehaviorKind, Creative, Design, Outcome
from schemas.vocabulary import deployed

KINDS: tuple[BehaviorKind, ...] = get_args(BehaviorKind)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)
SURFACES = deployed().surfaces
"""In the order of the schemas: their places are the numbers in columns."""

REACTIONS: tuple[BehaviorKind, ...] = ("click", "conversion", "dismiss")


class Shown(NamedTuple):
    """What decides about an impression."""

    user_id: str
    at: int
    robot: bool
    sent: bool
    """True once feedback went out."""
    waits: bool
    """True while its creative is still to come."""
    arrived_at: int


@dataclass(slots=True)
class Reaction:
    """A click, conversion or dismissal."""

    kind: BehaviorKind
    at: int
    value: float | None
    robot: bool


@dataclass(slots=True)
class Reactions:
    """All reactions to one impression id: a set that only grows."""

    arrived_at: int
    """When the first one came, by the wall clock."""
    by_event: dict[str, Reaction] = field(default_factory=dict)
    """By event id."""

    @property
    def starts_at(self) -> int:
        """Event time at which their windows start while the impression is missing."""
        return min(reaction.at for reaction in self.by_event.values())


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


def encode_reactions(reactions: Reactions) -> bytes:
    """Return the row of the reactions to an impression; see `_SEPARATOR`."""
    parts = [str(reactions.arrived_at)]
    for event_id, one in reactions.by_event.items():
        value = "" if one.value is None else repr(one.value)
        parts += (event_id, one.kind, str(one.at), value, "1" if one.robot else "")
    return _SEPARATOR.join(parts).encode()


def decode_reactions(row: bytes) -> Reactions:
    """Return the reactions of a row."""
    arrived_at, *parts = row.decode().split(_SEPARATOR)
    by_event = {
        event_id: Reaction(
            cast("BehaviorKind", kind),
            int(at),
            float(value) if value else None,
            bool(robot),
        )
        for event_id, kind, at, value, robot in zip(*[iter(parts)] * 5, strict=True)
    }
    return Reactions(int(arrived_at), by_event)


def encode_creative(creative: KnownCreative) -> bytes:
    """Return the JSON row of a creative."""
    fields = [getattr(creative, name) for name in _KNOWN]
    condition = b64encode(creative.condition).decode()
    design = creative.design
    row = [*fields, condition, design.categorical, design.continuous]
    return json.dumps(row, separators=(",", ":")).encode()


def decode_creative(row: bytes) -> KnownCreative:
    """Return the creative of a JSON row."""
    *fields, condition, categorical, continuous = json.loads(row)
    design = Design(categorical=categorical, continuous=continuous)
    return KnownCreative(*[*fields, b64decode(condition), design])


def encode_hour(hour: ClickHour) -> bytes:
    """Return the row of an hour of clicks; see `_SEPARATOR`."""
    head = (str(hour.arrived_at), str(hour.n_clicks), "1" if hour.over else "")
    return _SEPARATOR.join((*head, *hour.impressions)).encode()


def decode_hour(row: bytes) -> ClickHour:
    """Return the hour of clicks of a row."""
    arrived_at, n_clicks, over, *impressions = row.decode().split(_SEPARATOR)
    return ClickHour(int(arrived_at), int(n_clicks), impressions, bool(over))


_SEPARATOR = "\x1f"
"""Between the fields of a row. Admitted ids hold no control characters."""

_KNOWN = tuple(KnownCreative.__dataclass_fields__)[:-2]  # all but condition and design
