"""An advertiser's past impressions, JSON lines -> what can be learnt from them.

A line: {"user_id": "u1", "shown_at": 1700000000000, "surface": "social",
"preferences": {"running": 3, "travel": 1}, "design": {"categorical": {…},
"continuous": {…}}, "clicked": true, "propensity": 0.02}. Preferences are events by
category, as they were known at the time; `propensity`, of showing this design to this
person, may be left out.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np

from model_export.feedback.dataset import FeedbackArrays
from model_export.space.conditioning import N_CATEGORIES, condition
from model_export.space.design_space import DesignSpace, SpaceError
from schemas.records import Design
from schemas.vocabulary import deployed

MAX_MISTAKES = 20
"""Mistakes told at once."""


class LogError(ValueError):
    """A log that cannot be used, and why."""


def read_log(lines: Iterable[str], space: DesignSpace) -> FeedbackArrays:
    """Return the impressions of a log, in order of time.

    Raises:
        LogError: lines are not impressions of this creative space; names the first
            twenty of them.
    """
    mistakes: list[str] = []
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(_row(json.loads(line), space))
        except (KeyError, TypeError, ValueError, SpaceError) as error:
            mistakes.append(f"line {number}: {error}")
            if len(mistakes) == MAX_MISTAKES:
                break
    if mistakes:
        listed = "\n".join(mistakes)
        raise LogError(f"expected one impression a line; see the docs:\n{listed}")
    if not rows:
        raise LogError("an empty log: expected one impression a line")
    rows.sort(key=lambda row: row["shown_at"])
    return _arrays(rows, space)


def _row(given: dict[str, Any], space: DesignSpace) -> dict[str, Any]:
    if given["surface"] not in deployed().surfaces:
        raise ValueError(
            f"surface {given['surface']!r}: expected {deployed().surfaces}"
        )
    if not isinstance(given["clicked"], bool):
        raise TypeError(f"clicked {given['clicked']!r}: expected true or false")
    propensity = given.get("propensity")
    if propensity is not None and not 0.0 < float(propensity) <= 1.0:
        raise ValueError(f"propensity {propensity}: expected more than 0, at most 1")
    design = Design(**given["design"])
    return {
        "user_id": str(given["user_id"]),
        "shown_at": int(given["shown_at"]),
        "surface": given["surface"],
        "weights": _weights(given["preferences"]),
        "vector": space.encode([design])[0],
        "clicked": given["clicked"],
        "propensity": float("nan") if propensity is None else float(propensity),
    }


def _weights(preferences: dict[str, float]) -> np.ndarray:
    weights = np.zeros(N_CATEGORIES)
    for category, weight in preferences.items():
        column = deployed().column(category)
        if column is None:
            raise ValueError(f"category {category!r}: not in the vocabulary")
        weights[column] = float(weight)
    return weights


def _arrays(rows: list[dict[str, Any]], space: DesignSpace) -> FeedbackArrays:
    def column(name: str) -> Iterator[Any]:
        return (row[name] for row in rows)

    n = len(rows)
    hours = [datetime.fromtimestamp(at / 1000, UTC).hour for at in column("shown_at")]
    return FeedbackArrays(
        design=np.array(list(column("vector")), np.float32).reshape(n, space.size),
        condition=condition(
            np.array(list(column("weights"))),
            list(column("surface")),
            np.array(hours),
        ),
        clicked=np.array(list(column("clicked")), np.float32),
        propensity=np.array(list(column("propensity")), np.float64),
        control=np.ones(n, bool),  # another hand than this critic's picked them
        users=tuple(column("user_id")),
        categories=(None,) * n,
        shown_at=np.array(list(column("shown_at")), np.int64),
        decided_at=np.array(list(column("shown_at")), np.int64),  # no more to come
        skipped={},
    )
