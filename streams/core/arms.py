"""Who is answered by what: control, champion and canary, fixed per person.

A person's arm is a hash of their id: it does not move while shares stay the same, and
needs no state. The canary is a part of the people outside the control arm.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.records import ModelRelease
from streams.core.ids import derived_seed
from streams.core.model import Model
from streams.errors import StateError


@dataclass(frozen=True)
class Arm:
    """One experiment arm; a control arm has no model."""

    name: str
    model: Model | None = None
    shadow: Model | None = None

    @property
    def model_name(self) -> str:
        """Model's name, or random."""
        return self.model.name if self.model else "random"

    @property
    def version(self) -> int:
        """Model's version, or 0."""
        return self.model.version if self.model else 0

    @property
    def sha256(self) -> str:
        """Digest of the model's manifest, or empty."""
        return self.model.sha256 if self.model else ""


class Arms:
    """The arms of one model name, as the newest release has them."""

    def __init__(self, control_share: float) -> None:
        self.n_swaps = 0
        """Times the champion was replaced while serving."""
        self._control_share = control_share
        self._control = Arm("control")
        self._champion: Arm | None = None
        self._canary: Arm | None = None
        self._canary_share = 0.0

    def follow(self, release: ModelRelease, models: Mapping[int, Model]) -> None:
        """Take over a release; `models` holds its champion and its candidate."""
        before = self._champion
        champion = models[release.champion_version]
        in_shadow = release.stage == "shadow"
        shadow = models[release.version] if in_shadow else None
        self._champion = Arm("champion", champion, shadow)
        if release.stage == "canary":
            self._canary = Arm("canary", models[release.version])
            self._canary_share = release.canary_share
        elif release.stage != "rejected":
            self._canary = None
        if before is not None and before.version != champion.version:
            self.n_swaps += 1

    def of(self, user_id: str) -> Arm:
        """Return the arm of a person.

        Raises:
            StateError: no release has been followed yet.
        """
        if self._champion is None:
            raise StateError("no champion yet: expected a release on the model topic")
        if _share("control", user_id) < self._control_share:
            return self._control
        if self._canary and _share("canary", user_id) < self._canary_share:
            return self._canary
        return self._champion


def _share(experiment: str, user_id: str) -> float:
    """Return a number in [0, 1) that depends on the experiment and the person."""
    return derived_seed(experiment, user_id) / 2**63
