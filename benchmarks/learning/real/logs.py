"""Public logs of real people -> arrays: who it was, what was shown, what they did.

Hillstrom's e-mail experiment (K. Hillstrom 2008, the MineThatData challenge) drew one
of two e-mails or none at random. The Open Bandit Dataset (Saito et al. 2021, "Open
Bandit Dataset and Pipeline") has two policies on one fashion site: uniform, and
Bernoulli Thompson sampling (bts). The files are kept outside the repository: in
../shared/data, or where ADLOOM_BENCH_DATA says.
"""

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.data_files import data_file

Floats = NDArray[np.float32]
Rows = Sequence[dict[str, str]]

N_ITEMS = 34
_POSITIONS = 3
_USER_FEATURES = tuple(f"user_feature_{number}" for number in range(4))
_EMAILS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")


@dataclass(frozen=True)
class Log:
    """Logged decisions, one a row."""

    tastes: Floats
    """float32[n, k]: what was known of the person, standardised."""
    place: NDArray[np.intp]
    """[n]: where it was shown; one of at most four places."""
    action: NDArray[np.intp]
    """[n]: what was shown."""
    reward: NDArray[np.float64]
    """[n]: 0 or 1."""
    propensity: NDArray[np.float64]
    """[n]: of the action."""
    actions: tuple[str, ...]
    people: tuple[str, ...] | None
    """Rows of one group are not independent; None: each row is a person."""

    def __len__(self) -> int:
        return len(self.action)

    def rows(self, mask: NDArray[np.bool_]) -> "Log":
        """Return the rows where `mask` is True."""
        people = self.people and tuple(np.asarray(self.people)[mask].tolist())
        return Log(
            self.tastes[mask],
            self.place[mask],
            self.action[mask],
            self.reward[mask],
            self.propensity[mask],
            self.actions,
            people,
        )


def hillstrom() -> Log:
    """Return the e-mail experiment; the reward is a visit within two weeks.

    Raises:
        UnavailableError: the file is not there.
    """
    rows = _read("hillstrom_dev.csv.gz")
    numbers = [
        [float(row["recency"]), np.log1p(float(row["history"]))]
        + [float(row[name]) for name in ("mens", "womens", "newbie")]
        for row in rows
    ]
    words = _one_hot(rows, rows, ("zip_code", "channel"))
    action = [_EMAILS.index(row["segment"]) for row in rows]
    return Log(
        tastes=_standardised(np.concatenate([np.array(numbers), words], 1)),
        place=np.zeros(len(rows), np.intp),
        action=np.array(action, np.intp),
        reward=np.array([float(row["visit"]) for row in rows]),
        propensity=np.full(len(rows), 1.0 / len(_EMAILS)),
        actions=_EMAILS,
        people=None,
    )


def open_bandit() -> tuple[Log, Log]:
    """Return the logs of the uniform policy and of bts; the reward is a click.

    Features of people are coded by the values of both logs.

    Raises:
        UnavailableError: a file is not there.
    """
    logs = [_read(f"obd_men_{policy}.csv.gz") for policy in ("random", "bts")]
    both = [row for rows in logs for row in rows]
    uniform, bts = (_open_bandit(rows, both) for rows in logs)
    return uniform, bts


def _open_bandit(rows: Rows, both: Rows) -> Log:
    return Log(
        tastes=_one_hot(rows, both, _USER_FEATURES).astype(np.float32),
        place=np.array([int(row["position"]) - 1 for row in rows]) % _POSITIONS,
        action=np.array([int(row["item_id"]) for row in rows], np.intp),
        reward=np.array([float(row["click"]) for row in rows]),
        propensity=np.array([float(row["propensity_score"]) for row in rows]),
        actions=tuple(f"item {number}" for number in range(N_ITEMS)),
        # Nobody is named: people with the same features count as one group.
        people=tuple("|".join(row[name] for name in _USER_FEATURES) for row in rows),
    )


def _one_hot(rows: Rows, known: Rows, names: Sequence[str]) -> NDArray[np.float64]:
    """Return a column for each value that occurs in `known`: [n, columns]."""
    pairs = sorted({(name, row[name]) for name in names for row in known})
    columns = [[float(row[name] == value) for row in rows] for name, value in pairs]
    return np.array(columns).T


def _standardised(columns: NDArray[np.float64]) -> Floats:
    answer: Floats = ((columns - columns.mean(0)) / columns.std(0)).astype(np.float32)
    return answer


def _read(name: str) -> Rows:
    with gzip.open(data_file(name), "rt", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
