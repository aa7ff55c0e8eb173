"""People of whom we know what they like -> feedback and requests, at a steady rate.

Feedback is what attribution writes when the windows of half an hour ago close: a none
for everybody, and a click for those who click after all.
"""

from dataclasses import replace

import numpy as np

from model_export.space import conditioning
from model_export.space.design_space import DesignSpace, Vectors
from schemas.records import CreativeRequest, Design, Feedback
from streams.runtime.clock import now_ms

N_USERS = 5_000
CLICK_AFTER = 20
"""Ticks between a none and the click that corrects it."""

_WINDOW_MS = 1_800_000
_BASE_LOGIT = -2.2
_WORTH = 0.4
"""Logits by which every second value of an attribute is liked, and the others not."""


class FeedbackStream:
    """Makes records; the same for the same seed but for their instants."""

    def __init__(self, space: DesignSpace, seed: int = 0) -> None:
        self._space = space
        self._rng = np.random.default_rng(seed)
        self._n = 0
        self._late: list[tuple[int, Feedback]] = []
        self._tick = 0

    def feedback(self, n: int) -> list[Feedback]:
        """Return n nones, and the clicks that are due now."""
        self._tick += 1
        vectors = self._space.random(n, self._rng)
        people = conditioning.random_people(n, self._rng)
        nones = [
            self._none(design, conditioning.to_bytes(person))
            for design, person in zip(self._space.decode(vectors), people, strict=True)
        ]
        for none, clicks in zip(nones, self._clicks(vectors), strict=True):
            if clicks:
                self._late.append((self._tick + CLICK_AFTER, _clicked(none)))
        due = [one for tick, one in self._late if tick <= self._tick]
        self._late = [(tick, one) for tick, one in self._late if tick > self._tick]
        return [*nones, *(replace(one, decided_at=now_ms()) for one in due)]

    def request(self) -> CreativeRequest:
        """Return a request for a creative."""
        self._n += 1
        now = now_ms()
        return CreativeRequest(
            request_id=f"r{self._n}",
            user_id=self._user(),
            reason="explicit",
            placement="feed-card",
            surface="social",
            language="en",
            preferences=bytes(4 * conditioning.N_CATEGORIES),
            requested_at=now,
            deadline_at=now + 30_000,
        )

    def _none(self, design: Design, condition: bytes) -> Feedback:
        self._n += 1
        now = now_ms()
        return Feedback(
            feedback_id=f"f{self._n}",
            impression_id=f"i{self._n}",
            revision=0,
            user_id=self._user(),
            outcome="none",
            reward=0.0,
            valid=True,
            shown_at=now - _WINDOW_MS,
            decided_at=now,
            arm="control",
            propensity=1 / 16,
            condition=condition,
            design=design,
        )

    def _clicks(self, vectors: Vectors) -> np.ndarray:
        values = vectors[:, : self._space.n_logits]
        liked = np.where(np.arange(values.shape[1]) % 2, _WORTH, -_WORTH)
        chance = 1.0 / (1.0 + np.exp(-_BASE_LOGIT - values @ liked))
        return np.asarray(self._rng.random(len(vectors)) < chance)

    def _user(self) -> str:
        return f"user-{self._rng.integers(N_USERS)}"


def _clicked(none: Feedback) -> Feedback:
    return replace(
        none,
        feedback_id=f"{none.feedback_id}-1",
        revision=1,
        outcome="click",
        reward=1.0,
        delay_ms=_WINDOW_MS,
    )
