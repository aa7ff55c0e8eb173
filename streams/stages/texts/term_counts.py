"""In how many recent texts each term occurred: the idf table that the stream keeps."""

import json
import math
import struct
from collections.abc import Iterable
from functools import cache
from heapq import nsmallest
from pathlib import Path
from typing import Final, NamedTuple

from streams.engine.keyed_state import KeyedState
from streams.engine.stage import StateRow

PRIOR_TEXTS: Final = 2_000
"""How many texts the bundled table weighs: enough to start sane, soon outvoted."""
_PRIOR_FILE: Final = Path(__file__).with_name("prior.json")
_TOTAL: Final = "#texts"  # no term holds a mark
_LAYOUT: Final = struct.Struct("<dq")


class Count(NamedTuple):
    """A decayed count, as of the partition's text number `at`."""

    weight: float
    at: int


class TermCounts:
    """Decayed document frequencies per partition, bounded in size.

    A count halves every `half_life_texts` texts of its partition. It is stored with the
    text number that it is true for, so that decay touches no other row and a checkpoint
    writes only the terms that occurred. Above `max_terms` the fifth with the smallest
    counts is forgotten.
    """

    def __init__(self, half_life_texts: int = 200_000, max_terms: int = 10_000) -> None:
        self._decay = 0.5 ** (1 / half_life_texts)
        self._max_terms = max_terms
        self._state = KeyedState[Count](
            lambda count: _LAYOUT.pack(*count), lambda row: Count(*_LAYOUT.unpack(row))
        )
        self._terms: dict[int, set[str]] = {}

    def add_text(self, partition: int, terms: Iterable[str]) -> None:
        """Count one text that holds these distinct terms."""
        at = self._texts_seen(partition) + 1
        self._state.put(partition, _TOTAL, Count(0.0, at))
        known = self._terms.setdefault(partition, set())
        for term in terms:
            weight = self._weight(partition, term, at) + 1.0
            self._state.put(partition, term, Count(weight, at))
            known.add(term)
        if len(known) > self._max_terms:
            self._forget_rare(partition, at)

    def idf(self, partition: int, term: str) -> float:
        """Return log((N + 1) / (n_term + 1)), the bundled table counted in."""
        at = self._texts_seen(partition)
        n_texts = (1 - self._decay**at) / (1 - self._decay) + PRIOR_TEXTS
        n_term = self.frequency(partition, term) + PRIOR_TEXTS * _prior().get(term, 0.0)
        return math.log((n_texts + 1) / (n_term + 1))

    def frequency(self, partition: int, term: str) -> float:
        """Return the decayed number of texts that held a term."""
        return self._weight(partition, term, self._texts_seen(partition))

    def n_terms(self, partition: int) -> int:
        """Return how many terms a partition remembers."""
        return len(self._terms.get(partition, ()))

    def take_dirty(self) -> list[StateRow]:
        """Return the rows changed since the last call."""
        return self._state.take_dirty()

    def restore(self, rows: Iterable[StateRow]) -> None:
        """Take rows back from the changelog."""
        rows = list(rows)
        self._state.restore(rows)
        for row in rows:
            if row.key == _TOTAL:
                continue
            known = self._terms.setdefault(row.partition, set())
            (known.discard if row.value is None else known.add)(row.key)

    def drop(self, partition: int) -> None:
        """Forget a partition."""
        self._state.drop(partition)
        self._terms.pop(partition, None)

    def _texts_seen(self, partition: int) -> int:
        total = self._state.get(partition, _TOTAL)
        return 0 if total is None else total.at

    def _weight(self, partition: int, term: str, at: int) -> float:
        count = self._state.get(partition, term)
        if count is None:
            return 0.0
        return float(count.weight * self._decay ** (at - count.at))

    def _forget_rare(self, partition: int, at: int) -> None:
        known = self._terms[partition]
        rare = nsmallest(
            len(known) // 5,
            known,
            key=lambda term: (self._weight(partition, term, at), term),
        )
        for term in rare:
            self._state.delete(partition, term)
        known.difference_update(rare)


@cache
def _prior() -> dict[str, float]:
    """Return word -> share of texts, for words that are common from the start."""
    shares = json.loads(_PRIOR_FILE.read_text("utf-8"))["zh"]
    return {str(word): float(share) for word, share in shares.items()}
