"""ads.creative-request.v1 -> ads.creative.v1.

A generator proposes, hard rules drop, a selector picks with a known probability, and
the receipt says how. Latest preferences (ads.preference.v1) fill requests that bring
no snapshot; which version answers whom is `arms`, which follows the releases.
"""

from collections.abc import Iterable, Sequence
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
from streams.core.candidates import CATEGORY_STREAM
from streams.core.counter_random import fine_uniforms, seeds_of
from streams.core.explanation import Explainer, favourites
from streams.core.ids import derived_id, derived_seed
from streams.core.model import Floats
from streams.core.picking import Pick, Picker
from streams.core.preference.vector import mixed, to_bytes
from streams.core.stage import Incoming, Outgoing, StateRow
from streams.settings import CreativesSettings

RECENT_REQUESTS = 100_000
"""Answered request ids remembered, so that a repeated request costs nothing."""

_Asked = tuple[CreativeRequest, bytes]
"""A request and the preferences [categories] that count for it, float32."""


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
        self._explainer = Explainer(taxonomy)
        self._life_ms = int(settings.expiry_s * 1000)
        self._no_preferences = bytes(4 * len(taxonomy))
        self._preferences: dict[int, dict[str, bytes]] = {}
        self._answered: dict[str, None] = {}

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:
        """Learn preferences; answer the requests."""
        asked: list[_Asked] = []
        for record in incoming:
            match record.value:
                case CreativeRequest() as request:
                    if self._is_due(request, now):
                        snapshot = self._snapshot(request, record.partition)
                        asked.append((request, snapshot))
                case Preference():
                    self._remember(record.value, record.partition)
                case None:
                    self._preferences.get(record.partition, {}).pop(record.key, None)
        answers = []
        for start in range(0, len(asked), self._settings.batch):
            answers += self._answer(asked[start : start + self._settings.batch], now)
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
            n_half_lives, n_categories = (
                len(preference.half_lives_s),
                len(self._taxonomy),
            )
            latest = mixed(preference.weights, n_half_lives, n_categories)
            users[preference.user_id] = to_bytes(latest)
        else:
            users.pop(preference.user_id, None)

    def _snapshot(self, request: CreativeRequest, partition: int) -> bytes:
        """Return the preferences that a request brings, else the person's latest."""
        if request.preferences is not None:
            return request.preferences
        latest = self._preferences.get(partition, {}).get(request.user_id)
        return self._no_preferences if latest is None else latest

    def _answer(self, asked: Sequence[_Asked], now: int) -> list[Outgoing]:
        """Answer a micro-batch: one inference per arm that occurs in it."""
        requests = [request for request, _ in asked]
        snapshots = b"".join([snapshot for _, snapshot in asked])
        hour = datetime.fromtimestamp(now / 1000, UTC).hour
        conditions = condition(
            np.frombuffer(snapshots, "<f4").reshape(len(asked), -1),
            [request.surface for request in requests],
            np.full(len(asked), hour),
        )  # (n, conditions)
        arms = [self.arms.of(request.user_id) for request in requests]
        seeds = [
            derived_seed("candidates", request.request_id, arm.sha256)
            for request, arm in zip(requests, arms, strict=True)
        ]
        categories = self._categories(requests, conditions, seeds)
        picks = self._picker.pick(arms, conditions, categories, seeds)
        languages = [request.language for request in requests]
        receipts = receipts_of(picks, arms, conditions, languages, self._explainer)
        return [
            self._creative(request, category, pick.design, receipt, now)
            for request, category, pick, receipt in zip(
                requests, categories, picks, receipts, strict=True
            )
        ]

    def _categories(
        self,
        requests: Sequence[CreativeRequest],
        conditions: Floats,
        seeds: Sequence[int],
    ) -> list[str]:
        """Choose what to advertise: as asked, else one of the three best liked."""
        open_ = [
            place for place, request in enumerate(requests) if request.category is None
        ]
        categories = [request.category or "" for request in requests]
        if not open_:
            return categories
        columns, roots = favourites(conditions[open_, : len(self._taxonomy)])
        liking = np.cumsum(roots.astype(np.float64) ** 2, 1)  # (n, 3)
        unit = fine_uniforms(seeds_of(seeds)[open_], CATEGORY_STREAM)
        reached = (liking < (unit * liking[:, -1])[:, None]).sum(1)
        liked = columns[np.arange(len(open_)), reached]
        anything = (unit * len(self._taxonomy)).astype(np.intp)
        chosen = np.where(liking[:, -1] > 0, liked, anything)
        for place, column in zip(open_, chosen.tolist(), strict=True):
            categories[place] = self._taxonomy.ids[column]
        return categories

    def _creative(
        self,
        request: CreativeRequest,
        category: str,
        design: Design,
        receipt: Receipt,
        now: int,
    ) -> Outgoing:
        creative_id = derived_id("creative", request.request_id, receipt.model_sha256)
        words = self._renderer.copy(design, category, request.language)
        assets: tuple[Asset, ...] = ()
        if self._settings.assets == "inline":
            assets = self._renderer.assets(
                request.surface,
                design,
                words,
                category,
                request.language,
                creative_id,
            )
        creative = Creative(
            creative_id=creative_id,
            request_id=request.request_id,
            user_id=request.user_id,
            placement=request.placement,
            surface=request.surface,
            language=request.language,
            category=category,
            created_at=now,
            expires_at=now + self._life_ms,
            design=design,
            copy=words,
            assets=assets,
            receipt=receipt,
        )
        key = f"{request.user_id}|{request.placement}"
        return Outgoing(Creative, key, creative, request.user_id)


def receipts_of(
    picks: Sequence[Pick],
    arms: Sequence[Arm],
    conditions: Floats,
    languages: Sequence[str],
    explainer: Explainer,
) -> list[Receipt]:
    """Return the decision receipts of a micro-batch, one entry per request.

    Args:
        picks: the chosen designs and how they were chosen.
        arms: who answered.
        conditions: condition vectors [n, conditions]; they begin with the preferences.
        languages: of the explanations.
        explainer: writes them.
    """
    reasons = explainer.sentences([arm.name for arm in arms], conditions, languages)
    return [
        Receipt(
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
            condition=given,
            shadow_version=pick.shadow_version,
            explanation=reason,
            ai_generated=True,
        )
        for pick, arm, given, reason in zip(
            picks, arms, map(to_bytes, conditions), reasons, strict=True
        )
    ]
