"""Columns -> rows, in numpy: the twin of the compiled fold.

A batch is folded as sums and maxima over its people. A person who withdraws consent in
the batch is folded event by event: what came before the withdrawal is forgotten.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from streams.core.columnar.columns import LENGTH_BITS, LENGTH_MASK, Columns, Ints
from streams.core.columnar.key_index import KeyIndex, Rows
from streams.core.columnar.plan import NULL
from streams.core.columnar.rows import (
    EPOCH_MS,
    N_UNCLICKED,
    SURFACES,
    TICK_BITS,
    ticks_of,
)
from streams.core.columnar.rules import CLICK, IMPRESSION, FoldRules
from streams.core.columnar.vectors import Bytes, Hashes, equal, hash_bytes, padded
from streams.core.columnar.window import Window

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
    known = np.zeros(len(events["number"]), np.bool_)
    inside = events["number"] < len(replayed)
    numbers = events["number"][inside]
    known[inside] = events["offset"][inside] <= replayed[numbers]
    events = {name: column[~known] for name, column in events.items()}
    touched = np.unique(events["number"])
    newly = touched[rows["dirty"][touched] == 0]
    dirty[: len(newly)] = newly
    rows["dirty"][touched] = 1
    withdrawing = np.unique(events["number"][events["consent"] == 0])
    apart = np.isin(events["number"], withdrawing)
    fold_events(rules, rows, {name: c[~apart] for name, c in events.items()})
    for i in np.flatnonzero(apart):
        fold_events(rules, rows, {name: c[i : i + 1] for name, c in events.items()})
    return len(newly), len(events["number"])


def _fresh(
    rules: FoldRules, index: KeyIndex, window: Window, rows: Rows, columns: Columns
) -> Events:
    """Return the events whose id is new, with their row and category numbers."""
    joined = padded(b"".join(bytes(one.records) for one in columns.payloads))
    users = _within_joined(columns, "user_id")
    no_seed = np.zeros(len(columns), np.uint64)
    user_hashes = hash_bytes(joined, users, no_seed)
    ids = _within_joined(columns, "event_id")
    fresh = window.add(hash_bytes(joined, ids, user_hashes))
    at = columns.slot("occurred_at")[fresh]
    surface = columns.slot("surface")[fresh]
    return {
        "number": _numbers(index, rows, joined, users[fresh], user_hashes[fresh]),
        "offset": columns.offsets[fresh],
        "at": at,
        "tick": ticks_of(at),
        "kind": columns.slot("kind")[fresh],
        "surface": np.where(surface < 0, len(SURFACES) - 1, surface),
        "column": _categories(rules, joined, _within_joined(columns, "category"))[
            fresh
        ],
        "consent": columns.slot("consent")[fresh],
    }


def recall(window: Window, columns: Columns) -> None:
    """See the event ids of columns without folding anything."""
    joined = padded(b"".join(bytes(one.records) for one in columns.payloads))
    no_seed = np.zeros(len(columns), np.uint64)
    users = hash_bytes(joined, _within_joined(columns, "user_id"), no_seed)
    window.add(hash_bytes(joined, _within_joined(columns, "event_id"), users))


def _within_joined(columns: Columns, name: str) -> Ints:
    """Return a column's spans as places in the payloads' joined bytes."""
    lengths = [len(payload.records) for payload in columns.payloads]
    starts = np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64)
    shift = np.repeat(starts << LENGTH_BITS, np.diff(columns.row_starts))
    spans = columns.slot(name)
    return np.where(spans == NULL, NULL, spans + shift)


def _numbers(
    index: KeyIndex, rows: Rows, joined: Bytes, users: Ints, hashes: Hashes
) -> Ints:
    """Return the row number of each event's person, new people in order."""
    _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    if not equal(joined, users, users[first][which]).all():  # two ids with one hash
        first = which = np.arange(len(users))
    numbers = np.zeros(len(first), np.int64)
    for i in np.argsort(first).tolist():
        span = int(users[first[i]])
        start = span >> LENGTH_BITS
        key = joined[start : start + (span & LENGTH_MASK)].tobytes()
        number = index.find(key, rows)
        numbers[i] = index.add(key, rows) if number < 0 else number
    return numbers[which]


def _categories(rules: FoldRules, joined: Bytes, spans: Ints) -> Ints:
    """Return the column of each category; -1 for none and for unknown ones."""
    names = [name.encode() for name in rules.categories]
    starts = np.cumsum([0, *map(len, names)])[:-1]
    ours = starts << LENGTH_BITS | np.array([len(name) for name in names])
    known = hash_bytes(padded(b"".join(names)), ours, np.ones(len(ours), np.uint64))
    order = np.argsort(known)
    there = np.where(spans == NULL, 0, spans)
    hashes = hash_bytes(joined, there, np.ones(len(spans), np.uint64))
    at = np.minimum(np.searchsorted(known[order], hashes), len(known) - 1)
    found = (known[order][at] == hashes) & (spans != NULL)
    return np.where(found, order[at], -1)


