"""Who is answered by what: control, champion and canary, fixed per person.

A person's arm is a hash of their id: it does not move while shares stay the same, and
needs no state. The canary is a part of the people outside the control arm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model_export.critic.layout import Layout
from model_export.space.design_space import DesignSpace
from schemas.records import ModelRelease
from streams.columns.ids import derived_seeds
from streams.errors import StateError

Floats = NDArray[np.floating]


class ServedModel(Protocol):
    """One immutable version of a generator and its critic, with one posterior."""

    name: str
    version: int
    sha256: str
    posterior_sha256: str
    """Digest of what its critic came to after it was made; empty: nothing yet."""
    space: DesignSpace
    layout: Layout
    z_size: int

    def person(self, conditions: Floats) -> Floats:
        """Return person features [n, N] for condition vectors [n, conditions]."""

    def propose(self, z: Floats, person: Floats) -> tuple[Floats, Floats]:
        """Return attribute logits [n, K, NV] and continuous values [n, K, NC].

        Args:
            z: latents [n, K, z_size].
            person: [n, N], each for its K latents.
        """

    def worth(self, person: Floats) -> tuple[Floats, Floats]:
        """Return what each look is worth [n, F, S], and the rest of the logit [n, S].

        By posterior draw: the click logit of a design is its looks' worth and the rest.
        """


@dataclass(frozen=True)
class Arm:
    """One experiment arm; a control arm has no model."""

    name: str
    model: ServedModel | None = None
    shadow: ServedModel | None = None

    @property
    def model_name(self) -> str:
        """ServedModel's name, or random."""
        return self.model.name if self.model else "random"

    @property
    def version(self) -> int:
        """ServedModel's version, or 0."""
        return self.model.version if self.model else 0

    @property
    def sha256(self) -> str:
        """Digest of the model's manifest, or empty."""
        return self.model.sha256 if self.model else ""

    @property
    def posterior_sha256(self) -> str:
        """Digest of what the model's critic came to since it was made, or empty."""
        return self.model.posterior_sha256 if self.model else ""

    @property
    def digests(self) -> str:
        """Both digests: what decides an answer, beside the request and its seed."""
        return self.sha256 + self.posterior_sha256

    def learnt(self, model: ServedModel) -> "Arm":
        """Return the arm with a newer posterior, when it is of a version of its own."""
        ours, shadow = self.model, self.shadow
        if ours is not None and ours.version == model.version:
            ours = model
        if shadow is not None and shadow.version == model.version:
            shadow = model
        return Arm(self.name, ours, shadow)


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

    def follow(self, release: ModelRelease, models: Mapping[int, ServedModel]) -> None:
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

    def learn(self, model: ServedModel) -> None:
        """Answer with a newer posterior of a version that serves or is on trial."""
        if self._champion is not None:
            self._champion = self._champion.learnt(model)
        if self._canary is not None:
            self._canary = self._canary.learnt(model)

    def of(self, user_ids: Sequence[str]) -> list[Arm]:
        """Return the arm of each person.

        Raises:
            StateError: no release has been followed yet.
        """
        if self._champion is None:
            raise StateError("no champion yet: expected a release on the model topic")
        users = list(user_ids)
        arms = [self._champion] * len(users)
        if self._canary:
            for place in _within("canary", users, self._canary_share):
                arms[place] = self._canary
        for place in _within("control", users, self._control_share):
            arms[place] = self._control
        return arms


def _within(experiment: str, user_ids: list[str], share: float) -> list[int]:
    """Return the places of the people whose number lies below a share.

    The number is in [0, 1) and depends on the experiment and the person alone.
    """
    seeds = derived_seeds(len(user_ids), experiment, user_ids)
    places: list[int] = np.flatnonzero(seeds / 2.0**63 < share).tolist()
    return places
