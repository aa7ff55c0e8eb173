"""Feedback records -> arrays to learn from, and a split by person."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from model_export import conditioning
from model_export.design_space import DesignSpace, SpaceError
from model_export.knowledge import Lessons
from schemas.records import Design, Feedback

CONTROL_ARM = "control"
"""Arm that shows uniformly random designs: its feedback judges any selector fairly."""

MAX_CLICKS_PER_PERSON = 5
"""Clicks of one person that a job learns from: 500 clicks of a robot teach as 5."""

MAX_WEIGHT = 20.0
"""Cap of 1 / propensity."""


class FineTuneError(Exception):
    """A job has nothing to learn from."""


@dataclass(frozen=True)
class FeedbackArrays:
    """One row for each impression, in order of time."""

    design: NDArray[np.float32]
    """float32[n, D]."""
    condition: NDArray[np.float32]
    """float32[n, 71]."""
    clicked: NDArray[np.float32]
    """float32[n], 0 or 1."""
    propensity: NDArray[np.float64]
    """float64[n]: of the pick within its pool; NaN where it was not logged."""
    control: NDArray[np.bool_]
    """bool[n]: uniformly random designs."""
    users: tuple[str, ...]
    categories: tuple[str | None, ...]
    """Category advertised; None where it was not logged."""
    shown_at: NDArray[np.int64]
    """int64[n], epoch ms."""
    skipped: dict[str, int]
    """Reason -> records that were left out."""

    def __len__(self) -> int:
        return len(self.clicked)

    @property
    def weight(self) -> NDArray[np.float32]:
        """Capped 1 / propensity: float32[n]; 1 where it was not logged."""
        known = np.nan_to_num(self.propensity, nan=1.0)
        return np.minimum(1.0 / known, MAX_WEIGHT).astype(np.float32)

    @property
    def lessons(self) -> Lessons:
        """What there is to learn."""
        return Lessons(self.design, self.condition, self.clicked, self.control)

    def rows(self, mask: NDArray[np.bool_]) -> "FeedbackArrays":
        """Return the rows where `mask` is True."""
        return FeedbackArrays(
            design=self.design[mask],
            condition=self.condition[mask],
            clicked=self.clicked[mask],
            propensity=self.propensity[mask],
            control=self.control[mask],
            users=tuple(compress(self.users, mask)),
            categories=tuple(compress(self.categories, mask)),
            shown_at=self.shown_at[mask],
            skipped=self.skipped,
        )


def from_feedback(
    records: Iterable[Feedback],
    space: DesignSpace,
    max_clicks: int = MAX_CLICKS_PER_PERSON,
) -> FeedbackArrays:
    """Return what can be learnt from feedback.

    The last revision of each impression counts. Left out, with a count of each reason:
    invalid ones (robots), ones without a design or condition or with one outside the
    space, and a person's clicks past `max_clicks`. A dismissal counts as no click.
    """
    skipped: Counter[str] = Counter()
    kept: list[Feedback] = []
    designs: list[NDArray[np.float32]] = []
    conditions: list[NDArray[np.float32]] = []
    clicks: Counter[str] = Counter()
    for record in _latest(records, skipped):
        read = _vectors(record, space)
        if isinstance(read, str):
            skipped[read] += 1
            continue
        if record.reward > 0:
            clicks[record.user_id] += 1
            if clicks[record.user_id] > max_clicks:
                skipped["over the click cap"] += 1
                continue
        kept.append(record)
        designs.append(read[0])
        conditions.append(read[1])
    n = len(kept)
    return FeedbackArrays(
        design=np.array(designs, np.float32).reshape(n, space.size),
        condition=np.array(conditions, np.float32).reshape(
            n, conditioning.CONDITION_SIZE
        ),
        clicked=np.array([record.reward > 0 for record in kept], np.float32),
        propensity=np.array([_propensity(record) for record in kept], np.float64),
        control=np.array([record.arm == CONTROL_ARM for record in kept], bool),
        users=tuple(record.user_id for record in kept),
        categories=tuple(record.category for record in kept),
        shown_at=np.array([record.shown_at for record in kept], np.int64),
        skipped=dict(skipped),
    )


def held_out(users: Sequence[str], salt: str, share: float) -> NDArray[np.bool_]:
    """Return who is held out: bool[n].

    A function of the person and the salt alone, so that somebody held out of one job
    is held out of every later one of the same model.
    """
    mask = np.zeros(len(users), bool)
    bound = int(share * 2**64)
    for row, user in enumerate(users):
        digest = hashlib.sha256(f"{salt}|{user}".encode()).digest()
        mask[row] = int.from_bytes(digest[:8], "big") < bound
    return mask


def _latest(records: Iterable[Feedback], skipped: Counter[str]) -> list[Feedback]:
    """Return the last revision of each impression, in order of time."""
    latest: dict[str, Feedback] = {}
    for record in records:
        known = latest.get(record.impression_id)
        if known is not None:
            skipped["superseded"] += 1
        if known is None or record.revision > known.revision:
            latest[record.impression_id] = record
    return sorted(latest.values(), key=lambda one: (one.shown_at, one.impression_id))


def _vectors(
    record: Feedback, space: DesignSpace
) -> tuple[NDArray[np.float32], NDArray[np.float32]] | str:
    """Return design and condition, or why there is nothing to learn from."""
    if not record.valid:
        return "invalid"
    if record.design is None or record.condition is None:
        return "no design or condition"
    design: Design = record.design
    try:
        vector = space.encode([design])[0]
        condition = conditioning.from_bytes(record.condition)
    except SpaceError:
        return "outside the creative space"
    except ValueError:
        return "bad condition"
    return vector, condition


def _propensity(record: Feedback) -> float:
    given = record.propensity
    if given is None or not 0.0 < given <= 1.0:
        return float("nan")
    return given
