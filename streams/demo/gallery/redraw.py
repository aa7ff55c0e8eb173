"""Gallery item -> its words and pictures, drawn again from the design."""

from functools import cached_property

from schemas.records import Copy, Design
from streams.clickhouse.analytics_gallery import GalleryItem
from streams.rendering.brand import BrandKit
from streams.rendering.card import draw_card
from streams.rendering.renderer import CARD, END_CARD, spoken_language
from streams.rendering.scheme import look_of
from streams.rendering.wording import Language, words_for, write_copy


class Redrawn:
    """One item with what a page needs to show it."""

    def __init__(self, item: GalleryItem, brand: BrandKit) -> None:
        self.item = item
        self.brand = brand
        self.language: Language = spoken_language(item.language)

    @cached_property
    def design(self) -> Design:
        """The design, its attributes by kind."""
        values = self.item.design.items()
        return Design(
            categorical={k: v for k, v in values if isinstance(v, str)},
            continuous={k: v for k, v in values if not isinstance(v, str)},
        )

    @cached_property
    def copy(self) -> Copy:
        """The words that were shown, and the line that a device speaks."""
        item = self.item
        written = write_copy(self.design, item.category, self.language, self.brand)
        stored = [a.content for a in item.assets if a.name == "speech.txt"]
        return Copy(
            headline=item.headline,
            body=item.body,
            cta=item.cta,
            spoken=stored[0] if stored else written.spoken,
            disclosure=item.disclosure,
        )

    @property
    def category(self) -> str:
        """The category's name in the creative's language."""
        words = words_for(self.item.category)
        return words.zh if self.language == "zh" else words.title

    @property
    def card(self) -> str:
        """The card of 300x250."""
        return self._svg(CARD, "c")

    def again(self, place: str) -> str:
        """Return the card again for a second place, which gives it other ids."""
        return self._svg(CARD, place)

    @property
    def end_card(self) -> str:
        """The end card of 640x360."""
        return self._svg(END_CARD, "e")

    def _svg(self, size: tuple[int, int], place: str) -> str:
        """Draw one size; its element ids are unique on the page."""
        letters = (c for c in self.item.creative_id if c.isascii() and c.isalnum())
        return draw_card(
            look_of(self.design, self.brand.drawings),
            self.copy,
            self.item.category,
            self.language,
            self.brand,
            size,
            f"{place}{''.join(letters)[:40]}-",
        )
