"""What a table of impressions and who knows the reactions say to each other."""

from typing import Protocol

Found = tuple[str, int, bool, bool, bool, int]
"""(user id, event time, robot, sent, waits for its creative, arrival)."""


class Listener(Protocol):
    """Who knows the reactions."""

    def on_reaction(
        self,
        impression_id: str | None,
        event_id: str,
        kind: int,
        at: int,
        value: float | None,
        robot: bool,  # noqa: FBT001 - called from C, by position
    ) -> None:
        """Take a reaction; the kind is its number in `KINDS`."""

    def on_shown(self, key: str) -> None:
        """Take note that the impression came to which reactions are waiting."""

    def on_due(self, key: str) -> None:
        """Decide on an impression with reactions, if it is due."""

    def on_end(self, key: str) -> None:
        """Forget the reactions to an impression."""
