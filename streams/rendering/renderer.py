"""The renderer of one brand, as the creatives stage uses it."""

from schemas.records import Asset, Copy, Design, Surface
from streams.rendering.assets import Studio
from streams.rendering.brand import DEMO_BRAND, BrandKit
from streams.rendering.wording import WORDED, Language, write_copy


class Renderer:
    """Words and pictures for a design; a pure function of its arguments."""

    worded: tuple[str, ...] = WORDED

    def __init__(self, brand: BrandKit = DEMO_BRAND) -> None:
        self.brand = brand

    def copy(self, design: Design, category: str, language: str) -> Copy:
        """Return the words, in Chinese for zh and its regions, else in English."""
        return write_copy(design, category, spoken_language(language), self.brand)

    def assets(
        self,
        surface: Surface,
        design: Design,
        copy: Copy,
        category: str,
        language: str,
        creative_id: str,
    ) -> tuple[Asset, ...]:
        """Return the rendered forms for a surface.

        Raises:
            RejectedRecordError: the surface is not one of the four.
        """
        known = spoken_language(language)
        studio = Studio(design, copy, category, known, self.brand, creative_id)
        return studio.assets(surface)


def spoken_language(language: str) -> Language:
    """Return "zh" for zh, zh-CN, zh_TW and so on, else "en"."""
    return "zh" if language[:2].lower() == "zh" else "en"
