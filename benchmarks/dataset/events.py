"""A spec and a seed -> columns of Behavior events: who did what, when.

Nothing is kept as text: users, categories and ids are numbers, and `encoding` gives
them their bytes. Everything is a function of the spec, so a dataset can be cached.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from benchmarks.dataset.user_ids import partitions_of, user_ids
from schemas.vocabulary import deployed

Ints = NDArray[np.int64]

KINDS = ("impression", "click", "conversion", "view", "search", "dismiss")
"""Symbols of BehaviorKind, in the order of the schema."""

KIND_SHARES = (0.62, 0.08, 0.01, 0.20, 0.06, 0.03)

FIRST_INSTANT = 1_750_000_000_000
"""Ordinarily fixed, so that the records are always the same."""

FAVOURITES_SHARE = 0.7
N_CREATIVES_A_USER = 8


@dataclass(frozen=True)
class Spec:
    """What to generate; two equal specs give equal bytes.

    `users` is "zipf" (a bounded Zipf law: a few people do most) or "each" (everybody
    in turn, for figures that need every user to exist).
    """

    n_events: int = 3_000_000
    n_users: int = 50_000
    n_partitions: int = 4
    users: str = "zipf"
    exponent: float = 1.0
    duplicates: float = 0.01
    hours: float = 4.0
    codec: str = "none"
    records_per_batch: int = 500
    jitter_ms: int = 2_000
    first_instant: int = FIRST_INSTANT
    """Event time of event number 0, epoch ms."""
    first_event: int = 0
    """Number of the first event: a later part of a log has other event ids."""
    creatives: str = "own"
    """"own", or "fallback": ids that no creative record has to explain."""
    seed: int = 1

    @property
    def digest(self) -> str:
        """Return a short name for the cache."""
        text = repr(sorted(asdict(self).items())).encode()
        return blake2b(text, digest_size=8).hexdigest()


@dataclass(frozen=True)
class Columns:
    """Events in the order of the log; every array is [n_events]."""

    spec: Spec
    user: Ints
    kind: Ints
    """Index into `KINDS`."""
    category: Ints
    """Column of the vocabulary."""
    at: Ints
    """Event time, epoch ms."""
    event: Ints
    """Number that the event id is made from; a duplicate repeats it."""
    impression: Ints
    """Number of the impression shown or reacted to; -1 for none."""

    @cached_property
    def ids(self) -> NDArray[np.uint8]:
        """User ids as bytes [n_users, 28]."""
        return user_ids(self.spec.n_users, self.spec.seed)

    @cached_property
    def partition_of_user(self) -> Ints:
        """Partition of every user [n_users], as Kafka's default partitioner has it."""
        return partitions_of(self.ids, self.spec.n_partitions)

    @cached_property
    def is_duplicate(self) -> NDArray[np.bool_]:
        """True where the event id occurred earlier in the log."""
        _, first = np.unique(self.event, return_index=True)
        duplicate = np.ones(len(self.event), np.bool_)
        duplicate[first] = False
        return duplicate


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the events of a log that was written in parts."""
    names = ("user", "kind", "category", "at", "event", "impression")
    columns = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in names
    }
    return Columns(parts[0].spec, **columns)


def generate(spec: Spec) -> Columns:
    """Return the events of a spec."""
    rng = np.random.default_rng(spec.seed)
    n = spec.n_events
    user = _users(spec, rng)
    kind = rng.choice(len(KINDS), n, p=KIND_SHARES)
    step_ms = spec.hours * 3_600_000 / n
    number = spec.first_event + np.arange(n)
    at = spec.first_instant + (number * step_ms).astype(np.int64)
    at += rng.integers(-spec.jitter_ms, spec.jitter_ms + 1, n)
    columns = {
        "user": user,
        "kind": kind,
        "category": _categories(user, rng),
        "at": at,
        "event": number,
        "impression": _impressions(user, kind, spec.first_event),
    }
    _repeat_some(columns, spec, rng)
    return Columns(spec, **columns)


def _users(spec: Spec, rng: np.random.Generator) -> Ints:
    if spec.users == "each":
        turns = -(-spec.n_events // spec.n_users)
        order = [rng.permutation(spec.n_users) for _ in range(turns)]
        return np.concatenate(order)[: spec.n_events]
    weights = np.arange(1, spec.n_users + 1) ** -spec.exponent
    cumulated = np.cumsum(weights)
    ranks = np.searchsorted(cumulated, rng.random(spec.n_events) * cumulated[-1])
    # Ranks are dealt to users at random, so that partitions get their share of stars.
    users: Ints = rng.permutation(spec.n_users)[np.minimum(ranks, spec.n_users - 1)]
    return users


def _categories(user: Ints, rng: np.random.Generator) -> Ints:
    """Return what each event is about: mostly a few favourites of its user."""
    n_categories = len(deployed().categories)
    favourite = (user * 7 + rng.integers(0, 5, len(user)) * 11) % n_categories
    anything = rng.integers(0, n_categories, len(user))
    return np.where(rng.random(len(user)) < FAVOURITES_SHARE, favourite, anything)


def _impressions(user: Ints, kind: Ints, first_event: int) -> Ints:
    """Give impressions a number, and reactions that of the user's latest one."""
    n = len(user)
    is_impression = kind == KINDS.index("impression")
    reacts = np.isin(kind, [KINDS.index(k) for k in ("click", "conversion", "dismiss")])
    order = np.argsort(user, kind="stable")
    latest = np.where(is_impression[order], np.arange(n), -1)
    latest = np.maximum.accumulate(latest)
    starts = np.searchsorted(user[order], user[order])  # first row of the same user
    latest = np.where(latest >= starts, latest, -1)
    known = np.where(latest >= 0, order[latest] + first_event, -1)
    shown = np.empty(n, np.int64)
    shown[order] = known
    return np.where(is_impression | reacts, shown, -1)


def _repeat_some(
    columns: dict[str, Ints], spec: Spec, rng: np.random.Generator
) -> None:
    """Overwrite a share of the events by copies of events up to 20,000 rows earlier."""
    n = spec.n_events
    copies = np.flatnonzero(rng.random(n) < spec.duplicates)
    sources = np.maximum(copies - rng.integers(1, 20_000, len(copies)), 0)
    kept = ~np.isin(sources, copies) & (sources != copies)
    copies, sources = copies[kept], sources[kept]
    for column in columns.values():
        column[copies] = column[sources]
