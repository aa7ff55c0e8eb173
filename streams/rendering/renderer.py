"""The renderer of one brand: design -> words, and the assets of a surface."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from zlib import crc32

from schemas.records import Asset, Copy, Design, Surface
from schemas.vocabulary import deployed
from streams.errors import RejectedRecordError
from streams.rendering.brand import DEMO_BRAND, BrandKit
from streams.rendering.card import draw_card
from streams.rendering.payloads import (
    display_html,
    native_json,
    search_ad_json,
    speech_ssml,
    vast_xml,
)
from streams.rendering.scheme import Look, look_of
from streams.rendering.svg import clean
from streams.rendering.wording import WORDED, Language, write_copy

CARD = (300, 250)
"""IAB medium rectangle, CSS pixels."""
END_CARD = (640, 360)
"""Shown after a video, 16:9, CSS pixels."""

_MOST_SIZES = 3
"""Two forms of each, and the others: 8 assets at most."""

_JSON = "application/json"


@dataclass
class Studio:
    """Draws one creative, each form at most once.

    The same arguments give the same bytes, on every machine.
    """

    design: Design
    copy: Copy
    category: str
    language: Language
    brand: BrandKit
    creative_id: str
    _drawn: dict[tuple[int, int], str] = field(default_factory=dict, init=False)

    @cached_property
    def _look(self) -> Look:
        return look_of(self.design, self.brand.drawings)

    def assets(self, surface: Surface) -> tuple[Asset, ...]:
        """Return the assets for one surface, at most 8, under 60 KB together.

        - search: search text ad, Native, cards of its sizes (SVG and HTML)
        - video: end card 640x360 (SVG and HTML), VAST 4.2 companion, Native, card
        - device: spoken line (SSML and text), card for a device with a screen, Native
        - social, and what else a vocabulary names: cards of its sizes, Native

        Raises:
            RejectedRecordError: the surface is not in the vocabulary.
        """
        makers = {
            "search": self._search,
            "video": self._video,
            "device": self._device,
        }
        if surface not in deployed().surfaces:
            raise RejectedRecordError(
                f"expected a surface of {', '.join(deployed().surfaces)}, got "
                f"{surface!r}; correct the request"
            )
        make = makers.get(surface)
        return make() if make else (*self._cards(surface), self._native())

    def _svg(self, size: tuple[int, int]) -> str:
        if size not in self._drawn:
            name = f"a{crc32(self.creative_id.encode()):08x}-{size[0]}"
            self._drawn[size] = draw_card(
                self._look,
                self.copy,
                self.category,
                self.language,
                self.brand,
                size,
                name,
            )
        return self._drawn[size]

    def _html(self, size: tuple[int, int]) -> str:
        return display_html(
            self._svg(size),
            self.copy,
            self.language,
            self.brand,
            self.creative_id,
            size,
        )

    def _picture(self, kind: str, size: tuple[int, int]) -> Asset:
        name = f"{kind}-{size[0]}x{size[1]}.svg"
        return _asset(name, "image/svg+xml", self._svg(size), size)

    def _page(self, kind: str, size: tuple[int, int]) -> Asset:
        name = f"{kind}-{size[0]}x{size[1]}.html"
        return _asset(name, "text/html", self._html(size), size)

    def _native(self) -> Asset:
        content = native_json(self.copy, self.language, self.brand, self.creative_id)
        return _asset("native.json", _JSON, content)

    def _search(self) -> tuple[Asset, ...]:
        text_ad = search_ad_json(
            self.copy, self.category, self.language, self.brand, self.creative_id
        )
        return (
            _asset("search-ad.json", _JSON, text_ad),
            self._native(),
            *self._cards("search"),
        )

    def _cards(self, surface: Surface) -> Iterator[Asset]:
        """Yield a picture and a page in each of a surface's sizes, three at most."""
        sizes = [one for one in deployed().sizes.values() if surface in one.surfaces]
        for one in sizes[:_MOST_SIZES]:
            size = one.width_px, one.height_px
            yield self._picture("card", size)
            yield self._page("card", size)

    def _video(self) -> tuple[Asset, ...]:
        page = self._html(END_CARD)
        companion = vast_xml(self.copy, self.brand, self.creative_id, page, *END_CARD)
        return (
            self._picture("endcard", END_CARD),
            self._page("endcard", END_CARD),
            _asset("companion.vast.xml", "application/xml", companion, END_CARD),
            self._native(),
            self._picture("card", CARD),
        )

    def _device(self) -> tuple[Asset, ...]:
        ssml = speech_ssml(self.copy, self._look, self.language)
        return (
            _asset("speech.ssml", "application/ssml+xml", ssml),
            _asset("speech.txt", "text/plain", clean(self.copy.spoken)),
            self._picture("card", CARD),
            self._native(),
        )


def _asset(
    name: str, media_type: str, content: str, size: tuple[int, int] = (0, 0)
) -> Asset:
    width, height = size
    return Asset(
        name=name,
        media_type=media_type,
        width_px=width,
        height_px=height,
        content=content,
    )


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
            RejectedRecordError: the surface is not in the vocabulary.
        """
        known = spoken_language(language)
        studio = Studio(design, copy, category, known, self.brand, creative_id)
        return studio.assets(surface)


def spoken_language(language: str) -> Language:
    """Return "zh" for zh, zh-CN, zh_TW and so on, else "en"."""
    return "zh" if language[:2].lower() == "zh" else "en"
