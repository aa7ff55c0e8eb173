"""What the rollout stage remembers, as objects and as JSON rows."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from schemas.records import ModelRelease, Verdict
from streams.stages.rollout.canary import Tally


@dataclass(slots=True)
class Trial:
    """A candidate on its way: in the shadow until `canary_since` is set."""

    release: ModelRelease
    n_shadow: int = 0
    canary_since: int | None = None
    n_looks: int = 0
    canary: Tally = field(default_factory=Tally)
    champion: Tally = field(default_factory=Tally)

    @property
    def version(self) -> int:
        """The candidate's version."""
        return self.release.version


@dataclass(slots=True)
class Standing:
    """Where the versions of one model stand."""

    champion_version: int = -1
    """-1 until one is known."""
    champion_sha256: str = ""
    champion_since: int = 0
    newest_version: int = -1
    """Newest candidate that the trainer has announced."""
    trial: Trial | None = None
    queued: ModelRelease | None = None
    outbox: list[ModelRelease] = field(default_factory=list)
    """Decided, and not known to be sent."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one impression adds to the tally of its arm, once it is mature."""

    revision: int
    arm: str
    shown_at: int
    n: int
    clicks: int
    is_mature: bool
    group: int = 0
    """Of the person (`canary.group_of`); rows of before there were groups have none."""


def encode_standing(standing: Standing) -> bytes:
    """Return the JSON row of a standing."""
    return json.dumps(asdict(standing), separators=(",", ":")).encode()


def decode_standing(row: bytes) -> Standing:
    """Return the standing of a JSON row."""
    fields = json.loads(row)
    trial = fields.pop("trial")
    queued = fields.pop("queued")
    outbox = fields.pop("outbox")
    return Standing(
        **fields,
        trial=None if trial is None else _trial(trial),
        queued=None if queued is None else _release(queued),
        outbox=[_release(one) for one in outbox],
    )


def encode_counted(counted: Counted) -> bytes:
    """Return the JSON row of a counted impression."""
    row = list(asdict(counted).values())
    return json.dumps(row, separators=(",", ":")).encode()


def decode_counted(row: bytes) -> Counted:
    """Return the counted impression of a JSON row."""
    return Counted(*json.loads(row))


def _trial(fields: dict[str, Any]) -> Trial:
    return Trial(
        release=_release(fields["release"]),
        n_shadow=fields["n_shadow"],
        canary_since=fields["canary_since"],
        n_looks=fields["n_looks"],
        canary=Tally(**fields["canary"]),
        champion=Tally(**fields["champion"]),
    )


def _release(fields: dict[str, Any]) -> ModelRelease:
    verdicts = tuple(Verdict(**verdict) for verdict in fields.pop("verdicts"))
    return ModelRelease(**fields, verdicts=verdicts)
