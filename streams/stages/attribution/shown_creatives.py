"""Creative id -> what is known of it, and the remembered impressions of it."""

from streams.stages.attribution.impression import Impression
from streams.stages.attribution.outcome import FALLBACK
from streams.stages.attribution.state import KnownCreative


class ShownCreatives:
    """The creatives of one partition."""

    def __init__(self) -> None:
        self.known: dict[str, KnownCreative] = {}
        self._impressions: dict[str, dict[str, Impression]] = {}

    def get(self, creative_id: str | None) -> KnownCreative | None:
        """Return what is known of a creative."""
        return None if creative_id is None else self.known.get(creative_id)

    def add(self, impression: Impression) -> None:
        """Remember an impression."""
        if impression.creative is not None:
            shown = self._impressions.setdefault(impression.creative, {})
            shown[impression.key] = impression

    def remove(self, impression: Impression) -> None:
        """Forget an impression."""
        if impression.creative is not None:
            shown = self._impressions.get(impression.creative, {})
            shown.pop(impression.key, None)
            if not shown:
                self._impressions.pop(impression.creative, None)

    def shows(self, creative_id: str) -> bool:
        """Return whether a remembered impression is of this creative."""
        return creative_id in self._impressions

    def unsent(self, creative_id: str) -> list[Impression]:
        """Return its impressions without feedback so far."""
        shown = self._impressions.get(creative_id, {})
        return [impression for impression in shown.values() if not impression.sent]

    def is_awaited(self, creative_id: str | None) -> bool:
        """Return whether a creative is still to come."""
        if creative_id is None or creative_id.startswith(FALLBACK):
            return False
        return creative_id not in self.known
