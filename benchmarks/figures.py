"""Measured runs -> rows of the table: medians, ratios, targets reached or not."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import truediv


class UnavailableError(Exception):
    """A figure or a peer that cannot be measured here; says what is missing."""


@dataclass(frozen=True)
class Target:
    """A limit that a ratio (beside a peer) or a value (alone) has to keep."""

    limit: float
    at_least: bool = True

    def is_reached(self, measured: float) -> bool:
        """Return whether the limit is kept."""
        kept = measured >= self.limit if self.at_least else measured <= self.limit
        return bool(kept)


def at_least(limit: float) -> Target:
    """Return a target for what should be large."""
    return Target(limit)


def at_most(limit: float) -> Target:
    """Return a target for what should be small."""
    return Target(limit, at_least=False)


@dataclass(frozen=True)
class Row:
    """One figure, as `adloom bench --json` prints it."""

    name: str
    value: float
    """Median of the runs."""
    unit: str
    peer: str | None
    """What it is compared with, in the same run."""
    ratio: float | None
    """Ours by the peer's: median of the ratios, run by run."""
    target: float | None
    """Limit of the ratio, or of the value where there is no peer."""
    reached: bool | None
    n_runs: int
    low: float
    high: float


def row(
    name: str, unit: str, values: Sequence[float], target: Target | None = None
) -> Row:
    """Return a figure that stands alone.

    Args:
        name: of the figure.
        unit: of the values.
        values: one a run.
        target: limit of the median.
    """
    value = float(statistics.median(values))
    ends = float(min(values)), float(max(values))
    return alone(name, unit, value, ends, len(values), target)


def alone(
    name: str,
    unit: str,
    value: float,
    ends: tuple[float, float],
    n_runs: int,
    target: Target | None,
) -> Row:
    """Return a figure that stands alone, between `ends`."""
    low, high = ends
    return Row(
        name=name,
        value=value,
        unit=unit,
        peer=None,
        ratio=None,
        target=target.limit if target else None,
        reached=target.is_reached(value) if target else None,
        n_runs=n_runs,
        low=low,
        high=high,
    )


def beside(
    name: str,
    unit: str,
    ours: Sequence[float],
    peer: str,
    theirs: Sequence[float],
    target: Target | None = None,
) -> Row:
    """Return a figure beside a peer's, measured in turns.

    Args:
        name: of the figure.
        unit: of both.
        ours: one value a run.
        peer: name of the other.
        theirs: the peer's value of the same runs.
        target: limit of the ratio.
    """
    ratio = float(statistics.median(map(truediv, ours, theirs)))
    return Row(
        name=name,
        value=float(statistics.median(ours)),
        unit=unit,
        peer=peer,
        ratio=ratio,
        target=target.limit if target else None,
        reached=target.is_reached(ratio) if target else None,
        n_runs=len(ours),
        low=float(min(ours)),
        high=float(max(ours)),
    )


def to_json(rows: Sequence[Row]) -> str:
    """Return the rows as one list."""
    return json.dumps([asdict(one) for one in rows], indent=1)


def to_text(one: Row) -> str:
    """Return one row as a line for people."""
    line = f"{one.name:44}{_short(one.value):>12} {one.unit}"
    if one.n_runs > 1:
        line += f" ({_short(one.low)} to {_short(one.high)})"
    if one.ratio is not None:
        line += f", {one.ratio:.2f} x {one.peer}"
    if one.target is not None:
        verdict = "reached" if one.reached else "NOT REACHED"
        line += f" [target {_short(one.target)}: {verdict}]"
    return line


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004
