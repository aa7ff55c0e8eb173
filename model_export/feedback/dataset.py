"""Feedback records -> arrays to learn from, and a split by person."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.critic.critic_state import LabelledImpressions
from model_export.critic.learnt_labels import LearntLabels, keys_of
from model_export.space import conditioning
from model_export.space.design_space import DesignSpace, SpaceError
from schemas.records import Design, Feedback

CONTROL_ARM = "control"
"""Arm that shows uniformly random designs: its feedback judges any selector fairly."""

HELD_OUT_SHARE = 0.1
"""Share of people whose feedback only judges."""

MAX_CLICKS_PER_PERSON = 5
"""Clicks of one person that a job learns from: 500 clicks of a robot teach as 5."""

MAX_WEIGHT = 20.0
"""Cap of 1 / propensity."""


Vectors = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Design float32[D] and condition float32[71] of an impression."""


class FineTuneError(Exception):
    """A job has nothing to learn from."""


@dataclass(frozen=True, kw_only=True)
class FeedbackArrays(LabelledImpressions):
    """One row for each impression, in order of time: what is learnt, and from whom."""

    shown_at: NDArray[np.int64]
    decided_at: NDArray[np.int64]
    propensity: NDArray[np.float64]
    """float64[n]: of the pick within its pool; NaN where it was not logged."""
    users: tuple[str, ...]
    categories: tuple[str | None, ...]
    """Category advertised; None where it was not logged."""
    skipped: dict[str, int]
    """Reason -> records that were left out."""

    @property
    def weight(self) -> NDArray[np.float32]:
        """Capped 1 / propensity: float32[n]; 1 where it was not logged."""
        known = np.nan_to_num(self.propensity, nan=1.0)
        return np.minimum(1.0 / known, MAX_WEIGHT).astype(np.float32)


def from_feedback(
    records: Iterable[Feedback],
    space: DesignSpace,
    max_clicks: int = MAX_CLICKS_PER_PERSON,
    learnt: LearntLabels | None = None,
) -> FeedbackArrays:
    """Return what can be learnt from feedback.

    The last revision of each impression counts. Left out, with a count of each reason:
    invalid ones (robots), ones without a design or condition or with one outside the
    space, a person's clicks past `max_clicks`, and impressions that were learnt before
    with the same label. A dismissal counts as no click, and so does a click that was
    learnt and then turned out to be a robot's.

    Args:
        records: in any order.
        space: creative space.
        max_clicks: of one person.
        learnt: impressions that earlier jobs have learnt.
    """
    skipped: Counter[str] = Counter()
    latest = _latest(records, skipped)
    keys = keys_of([record.impression_id for record in latest])
    before = (learnt or LearntLabels.none()).find(keys)
    rows = _Rows(skipped, max_clicks)
    for record, label, key in zip(latest, before.tolist(), keys.tolist(), strict=True):
        rows.take(record, label, key, space)
    return rows.arrays(space)


class _Rows:
    """Rows that pass, as they come."""

    def __init__(self, skipped: Counter[str], max_clicks: int) -> None:
        self._skipped = skipped
        self._max_clicks = max_clicks
        self._clicks: Counter[str] = Counter()
        self._kept: list[Feedback] = []
        self._keys: list[int] = []
        self._clicked: list[bool] = []
        self._vectors: list[Vectors] = []

    def take(
        self, record: Feedback, before: float, key: int, space: DesignSpace
    ) -> None:
        """Add a record, or count why not."""
        clicked = record.valid and record.reward > 0
        read = vectors_of(record, space)
        why = read if isinstance(read, str) else self._against(record, before)
        if isinstance(read, str) or why is not None:
            self._skipped[str(why)] += 1
            return
        self._kept.append(record)
        self._keys.append(key)
        self._clicked.append(clicked)
        self._vectors.append(read)

    def _against(self, record: Feedback, before: float) -> str | None:
        """Return why a record that could teach is not to; NaN: it was not learnt."""
        is_known = before == before  # noqa: PLR0124 - NaN is not itself
        if not record.valid and not is_known:
            return "invalid"
        clicked = record.valid and record.reward > 0
        if is_known and clicked == (before > 0):
            return "learnt before"
        if clicked:
            self._clicks[record.user_id] += 1
            if self._clicks[record.user_id] > self._max_clicks:
                return "over the click cap"
        return None

    def arrays(self, space: DesignSpace) -> FeedbackArrays:
        """Return the rows."""
        kept, n = self._kept, len(self._kept)
        designs = [design for design, _ in self._vectors]
        conditions = [condition for _, condition in self._vectors]
        return FeedbackArrays(
            design=np.array(designs, np.float32).reshape(n, space.size),
            condition=np.array(conditions, np.float32).reshape(
                n, conditioning.CONDITION_SIZE
            ),
            clicked=np.array(self._clicked, np.float32),
            propensity=np.array([_propensity(record) for record in kept], np.float64),
            control=np.array([record.arm == CONTROL_ARM for record in kept], bool),
            users=tuple(record.user_id for record in kept),
            categories=tuple(record.category for record in kept),
            shown_at=np.array([record.shown_at for record in kept], np.int64),
            decided_at=np.array([record.decided_at for record in kept], np.int64),
            skipped=dict(self._skipped),
            key=np.array(self._keys, np.uint64),
        )


def held_out_of(seed: int, users: Sequence[str]) -> NDArray[np.bool_]:
    """Return who teaches no version of a model: bool[n].

    Args:
        seed: of the model's pre-training.
        users: who.
    """
    return held_out(users, f"seed {seed}", HELD_OUT_SHARE)


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


def vectors_of(record: Feedback, space: DesignSpace) -> Vectors | str:
    """Return design and condition, or why there is nothing to learn from."""
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
