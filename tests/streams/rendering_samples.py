"""Random designs for the rendering tests; the seed is an argument."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from model_export.space.drawings import bundled
from schemas.records import Asset, Copy, Design, Surface
from schemas.vocabulary import deployed
from streams.rendering.brand import DEMO_BRAND, BrandKit
from streams.rendering.renderer import Studio
from streams.rendering.wording import Language, write_copy

CHOICES = {name: tuple(known) for name, known in bundled().values.items()}
RANGES = bundled().ranges
CARD, LEADERBOARD, END_CARD = (300, 250), (728, 90), (640, 360)
SIZES = (CARD, LEADERBOARD, END_CARD)


@dataclass(frozen=True)
class Sample:
    """One creative to be drawn."""

    design: Design
    category: str
    language: Language
    brand: BrandKit = DEMO_BRAND

    @property
    def copy(self) -> Copy:
        return write_copy(self.design, self.category, self.language, self.brand)


def samples(n: int, seed: int) -> Iterator[Sample]:
    """Yield n creatives in which every value of every attribute comes up in turn."""
    rng = random.Random(seed)  # noqa: S311 - samples, not secrets
    for index in range(n):
        values = {
            name: options[(index * (place * 2 + 1) + seed) % len(options)]
            for place, (name, options) in enumerate(CHOICES.items())
        }
        numbers = {
            name: rng.uniform(low, top) for name, (low, _, top) in RANGES.items()
        }
        design = Design(categorical=values, continuous=numbers)
        language: Language = "zh" if index % 2 else "en"
        yield Sample(design, deployed().categories[rng.randrange(64)], language)


def drawn(
    sample: Sample, copy: Copy, brand: BrandKit, creative_id: str = "c1"
) -> dict[Surface, tuple[Asset, ...]]:
    """Return the assets of every surface."""
    studio = Studio(
        sample.design, copy, sample.category, sample.language, brand, creative_id
    )
    return {surface: studio.assets(surface) for surface in deployed().surfaces}
