"""Design + words -> the assets of a surface, ready for the creative topic."""

from zlib import crc32

from schemas.records import Asset, Copy, Design, Surface
from streams.errors import RejectedRecordError
from streams.rendering.brand import BrandKit
from streams.rendering.card import draw_card
from streams.rendering.html import display_html
from streams.rendering.look import Look, look_of
from streams.rendering.payloads import (
    native_json,
    search_ad_json,
    speech_ssml,
    vast_xml,
)
from streams.rendering.svg import clean
from streams.rendering.wording import Language

CARD = (300, 250)
"""IAB medium rectangle, CSS pixels."""
LEADERBOARD = (728, 90)
"""IAB leaderboard, CSS pixels."""
END_CARD = (640, 360)
"""Shown after a video, 16:9, CSS pixels."""
SURFACES: tuple[Surface, ...] = ("search", "social", "video", "device")

_SVG = "image/svg+xml"
_HTML = "text/html"
_JSON = "application/json"


class _Studio:
    """One creative's words and look; each form is drawn at most once."""

    def __init__(
        self,
        design: Design,
        copy: Copy,
        category: str,
        language: Language,
        brand: BrandKit,
        creative_id: str,
    ) -> None:
        self.look: Look = look_of(design)
        self.copy = copy
        self.category = category
        self.language = language
        self.brand = brand
        self.creative_id = creative_id
        self._drawn: dict[tuple[int, int], str] = {}

    def svg(self, size: tuple[int, int]) -> str:
        if size not in self._drawn:
            name = f"a{crc32(self.creative_id.encode()):08x}-{size[0]}"
            self._drawn[size] = draw_card(
                self.look,
                self.copy,
                self.category,
                self.language,
                self.brand,
                size,
                name,
            )
        return self._drawn[size]

    def html(self, size: tuple[int, int]) -> str:
        return display_html(
            self.svg(size), self.copy, self.language, self.brand, self.creative_id, size
        )

    def picture(self, kind: str, size: tuple[int, int]) -> Asset:
        width, height = size
        return _asset(f"{kind}-{width}x{height}.svg", _SVG, self.svg(size), size)

    def page(self, kind: str, size: tuple[int, int]) -> Asset:
        width, height = size
        return _asset(f"{kind}-{width}x{height}.html", _HTML, self.html(size), size)

    def native(self) -> Asset:
        content = native_json(self.copy, self.language, self.brand, self.creative_id)
        return _asset("native.json", _JSON, content)

    def search(self) -> tuple[Asset, ...]:
        text_ad = search_ad_json(
            self.copy, self.category, self.language, self.brand, self.creative_id
        )
        return (
            _asset("search-ad.json", _JSON, text_ad),
            self.native(),
            self.picture("card", CARD),
            self.page("card", CARD),
            self.picture("card", LEADERBOARD),
            self.page("card", LEADERBOARD),
        )

    def social(self) -> tuple[Asset, ...]:
        return (
            self.picture("card", CARD),
            self.page("card", CARD),
            self.picture("card", LEADERBOARD),
            self.page("card", LEADERBOARD),
            self.native(),
        )

    def video(self) -> tuple[Asset, ...]:
        width, height = END_CARD
        companion = vast_xml(
            self.copy,
            self.brand,
            self.creative_id,
            self.html(END_CARD),
            width,
            height,
        )
        return (
            self.picture("endcard", END_CARD),
            self.page("endcard", END_CARD),
            _asset("companion.vast.xml", "application/xml", companion, END_CARD),
            self.native(),
            self.picture("card", CARD),
        )

    def device(self) -> tuple[Asset, ...]:
        ssml = speech_ssml(self.copy, self.look, self.language)
        return (
            _asset("speech.ssml", "application/ssml+xml", ssml),
            _asset("speech.txt", "text/plain", clean(self.copy.spoken)),
            self.picture("card", CARD),
            self.native(),
        )


def assets_for(
    surface: Surface,
    design: Design,
    copy: Copy,
    category: str,
    language: Language,
    brand: BrandKit,
    creative_id: str,
) -> tuple[Asset, ...]:
    """Return a creative's assets for one surface, at most 8, under 60 KB together.

    - search: search text ad, Native, cards 300x250 and 728x90 (SVG and HTML)
    - social: cards 300x250 and 728x90 (SVG and HTML), Native
    - video: end card 640x360 (SVG and HTML), VAST 4.2 companion, Native, card
    - device: spoken line (SSML and text), card for a device with a screen, Native

    The same arguments give the same bytes, on every machine.

    Raises:
        RejectedRecordError: the surface is not one of the four.
    """
    studio = _Studio(design, copy, category, language, brand, creative_id)
    return _of_surface(studio, surface)


def all_assets(
    design: Design,
    copy: Copy,
    category: str,
    language: Language,
    brand: BrandKit,
    creative_id: str,
) -> dict[Surface, tuple[Asset, ...]]:
    """Return the assets of all four surfaces; each size is drawn once."""
    studio = _Studio(design, copy, category, language, brand, creative_id)
    return {surface: _of_surface(studio, surface) for surface in SURFACES}


def _of_surface(studio: _Studio, surface: Surface) -> tuple[Asset, ...]:
    makers = {
        "search": studio.search,
        "social": studio.social,
        "video": studio.video,
        "device": studio.device,
    }
    if surface not in makers:
        raise RejectedRecordError(
            f"expected a surface of {', '.join(makers)}, got {surface!r}; "
            "correct the request"
        )
    return makers[surface]()


def _asset(
    name: str, media_type: str, content: str, size: tuple[int, int] = (0, 0)
) -> Asset:
    return Asset(
        name=name,
        media_type=media_type,
        width_px=size[0],
        height_px=size[1],
        content=content,
    )
