"""ads.creative-request.v1 -> ads.creative.v1.

A generator proposes, hard rules drop, a selector picks with a known probability, and
the receipt says how. Latest preferences (ads.preference.v1) fill requests that bring
no snapshot; which version answers whom is `arms`, which follows the releases.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

import numpy as np

from model_export.conditioning import condition
from schemas.records import (
    Asset,
    Copy,
    Creative,
    CreativeRequest,
    Design,
    Preference,
    Receipt,
    Record,
    Surface,
)
from schemas.taxonomy import Taxonomy
from streams.core.arms import Arm, Arms
from streams.core.explanation import explain
from streams.core.ids import derived_id, derived_seed
from streams.core.model import Floats
from streams.core.picking import Pick, Picker
from streams.core.preference_vector import from_bytes, mixed, to_bytes
from streams.core.stage import Incoming, Outgoing, StateRow
from streams.settings import CreativesSettings

RECENT_REQUESTS = 100_000
"""Answered request ids remembered, so that a repeated request costs nothing."""


class Renderer(Protocol):
    """Words and pictures for a design; a pure function of its arguments."""

    def copy(self, design: Design, category: str, language: str) -> Copy:
        """Return the words."""

    def assets(
        self,
        surface: Surface,
        design: Design,
        copy: Copy,
        category: str,
        language: str,
        creative_id: str,
    ) -> tuple[Asset, ...]:
        """Return the rendered forms for a surface."""


class Creatives:
    """Answers creative requests in micro-batches (a `Stage`)."""

    name = "creatives"
    sources: tuple[type[Record], ...] = (CreativeRequest, Preference)

    def __init__(
        self,
        settings: CreativesSettings,
        taxonomy: Taxonomy,
        arms: Arms,
        picker: Picker,
        renderer: Renderer,
    ) -> None:
        self.arms = arms
        self.n_expired = 0
        self._settings = settings
        self._taxonomy = taxonomy
        self._picker = picker
        self._renderer = renderer
        self._preferences: dict[int, dict[str, Floats]] = {}
        self._answered: dict[str, None] = {}

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:
        """Learn preferences; answer the requests."""
        requests: list[CreativeRequest] = []
        for record in incoming:
            match record.value:
                case CreativeRequest():
                    if self._is_due(record.value, now):
                        requests.append(self._filled(record.value, record.partition))
                case Preference():
                    self._remember(record.value, record.partition)
                case None:
                    self._preferences.get(record.partition, {}).pop(record.key, None)
        answers = []
        for start in range(0, len(requests), self._settings.batch):
            answers += self._answer(requests[start : start + self._settings.batch], now)
        return answers

    def tick(self, now: int) -> list[Outgoing]:  # noqa: ARG002 - nothing waits here
        """Return nothing: expiry is the requests stage's matter."""
        return []

    def take_dirty(self) -> list[StateRow]:
        """Return nothing: all state is read back from the source topics."""
        return []

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Nothing to restore, see `take_dirty`."""

    def drop(self, partition: int) -> None:
        """Forget the preferences of a partition."""
        self._preferences.pop(partition, None)

    def _is_due(self, request: CreativeRequest, now: int) -> bool:
        if request.request_id in self._answered:
            return False
        if request.deadline_at < now:
            self.n_expired += 1
            return False
        self._answered[request.request_id] = None
        if len(self._answered) > RECENT_REQUESTS:
            del self._answered[next(iter(self._answered))]
        return True

    def _remember(self, preference: Preference, partition: int) -> None:
        users = self._preferences.setdefault(partition, {})
        if preference.consent:
            users[preference.user_id] = mixed(
                preference.weights, len(preference.half_lives_s), len(self._taxonomy)
            )
        else:
            users.pop(preference.user_id, None)

    def _filled(self, request: CreativeRequest, partition: int) -> CreativeRequest:
        if request.preferences is not None:
            return request
        latest = self._preferences.get(partition, {}).get(request.user_id)
        if latest is None:
            return request
        return replace(request, preferences=to_bytes(latest))

    def _answer(self, requests: list[CreativeRequest], now: int) -> list[Outgoing]:
        """Answer a micro-batch: one inference per arm that occurs in it."""
        n_categories = len(self._taxonomy)
        preferences = np.stack(
            [_vector(request.preferences, n_categories) for request in requests]
        )  # (n, categories)
        hour = datetime.fromtimestamp(now / 1000, UTC).hour
        conditions = condition(
            preferences,
            [request.surface for request in requests],
            np.full(len(requests), hour),
        )  # (n, conditions)
        categories = [
            self._category(request, vector)
            for request, vector in zip(requests, preferences, strict=True)
        ]
        arms = [self.arms.of(request.user_id) for request in requests]
        seeds = [
            derived_seed("candidates", request.request_id, arm.sha256)
            for request, arm in zip(requests, arms, strict=True)
        ]
        picks = self._picker.pick(arms, conditions, categories, seeds)
        return [
            self._creative(request, pick, arm, category, given, now)
            for request, pick, arm, category, given in zip(
                requests, picks, arms, categories, conditions, strict=True
            )
        ]

    def _category(self, request: CreativeRequest, preferences: Floats) -> str:
        """Choose what to advertise: as asked, else one of the three best liked."""
        if request.category is not None:
            return request.category
        rng = np.random.default_rng(derived_seed("category", request.request_id))
        best = np.argsort(-preferences, kind="stable")[:3]
        liked = best[preferences[best] > 0]
        if not len(liked):
            return str(rng.choice(self._taxonomy.ids))
        shares = preferences[liked] / preferences[liked].sum()
        chosen = int(rng.choice(liked, p=shares / shares.sum()))
        return self._taxonomy.ids[chosen]

    def _creative(
        self,
        request: CreativeRequest,
        pick: Pick,
        arm: Arm,
        category: str,
        given: Floats,
        now: int,
    ) -> Outgoing:
        creative = Creative(
            creative_id=derived_id("creative", request.request_id, arm.sha256),
            request_id=request.request_id,
            user_id=request.user_id,
            placement=request.placement,
            surface=request.surface,
            language=request.language,
            category=category,
            created_at=now,
            expires_at=now + int(self._settings.expiry_s * 1000),
            design=pick.design,
            copy=_NO_COPY,
            assets=(),
            receipt=receipt_of(pick, arm, given, request.language, self._taxonomy),
        )
        creative = rendered(creative, self._renderer)
        key = f"{request.user_id}|{request.placement}"
        return Outgoing(Creative, key, creative, partition_key=request.user_id)


_NO_COPY = Copy(headline="", body="", cta="", spoken="", disclosure="")


def rendered(creative: Creative, renderer: Renderer) -> Creative:
    """Return the creative with the words and pictures of its design."""
    copy = renderer.copy(creative.design, creative.category, creative.language)
    assets = renderer.assets(
        creative.surface,
        creative.design,
        copy,
        creative.category,
        creative.language,
        creative.creative_id,
    )
    return replace(creative, copy=copy, assets=assets)


def receipt_of(
    pick: Pick, arm: Arm, given: Floats, language: str, taxonomy: Taxonomy
) -> Receipt:
    """Return the decision receipt of a pick.

    Args:
        pick: the chosen design and how it was chosen.
        arm: who answered.
        given: the condition vector; it begins with the preferences.
        language: of the explanation.
        taxonomy: names of the categories.
    """
    return Receipt(
        arm=arm.name,
        model_name=arm.model_name,
        model_version=arm.version,
        model_sha256=arm.sha256,
        seed=pick.seed,
        n_candidates=pick.n_candidates,
        n_rejected=pick.n_rejected,
        rejections=pick.rejections,
        propensity=pick.propensity,
        score=pick.score,
        condition=to_bytes(given),
        shadow_version=pick.shadow_version,
        explanation=explain(arm.name, given[: len(taxonomy)], language, taxonomy),
        ai_generated=True,
    )


def _vector(preferences: bytes | None, n_categories: int) -> Floats:
    if preferences is None:
        return np.zeros(n_categories, np.float32)
    return from_bytes(preferences)
