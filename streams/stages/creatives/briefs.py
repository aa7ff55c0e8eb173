"""Creative briefs: what each creative of a micro-batch is to be about, and to avoid."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Briefs:
    """Columns, a row a creative."""

    categories: list[str]
    """Advertised."""
    tired_of: list[str]
    """Styles to be left out, as `style.written` writes them; empty for none."""

    @classmethod
    def about(cls, categories: list[str]) -> Self:
        """Return briefs that leave out no style."""
        return cls(categories, [""] * len(categories))

    def of(self, rows: Iterable[int]) -> Self:
        """Return some of the rows, in the order given."""
        own = list(rows)
        return type(self)(
            [self.categories[row] for row in own], [self.tired_of[row] for row in own]
        )
