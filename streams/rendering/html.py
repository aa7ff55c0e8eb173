"""A drawn card -> an HTML5 display creative: one file, one link, no script."""

from schemas.records import Copy
from streams.rendering.brand import BrandKit
from streams.rendering.payloads import LOCALES
from streams.rendering.svg import escaped
from streams.rendering.wording import Language

CONTENT_POLICY = (
    "default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)

_STYLE = (
    "html,body{margin:0;padding:0;overflow:hidden;background:transparent}"
    "a{display:block;width:%dpx;height:%dpx;text-decoration:none;"
    "-webkit-tap-highlight-color:transparent}"
    "svg{display:block}"
    "a:focus-visible{outline:3px solid #1a73e8;outline-offset:-3px}"
    ".cta{transition:transform .18s ease;transform-box:fill-box;"
    "transform-origin:center}"
    "a:hover .cta,a:focus-visible .cta{transform:scale(1.04)}"
    "@media(prefers-reduced-motion:reduce){.cta{transition:none}}"
)


def display_html(
    svg: str,
    copy: Copy,
    language: Language,
    brand: BrandKit,
    creative: str,
    size: tuple[int, int],
) -> str:
    """Return a page of exactly `size` pixels that links to the landing page.

    It follows the IAB's conventions (`ad.size`, `clickTag`), but the click goes
    through a plain link: the content policy forbids every script and every request.
    """
    width, height = size
    label = escaped(f"{copy.disclosure}. {brand.name}. {copy.headline}. {copy.cta}")
    return (
        f'<!DOCTYPE html><html lang="{LOCALES[language]}"><head>'
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{CONTENT_POLICY}">'
        f'<meta name="ad.size" content="width={width},height={height}">'
        '<meta name="ai-generated" content="true">'
        '<meta name="referrer" content="no-referrer">'
        f"<title>{escaped(copy.headline)}</title>"
        f"<style>{_STYLE % (width, height)}</style></head><body>"
        f'<a id="clickTag" href="{escaped_url(brand.landing(creative))}" '
        f'target="_blank" rel="noopener nofollow sponsored" aria-label="{label}">'
        f"{svg}</a></body></html>"
    )


def escaped_url(address: str) -> str:
    """Return a checked address ready for a quoted attribute."""
    return address.replace("&", "&amp;")