def fold_events(rules: FoldRules, rows: Rows, events: Events) -> None:
    """Fold events, or one withdrawal of consent, into rows by their number."""
    number = events["number"]
    if not len(number):
        return
    touched, which = np.unique(number, return_inverse=True)
    people = rows[touched]
    np.add.at(people["n_events"], which, 1)
    before = people["as_of"].copy()
    np.maximum.at(people["as_of"], which, events["at"])
    _consent(people, before, which, events)
    move_landmarks(rules, people, which, events["at"])
    _fatigue(rules, people, which, events)
    _unclicked(people, which, events)
    _weigh(rules, people, which, events)
    rows[touched] = people


def _consent(people: Rows, before: Ints, which: Ints, events: Events) -> None:
    """Take consent from the newest event; of two at once, the refusal counts."""
    newest = events["at"] == people["as_of"][which]
    answer = np.where(people["as_of"] > before, 1, people["consent"]).astype(np.uint8)
    np.minimum.at(answer, which[newest], events["consent"][newest].astype(np.uint8))
    people["consent"] = answer
    refused = events["consent"] == 0
    ticks = events["tick"][refused].astype(np.uint32)
    np.maximum.at(people["withdrawn"], which[refused], ticks)
    people["weights"][np.unique(which[refused])] = 0


def _fatigue(rules: FoldRules, people: Rows, which: Ints, events: Events) -> None:
    """Add what was shown and clicked."""
    shown, clicked = events["kind"] == IMPRESSION, events["kind"] == CLICK
    age = _age(people, which, events["at"])
    tired = np.exp2(age / rules.fatigue_half_life_ms)
    burst = np.exp2(age / rules.burst_half_life_ms)
    surface = events["surface"][shown]
    np.add.at(people["exposures"], (which[shown], surface), tired[shown])
    np.add.at(people["bursts"][:, 0], which[shown], burst[shown])
    np.add.at(people["bursts"][:, 1], which[clicked], burst[clicked])


def _unclicked(people: Rows, which: Ints, events: Events) -> None:
    """Keep the newest impressions after the last click."""
    clicked = events["kind"] == CLICK
    ticks = events["tick"][clicked].astype(np.uint32)
    np.maximum.at(people["last_click"], which[clicked], ticks)
    shown = events["kind"] == IMPRESSION
    owner = np.concatenate(
        [which[shown], np.repeat(np.arange(len(people)), N_UNCLICKED)]
    )
    seen = np.concatenate([events["tick"][shown], people["unclicked"].ravel()])
    seen = np.where(seen > people["last_click"][owner], seen, 0)
    order = np.lexsort((-seen.astype(np.int64), owner))
    owner, seen = owner[order], seen[order]
    rank = np.arange(len(owner)) - np.searchsorted(owner, owner)
    kept = rank < N_UNCLICKED
    people["unclicked"][owner[kept], rank[kept]] = seen[kept]


def _weigh(rules: FoldRules, people: Rows, which: Ints, events: Events) -> None:
    """Add what consenting people did to their categories."""
    amounts = np.array([*rules.kind_weights, 0.0], np.float32)[events["kind"]]
    counts = (events["consent"] == 1) & (events["column"] >= 0) & (amounts != 0)
    counts &= events["tick"] > people["withdrawn"][which]
    add_weights(
        rules,
        people,
        which[counts],
        events["column"][counts],
        amounts[counts],
        events["at"][counts],
    )


def add_weights(
    rules: FoldRules,
    people: Rows,
    which: Ints,
    columns: Ints,
    amounts: Amounts,
    at: Ints,
) -> None:
    """Add `amounts` [n] to the categories `columns` [n] of people as of `at` [n].

    Their landmarks have been moved for these instants.
    """
    age = _age(people, which, at)
    for life, length in enumerate(rules.half_lives_ms):
        growth = np.exp2(age / length).astype(np.float32)
        np.add.at(people["weights"][:, life], (which, columns), amounts * growth)


def move_landmarks(rules: FoldRules, people: Rows, which: Ints, at: Ints) -> None:
    """Rescale the people whose newest event `at` [n] is too far past their landmark."""
    newest = np.zeros(len(people), np.int64)
    np.maximum.at(newest, which, at)
    old = people["landmark"].astype(np.int64)
    is_late = newest - (EPOCH_MS + (old << TICK_BITS)) > rules.max_age_ms
    moves = (newest > 0) & ((old == 0) | is_late)
    moved = np.where(moves, ticks_of(newest), old)
    passed = np.where(moves & (old > 0), (moved - old) << TICK_BITS, 0)
    lives = np.array(rules.half_lives_ms)
    shrink = np.exp2(-passed[:, None] / lives)  # (people, half-lives)
    people["weights"] *= shrink[:, :, None].astype(np.float32)
    people["exposures"] *= np.exp2(-passed / rules.fatigue_half_life_ms)[:, None]
    people["bursts"] *= np.exp2(-passed / rules.burst_half_life_ms)[:, None]
    people["landmark"] = moved


def _age(people: Rows, which: Ints, at: Ints) -> Ages:
    """Return the ms from their landmark to each event [n]."""
    landmarks = people["landmark"].astype(np.int64) << TICK_BITS
    ages: Ages = (at - (EPOCH_MS + landmarks[which])).astype(np.float64)
    return ages
