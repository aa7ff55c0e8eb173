"""Where ads are shown: four placements, one for each surface."""

from dataclasses import dataclass

from schemas.records import Surface


@dataclass(frozen=True)
class Placement:
    """One slot that an ad server fills."""

    name: str
    surface: Surface


PLACEMENTS: dict[str, Placement] = {
    placement.name: placement
    for placement in (
        Placement("search-top", "search"),
        Placement("feed-card", "social"),
        Placement("video-end", "video"),
        Placement("speaker", "device"),
    )
}
