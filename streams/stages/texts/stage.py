"""ads.text.v1 -> ads.text-signal.v1: keywords, sentiment, and how preferences move."""

from collections.abc import Iterable, Sequence

from schemas.records import Text, TextSignal
from streams.columns.columns import Columns
from streams.engine.stage import Incoming, Outgoing, StateRow
from streams.kafka.wire import Wire
from streams.settings import Settings
from streams.stages.texts import STAGE
from streams.stages.texts.categories import matched_categories
from streams.stages.texts.keywords import counted_terms, ranked_keywords
from streams.stages.texts.language import clean, language_of
from streams.stages.texts.sentiment import sentiment
from streams.stages.texts.shifts import category_shifts
from streams.stages.texts.term_counts import TermCounts
from streams.stages.texts.tokens import tokens


class TextSignals:
    """The texts stage: one signal per text, in order.

    Its state is the table of term counts behind the keywords' idf, per partition. The
    signal of a text that comes twice carries the same text id; only its keywords may be
    ranked otherwise, as the table has moved on. Without consent nothing is read from a
    text: no keywords, no sentiment, no shifts, no counts.
    """

    name = STAGE.name
    sources = STAGE.sources

    def __init__(self, counts: TermCounts | None = None) -> None:
        self._counts = counts or TermCounts()

    def unknown_categories(self, columns: Columns) -> Sequence[int]:  # noqa: ARG002 - no columns come here
        """Return nothing: texts come one by one, and are judged so."""
        return ()

    def step(self, incoming: Sequence[Incoming], now: int) -> list[Outgoing]:
        """Return the signal of each text; a tombstone has none."""
        del now  # what a text says does not depend on when it is read
        return [
            Outgoing(TextSignal, each.key, self._signal(each.value, each.partition))
            for each in incoming
            if isinstance(each.value, Text)
        ]

    def tick(self, now: int) -> list[Outgoing]:
        """Return nothing: no text waits for time."""
        del now
        return []

    def take_dirty(self) -> list[StateRow]:
        """Return the term counts changed since the last call."""
        return self._counts.take_dirty()

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take term counts back from the changelog."""
        self._counts.restore(rows)

    def drop(self, partition: int) -> None:
        """Forget a partition's term counts."""
        self._counts.drop(partition)

    def _signal(self, text: Text, partition: int) -> TextSignal:
        cleaned = clean(text.text)
        language = language_of(cleaned, text.language)
        keywords: tuple[str, ...] = ()
        polarity = 0.0
        matched: list[str] = []
        if text.consent:
            found = tokens(cleaned, language)
            matched = matched_categories(found, language)
            # A search wants something; it does not judge it.
            polarity = 0.0 if text.kind == "search" else sentiment(cleaned, language)
            if language != "und":
                keywords = ranked_keywords(found, self._counts, partition, language)
                self._counts.add_text(partition, counted_terms(found))
        return TextSignal(
            text_id=text.text_id,
            user_id=text.user_id,
            kind=text.kind,
            language=language,
            keywords=keywords,
            sentiment=polarity,
            shifts=category_shifts(text, cleaned, language, matched, polarity)
            if text.consent
            else (),
            written_at=text.written_at,
            consent=text.consent,
        )


def build(_settings: Settings, _wire: Wire) -> TextSignals:
    """Return the stage that reads texts."""
    return TextSignals()
