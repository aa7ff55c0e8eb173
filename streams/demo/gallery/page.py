"""ClickHouse + report -> gallery.html: what was made for whom, why, and its effect.

One file that fetches nothing and runs nothing: pictures are inline SVG, fonts are
inside, filters are CSS. Every word that came from a topic is escaped, and each card is
drawn again from its design and words, so that nothing stored is trusted as markup.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from streams.clickhouse import analytics_gallery
from streams.clickhouse.analytics_gallery import GalleryItem
from streams.demo.gallery.cards import cards, filters
from streams.demo.gallery.figures import arms, figures, gates
from streams.demo.gallery.redraw import Redrawn
from streams.demo.gallery.surfaces import surfaces
from streams.rendering.brand import DEMO_BRAND, BrandKit
from streams.rendering.fonts import font_faces
from streams.rendering.svg import escaped

_STYLE = Path(__file__).with_name("gallery.css")
_POLICY = (
    "default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; "
    "font-src data:; base-uri 'none'; form-action 'none'"
)
_MARK = (
    '<svg class="logo" viewBox="0 0 40 40" aria-hidden="true">'
    '<g fill="none" stroke-width="5" stroke-linecap="round">'
    '<path class="warp" d="M9 5v30M20 5v30M31 5v30"/>'
    '<path class="weft" d="M4 12h11m10 0h11M10 20h20M4 28h11m10 0h11"/></g></svg>'
)


def write_gallery(
    path: Path,
    clickhouse: Client,
    report: Mapping[str, Any],
    limit: int = 60,
    brand: BrandKit = DEMO_BRAND,
    note: str = "",
) -> None:
    """Write the gallery of at most `limit` creatives, the most clicked first.

    `report` is the object of `adloom demo --json`; what it lacks is left out. `note`
    tells the reader what these people are, for example that they are simulated.

    Raises:
        UnavailableError: ClickHouse does not answer, or took too long.
    """
    items = analytics_gallery.gallery(clickhouse, limit)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(gallery_page(items, report, brand, note), "utf-8")


def gallery_page(
    items: Sequence[GalleryItem],
    report: Mapping[str, Any],
    brand: BrandKit = DEMO_BRAND,
    note: str = "",
) -> str:
    """Return the page; the same arguments give the same bytes."""
    drawn = [Redrawn(item, brand) for item in items]
    body = (
        f"{_masthead(drawn, brand, note)}<main>"
        f"{figures(report)}{arms(report)}{surfaces(drawn)}"
        f'<section class="all" aria-labelledby="all-title">'
        f'<h2 id="all-title">Every creative, its reader and its reason</h2>'
        f"{filters(drawn)}{cards(drawn)}</section>{gates(report)}</main>{_foot()}"
    )
    style = _STYLE.read_text("utf-8")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        "<title>Adloom gallery</title>"
        f"<style>{font_faces(body + style)}{style}</style></head><body>"
        f'<a class="skip" href="#all-title">Skip to the creatives</a>{body}'
        "</body></html>"
    )


def _masthead(drawn: Sequence[Redrawn], brand: BrandKit, note: str) -> str:
    people = len({each.item.user_id for each in drawn})
    languages = len({each.item.language for each in drawn})
    return (
        f'<header class="masthead"><p class="brand">{_MARK}<b>Adloom</b>'
        f"<span>gallery of {escaped(brand.name)}</span></p>"
        "<div><h1>What was made, for whom, and why</h1>"
        f"<p class=lede>{_counted(len(drawn), 'creative')} for "
        f"{_counted(people, 'person', 'people')} in {_counted(languages, 'language')}. "
        "Each was made for one person, shown to them, and judged by what they did "
        f"next; the control arm, a random design, keeps the comparison honest. "
        f"{escaped(note)}</p></div>"
        f'<div class="fan" aria-hidden="true">{_fan(drawn)}</div></header>'
    )


def _fan(drawn: Sequence[Redrawn]) -> str:
    """Return three cards, each of another layout where there are three."""
    by_layout = {str(each.item.design.get("layout")): each for each in drawn[:12]}
    return "".join(each.again("f") for each in list(by_layout.values())[-3:])


def _counted(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _foot() -> str:
    return (
        '<footer class="foot"><p>All pictures and words on this page are '
        "AI-generated advertising. People appear under pseudonyms.</p></footer>"
    )
