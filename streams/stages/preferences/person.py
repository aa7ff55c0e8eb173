"""What is kept of a person, what an event does to it, and its record.

All sums are as of the person's newest event and halve with their half-life: an event
adds what is left of it by then, and a newer one lets what was there before shrink.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from schemas.records import Preference
from schemas.vocabulary import mark
from streams.columns.rows import N_UNCLICKED, SURFACES, instant, tick
from streams.columns.rules import BURST_HALF_LIFE_MS, FATIGUE_HALF_LIFE_MS

OF_PROFILE = ("language", "region", "age_band", "device")
"""Fields that a profile describes a person by."""

Sums = npt.NDArray[np.float64]
Gains = Sequence[tuple[int, float]]
"""Columns of categories, and what each of them gains, in clicks."""


@dataclass
class KnownPerson:
    """What is kept of a person; sums are as of `as_of`."""

    weights: Sums
    """[half-lives, categories]."""
    exposures: Sums = field(default_factory=lambda: np.zeros(len(SURFACES)))
    """Impressions by surface, the rest of which is one; with a half-life of a day."""
    bursts: Sums = field(default_factory=lambda: np.zeros(2))
    """Impressions and clicks, with a half-life of a minute."""
    as_of: int = 0
    """Newest event, epoch ms; 0: none yet."""
    n_events: int = 0
    consent: bool = False
    """Of the newest event; of two at once, the refusal counts."""
    withdrawn: int = 0
    """Tick of the newest event without consent; 0: none."""
    last_click: int = 0
    """Tick; 0: none."""
    unclicked: list[int] = field(default_factory=list)
    """Ticks of the newest impressions after the last click, newest first."""
    profile: dict[str, str | None] = field(default_factory=dict)
    included: tuple[int, ...] = (-1, -1, -1)
    """Last offset of each of the stage's sources that a restored record includes."""

    def learn(
        self, at: int, gains: Gains, half_lives_ms: Sums, *, consent: bool
    ) -> None:
        """Add an event of an instant; without consent forget what was learnt."""
        self.n_events += 1
        if at > self.as_of:
            passed = at - self.as_of
            self.weights *= _left(passed, half_lives_ms)[:, None]
            self.exposures *= _left(passed, FATIGUE_HALF_LIFE_MS)
            self.bursts *= _left(passed, BURST_HALF_LIFE_MS)
            self.as_of, self.consent = at, consent
        elif at == self.as_of:
            self.consent = self.consent and consent
        if not consent:
            self.weights[:] = 0
            self.withdrawn = max(self.withdrawn, tick(at))
        elif tick(at) > self.withdrawn:
            left = _left(self.as_of - at, half_lives_ms)
            for column, amount in gains:
                self.weights[:, column] += amount * left

    def show(self, at: int, surface: int) -> None:
        """Count an impression; it has been learnt from."""
        passed = self.as_of - at
        self.exposures[surface] += _left(passed, FATIGUE_HALF_LIFE_MS)
        self.bursts[0] += _left(passed, BURST_HALF_LIFE_MS)
        if tick(at) > self.last_click:
            newest = sorted([*self.unclicked, tick(at)], reverse=True)
            self.unclicked = newest[:N_UNCLICKED]

    def click(self, at: int) -> None:
        """Count a click, which forgives the impressions before it."""
        self.bursts[1] += _left(self.as_of - at, BURST_HALF_LIFE_MS)
        self.last_click = max(self.last_click, tick(at))
        self.unclicked = [one for one in self.unclicked if one > self.last_click]


def _left(passed_ms: int, half_lives_ms: Sums | float) -> Sums:
    """Return the share that is left of a sum after a time."""
    return np.exp2(-passed_ms / np.asarray(half_lives_ms))


def record_of(
    person: KnownPerson,
    user_id: str,
    half_lives_s: tuple[int, ...],
    positions: Sequence[int],
) -> Preference:
    """Return the record of a person.

    Args:
        person: who.
        user_id: whose.
        half_lives_s: of the weights, in their order.
        positions: last offset of each of the stage's sources that it includes.
    """
    behavior_offset, profile_offset, text_offset = positions
    return Preference(
        user_id=user_id,
        as_of=person.as_of,
        half_lives_s=half_lives_s,
        weights=person.weights.astype("<f4").tobytes(),
        n_events=person.n_events,
        n_unclicked=len(person.unclicked),
        consent=person.consent,
        behavior_offset=behavior_offset,
        profile_offset=profile_offset,
        text_offset=text_offset,
        vocabulary=mark(),
        last_click_at=instant(person.last_click),
        withdrawn_at=instant(person.withdrawn),
        unclicked_at=np.array(person.unclicked, "<u4").tobytes(),
        exposures=person.exposures.astype("<f4").tobytes(),
        bursts=person.bursts.astype("<f4").tobytes(),
        **person.profile,
    )


def offsets_of(record: Preference) -> tuple[int, int, int]:
    """Return the last offset of each of the stage's sources that a record includes."""
    return record.behavior_offset, record.profile_offset, record.text_offset


def restored(record: Preference, shape: tuple[int, ...]) -> KnownPerson:
    """Return the person of a record.

    Args:
        record: with weights in our vocabulary.
        shape: of the weights, [half-lives, categories].
    """
    weights = np.frombuffer(record.weights, "<f4").astype(np.float64)
    n_ticks = min(len(record.unclicked_at) // 4, N_UNCLICKED)
    ticks = np.frombuffer(record.unclicked_at, "<u4", n_ticks)
    return KnownPerson(
        weights=weights.reshape(shape),
        exposures=_floats(record.exposures, len(SURFACES)),
        bursts=_floats(record.bursts, 2),
        as_of=record.as_of,
        n_events=record.n_events,
        consent=record.consent,
        withdrawn=tick(record.withdrawn_at) if record.withdrawn_at else 0,
        last_click=tick(record.last_click_at) if record.last_click_at else 0,
        unclicked=ticks.tolist(),
        profile={name: getattr(record, name) for name in OF_PROFILE},
        included=offsets_of(record),
    )


def _floats(content: bytes, n: int) -> Sums:
    """Return n floats; zeros when there is another number of them."""
    found = np.frombuffer(content if len(content) == 4 * n else bytes(4 * n), "<f4")
    return found.astype(np.float64)
