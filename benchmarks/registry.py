"""Name -> figure: the rows of the issue's table, each with its one function."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.figures import Row
from benchmarks.measures.preferences import preferences
from benchmarks.session import Session


@dataclass(frozen=True)
class Figure:
    """One entry of `adloom bench`."""

    name: str
    what: str
    measure: Callable[[Session], Iterable[Row]]


FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure("preferences", "events/s and CPU, beside every peer", preferences),
    )
}
