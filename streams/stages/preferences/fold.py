"""Columns -> rows, in numpy: the twin of the compiled fold.

A batch is folded as sums and maxima over its people. A person who withdraws consent in
the batch is folded event by event: what came before the withdrawal is forgotten.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from streams.columns.columns import LENGTH_BITS, Columns, Ints
from streams.columns.key_index import KeyIndex
from streams.columns.plan import NULL
from streams.columns.rows import (
    EPOCH_MS,
    SURFACES,
    TICK_BITS,
    Rows,
    add_at,
    max_at,
    ticks_of,
)
from streams.columns.rules import CLICK, IMPRESSION, FoldRules
from streams.columns.vectors import Bytes, Flags, Hashes, hash_bytes, padded
from streams.stages.preferences.unclicked import keep_newest
from streams.stages.preferences.window import Window

Events = dict[str, npt.NDArray[Any]]
"""Columns of the events to fold: number (of the row), at, tick, kind, surface, column
(category, -1: none), consent."""

Amounts = npt.NDArray[np.float32]
Ages = npt.NDArray[np.float64]


def fold(
    rules: FoldRules,
    index: KeyIndex,
    window: Window,
    rows: Rows,
    columns: Columns,
    replayed: Ints,
    dirty: Ints,
) -> tuple[int, int]:
    """Fold behaviour into the rows of its people.

    Args:
        rules: what an event is worth.
        index: of the user ids.
        window: of the event ids; a repeated id changes nothing.
        rows: with room for one new row per event.
        columns: of Behavior: event_id, user_id, kind, occurred_at, surface, category,
            consent.
        replayed: per row the last offset that it includes already; may be short.
        dirty: filled with the rows that were clean before [n].

    Returns:
        How many rows became dirty, how many events were folded.
    """
    events = _fresh(rules, index, window, rows, columns)
    if len(replayed):
        numbers = np.minimum(events["number"], len(replayed) - 1)
        included = np.where(events["number"] < len(replayed), replayed[numbers], -1)
        events = _chosen(events, events["offset"] > included)
    number = events["number"]
    clean = number[rows["dirty"][number] == 0]
    newly = np.unique(clean)
    dirty[: len(newly)] = newly
    rows["dirty"][newly] = 1
    refused = events["consent"] == 0
    if refused.any():
        apart = np.isin(number, number[refused])
        fold_events(rules, rows, _chosen(events, ~apart))
        for i in np.flatnonzero(apart):
            fold_events(rules, rows, {n: c[i : i + 1] for n, c in events.items()})
    else:
        fold_events(rules, rows, events)
    return len(newly), len(number)


def _chosen(events: Events, chosen: Flags) -> Events:
    if chosen.all():
        return events
    return {name: column[chosen] for name, column in events.items()}


def _fresh(
    rules: FoldRules, index: KeyIndex, window: Window, rows: Rows, columns: Columns
) -> Events:
    """Return the events whose id is new, with their row and category numbers."""
    joined = _joined(columns)
    users = _within_joined(columns, "user_id")
    no_seed = np.zeros(len(columns), np.uint64)
    user_hashes = hash_bytes(joined, users, no_seed)
    ids = _within_joined(columns, "event_id")
    fresh = window.add(hash_bytes(joined, ids, user_hashes))
    at, surface = columns.slot("occurred_at"), columns.slot("surface")
    categories = _within_joined(columns, "category")
    events = _chosen(
        {
            "user": users,
            "hash": user_hashes,
            "offset": columns.offsets,
            "at": at,
            "tick": ticks_of(at),
            "kind": columns.slot("kind"),
            "surface": np.where(surface < 0, len(SURFACES) - 1, surface),
            "column": _categories(rules, joined, categories),
            "consent": columns.slot("consent"),
        },
        fresh,
    )
    users, hashes = events.pop("user"), events.pop("hash")
    return events | {"number": index.numbers(joined, users, hashes, rows)}


def recall(window: Window, columns: Columns) -> None:
    """See the event ids of columns without folding anything."""
    joined = _joined(columns)
    no_seed = np.zeros(len(columns), np.uint64)
    users = hash_bytes(joined, _within_joined(columns, "user_id"), no_seed)
    window.add(hash_bytes(joined, _within_joined(columns, "event_id"), users))


def _joined(columns: Columns) -> Bytes:
    """Return the bytes of the payloads, padded."""
    if columns.content is not None:
        return columns.content
    return padded(*(one.records for one in columns.payloads))


def _within_joined(columns: Columns, name: str) -> Ints:
    """Return a column's spans as places in the payloads' joined bytes."""
    lengths = [len(payload.records) for payload in columns.payloads]
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64)
    shift = np.repeat(starts << LENGTH_BITS, np.diff(columns.row_starts))
    spans = columns.slot(name)
    return np.where(spans == NULL, NULL, spans + shift)


def _categories(rules: FoldRules, joined: Bytes, spans: Ints) -> Ints:
    """Return the column of each category; -1 for none and for unknown ones."""
    known, columns = _known_categories(rules.categories)
    there = np.where(spans == NULL, 0, spans)
    hashes = hash_bytes(joined, there, np.ones(len(spans), np.uint64))
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found = (known[at] == hashes) & (spans != NULL)
    return np.where(found, columns[at], -1)


@cache
def _known_categories(categories: tuple[str, ...]) -> tuple[Hashes, Ints]:
    """Return the hashes of the categories, sorted, and the column of each."""
    names = [name.encode() for name in categories]
    starts = np.cumsum([0, *map(len, names)])[:-1]
    ours = starts << LENGTH_BITS | np.array([len(name) for name in names])
    known = hash_bytes(padded(b"".join(names)), ours, np.ones(len(ours), np.uint64))
    order = np.argsort(known)
    return known[order], order


def fold_events(rules: FoldRules, rows: Rows, events: Events) -> None:
    """Fold events, or one withdrawal of consent, into rows by their number.

    Fields of the rows are written where they are, once per event (`ufunc.at`).
    """
    number, at = events["number"], events["at"]
    if not len(number):
        return
    before = rows["as_of"][number]
    add_at(rows, "n_events", number, np.ones(len(number), np.uint32))
    max_at(rows, "as_of", number, at)
    _consent(rows, before, events)
    move_landmarks(rules, rows, number, at)
    _fatigue(rules, rows, events)
    _bursts(rules, rows, before, events)
    keep_newest(rows, events["number"], events["kind"], events["tick"])
    _weigh(rules, rows, events)


def _consent(rows: Rows, before: Ints, events: Events) -> None:
    """Take consent from the newest event; of two at once, the refusal counts."""
    number, at, consent = events["number"], events["at"], events["consent"]
    rows["consent"][number[at > before]] = 1
    refused = consent == 0
    if not refused.any():
        return
    newest = at == rows["as_of"][number]
    rows["consent"][number[newest & refused]] = 0
    max_at(rows, "withdrawn", number[refused], events["tick"][refused])
    rows["weights"][number[refused]] = 0


def _fatigue(rules: FoldRules, rows: Rows, events: Events) -> None:
    """Add what was shown and clicked."""
    shown = np.flatnonzero(events["kind"] == IMPRESSION)
    number = events["number"][shown]
    age = _age(rows, number, events["at"][shown])
    tired = np.exp2(age / rules.fatigue_half_life_ms)
    add_at(rows, "exposures", number, tired, events["surface"][shown])


def _bursts(rules: FoldRules, rows: Rows, before: Ints, events: Events) -> None:
    """Add what was shown and clicked within minutes, as of the newest event.

    No landmark: with such a half-life it would have to be moved each hour, all weights
    with it, and most people come less often.
    """
    number = events["number"]
    people, first = np.unique(number, return_index=True)
    passed = rows["as_of"][people] - before[first]
    rows["bursts"][people] *= np.exp2(-passed / rules.burst_half_life_ms)[:, None]
    age = events["at"] - rows["as_of"][number]
    recent = np.exp2(age / rules.burst_half_life_ms)
    for place, kind in enumerate((IMPRESSION, CLICK)):
        chosen = events["kind"] == kind
        add_at(rows, "bursts", number[chosen], recent[chosen], place)


def _weigh(rules: FoldRules, rows: Rows, events: Events) -> None:
    """Add what consenting people did to their categories."""
    amounts = np.array([*rules.kind_weights, 0.0], np.float32)[events["kind"]]
    counts = (events["consent"] == 1) & (events["column"] >= 0) & (amounts != 0)
    counts &= events["tick"] > rows["withdrawn"][events["number"]]
    chosen = np.flatnonzero(counts)
    add_weights(
        rules,
        rows,
        events["number"][chosen],
        events["column"][chosen],
        amounts[chosen],
        events["at"][chosen],
    )


def add_weights(
    rules: FoldRules,
    rows: Rows,
    number: Ints,
    columns: Ints,
    amounts: Amounts,
    at: Ints,
) -> None:
    """Add `amounts` [n] to the categories `columns` [n] of rows as of `at` [n].

    Their landmarks have been moved for these instants.
    """
    age = _age(rows, number, at)
    for life, length in enumerate(rules.half_lives_ms):
        growth = np.exp2(age / length).astype(np.float32)
        first = life * len(rules.categories)
        add_at(rows, "weights", number, amounts * growth, first + columns)


def move_landmarks(rules: FoldRules, rows: Rows, number: Ints, at: Ints) -> None:
    """Rescale rows [n] whose newest event `at` [n] is too far past their landmark."""
    landmark = rows["landmark"][number]
    moves = (landmark == 0) | (_age(rows, number, at) > rules.max_age_ms)
    if not moves.any():
        return
    touched, which = np.unique(number[moves], return_inverse=True)
    newest = np.zeros(len(touched), np.int64)
    np.maximum.at(newest, which, at[moves])
    people = rows[touched]
    old = people["landmark"].astype(np.int64)
    passed = np.where(old > 0, (ticks_of(newest) - old) << TICK_BITS, 0)
    lives = np.array(rules.half_lives_ms)
    shrink = np.exp2(-passed[:, None] / lives)  # (people, half-lives)
    people["weights"] *= shrink[:, :, None].astype(np.float32)
    people["exposures"] *= np.exp2(-passed / rules.fatigue_half_life_ms)[:, None]
    people["landmark"] = ticks_of(newest)
    rows[touched] = people


def _age(rows: Rows, number: Ints, at: Ints) -> Ages:
    """Return the ms from their landmark to each event [n]."""
    landmarks = rows["landmark"][number].astype(np.int64) << TICK_BITS
    ages: Ages = (at - (EPOCH_MS + landmarks)).astype(np.float64)
    return ages
