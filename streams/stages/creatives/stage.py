"""ads.creative-request.v1 -> ads.creative.v1.

A generator proposes, hard rules drop, a selector picks with a known probability, and
the receipt says how. Latest preferences (ads.preference.v1) fill requests that bring
no snapshot; which version answers whom is `arms`, which follows the releases.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from model_export.space.conditioning import condition
from schemas.records import Creative, CreativeRequest, Preference, Record
from schemas.vocabulary import Vocabulary
from streams.columns.columns import Columns
from streams.columns.ids import derived_seeds
from streams.engine.stage import Incoming, Outgoing, StateRow
from streams.settings import CreativesSettings
from streams.stages.creatives import STAGE
from streams.stages.creatives.answers import Answers, Briefs
from streams.stages.creatives.arms import Arms, Floats
from streams.stages.creatives.candidates import CATEGORY_STREAM
from streams.stages.creatives.counter_random import Words, fine_uniforms
from streams.stages.creatives.explanation import favourites
from streams.stages.creatives.latest_preferences import READ, LatestPreferences
from streams.stages.creatives.messages import CreativeMessages
from streams.stages.creatives.picking import Picker

RECENT_REQUESTS = 100_000
"""Answered request ids remembered, so that a repeated request costs nothing."""

_Asked = tuple[CreativeRequest, bytes]
"""A request and the preferences [categories] that count for it, float32."""


class Creatives:
    """Answers creative requests in micro-batches (a `Stage`)."""

    name = STAGE.name
    sources = STAGE.sources
    columnar: Mapping[type[Record], tuple[str, ...]] = {Preference: READ}
    use_compiled = True

    def __init__(
        self,
        settings: CreativesSettings,
        vocabulary: Vocabulary,
        arms: Arms,
        picker: Picker,
        messages: CreativeMessages,
    ) -> None:
        self.arms = arms
        self.n_expired = 0
        self._settings = settings
        self._vocabulary = vocabulary
        self._picker = picker
        self._messages = messages
        self._life_ms = int(settings.expiry_s * 1000)
        self._no_preferences = bytes(4 * len(vocabulary.categories))
        self._preferences = LatestPreferences(len(vocabulary.categories))
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
                    self._preferences.put(record.partition, record.value, record.offset)
                case None:
                    self._preferences.forget(
                        record.partition, record.key, record.offset
                    )
        answers = []
        for start in range(0, len(asked), self._settings.batch):
            answers += self._answer(asked[start : start + self._settings.batch], now)
        return answers

    def fold(
        self,
        source: type[Record],  # noqa: ARG002 - only preferences come in columns
        partition: int,
        columns: Columns,
        now: int,  # noqa: ARG002 - a preference is one at any time
    ) -> list[Outgoing]:
        """Learn preferences."""
        self._preferences.fold(partition, columns)
        return []

    def recall(self, source: type[Record], partition: int, columns: Columns) -> None:
        """Nothing to see again: later preferences win."""

    def n_recalled(self, source: type[Record]) -> int:  # noqa: ARG002 - see `recall`
        """Return 0."""
        return 0

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
        self._preferences.drop(partition)

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

    def _snapshot(self, request: CreativeRequest, partition: int) -> bytes:
        """Return the preferences that a request brings, else the person's latest."""
        if request.preferences is not None:
            return request.preferences
        latest = self._preferences.of(partition, request.user_id)
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
        request_ids = [request.request_id for request in requests]
        user_ids = [request.user_id for request in requests]
        arms = self.arms.of(user_ids)
        shas = [arm.sha256 for arm in arms]
        seeds = derived_seeds(len(asked), "candidates", request_ids, shas)
        categories = self._categories(requests, conditions, seeds)
        briefs = Briefs(categories, [request.tired_of or "" for request in requests])
        answers = Answers(
            request_ids=request_ids,
            user_ids=user_ids,
            placements=[request.placement for request in requests],
            surfaces=[request.surface for request in requests],
            languages=[request.language for request in requests],
            briefs=briefs,
            arms=arms,
            conditions=conditions,
            seeds=seeds,
            picks=self._picker.pick(arms, conditions, briefs, seeds),
        )
        messages = self._messages.written(answers, now, now + self._life_ms)
        return [
            Outgoing(Creative, f"{user_id}|{placement}", message, user_id)
            for user_id, placement, message in zip(
                user_ids, answers.placements, messages, strict=True
            )
        ]

    def _categories(
        self,
        requests: Sequence[CreativeRequest],
        conditions: Floats,
        seeds: Words,
    ) -> list[str]:
        """Choose what to advertise: as asked, else one of the three best liked."""
        open_ = [
            place for place, request in enumerate(requests) if request.category is None
        ]
        categories = [request.category or "" for request in requests]
        if not open_:
            return categories
        columns, roots = favourites(
            conditions[open_, : len(self._vocabulary.categories)]
        )
        liking = np.cumsum(roots.astype(np.float64) ** 2, 1)  # (n, 3)
        unit = fine_uniforms(seeds[open_], CATEGORY_STREAM)
        reached = (liking < (unit * liking[:, -1])[:, None]).sum(1)
        liked = columns[np.arange(len(open_)), reached]
        anything = (unit * len(self._vocabulary.categories)).astype(np.intp)
        chosen = np.where(liking[:, -1] > 0, liked, anything)
        for place, column in zip(open_, chosen.tolist(), strict=True):
            categories[place] = self._vocabulary.categories[column]
        return categories
