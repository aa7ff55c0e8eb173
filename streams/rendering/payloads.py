"""Copy + brand -> Native, search ad, VAST, speech; with a drawn card -> HTML5."""

import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from schemas.records import Copy
from streams.rendering.brand import BrandKit
from streams.rendering.scheme import Look
from streams.rendering.svg import clean, escaped
from streams.rendering.wording import Language, sentences_of, words_for

LOCALES: dict[Language, str] = {"en": "en-GB", "zh": "zh-CN"}

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


def printable(copy: Copy) -> Copy:
    """Return the copy without characters that no text format can carry."""
    return Copy(
        headline=clean(copy.headline),
        body=clean(copy.body),
        cta=clean(copy.cta),
        spoken=clean(copy.spoken),
        disclosure=clean(copy.disclosure),
    )


def native_json(copy: Copy, language: Language, brand: BrandKit, creative: str) -> str:
    """Return an OpenRTB Native 1.2 response: title, main image, data, link.

    Data types: 1 sponsored by, 2 description, 12 call to action (section 7.4 of the
    specification). The mark that it is an ad and made by AI travels in `ext`, as the
    specification has no field for it.
    """
    copy = printable(copy)
    image = {"type": 3, "url": brand.asset_url(creative, "card-300x250.svg")}
    assets: list[dict[str, Any]] = [
        {"id": 1, "required": 1, "title": {"text": copy.headline}},
        {"id": 2, "required": 1, "img": image | {"w": 300, "h": 250}},
        {"id": 3, "required": 1, "data": {"type": 1, "value": clean(brand.name)}},
        {"id": 4, "required": 0, "data": {"type": 2, "value": copy.body}},
        {"id": 5, "required": 0, "data": {"type": 12, "value": copy.cta}},
    ]
    native = {
        "ver": "1.2",
        "assets": assets,
        "link": {"url": brand.landing(creative)},
        "ext": {
            "ai_generated": True,
            "disclosure": copy.disclosure,
            "language": LOCALES[language],
        },
    }
    return _json({"native": native})


def search_ad_json(
    copy: Copy, category: str, language: Language, brand: BrandKit, creative: str
) -> str:
    """Return a search text ad: headlines, descriptions, display path, final address."""
    copy, words = printable(copy), words_for(category)
    title = words.zh if language == "zh" else words.title
    sentences = sentences_of(copy.body)
    return _json(
        {
            "headlines": [copy.headline, title, copy.cta],
            "descriptions": [copy.body, sentences[-1]],
            "path": [title, copy.cta],
            "final_url": brand.landing(creative),
            "advertiser": clean(brand.name),
            "language": LOCALES[language],
            "disclosure": copy.disclosure,
            "ai_generated": True,
        }
    )


def vast_xml(
    copy: Copy, brand: BrandKit, creative: str, html: str, width: int, height: int
) -> str:
    """Return VAST 4.2 with an end card as a companion ad.

    The companion carries the HTML itself and the address of the SVG; the creative is
    named by a UniversalAdId whose registry is the brand's asset host.
    """
    image = escape(brand.asset_url(creative, f"endcard-{width}x{height}.svg"))
    landing = escape(brand.landing(creative))
    identity = quoteattr(clean(creative))
    name, headline = escape(clean(brand.name)), escape(clean(copy.headline))
    alt = escape(clean(f"{copy.disclosure}. {copy.headline}. {copy.body}"))
    page = html.replace("]]>", "]]]]><![CDATA[>")
    impression = escape(brand.asset_url(creative, "impression"))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<VAST version="4.2" xmlns="http://www.iab.com/VAST">'
        f"<Ad id={identity}><InLine>"
        '<AdSystem version="1">Adloom</AdSystem>'
        f"<Impression>{impression}</Impression>"
        f"<AdServingId>{escape(clean(creative))}</AdServingId>"
        f"<AdTitle>{headline}</AdTitle>"
        f"<Advertiser>{name}</Advertiser>"
        f"<Creatives><Creative id={identity} adId={identity}>"
        '<UniversalAdId idRegistry="adloom.creative">'
        f"{escape(clean(creative))}</UniversalAdId>"
        '<CompanionAds required="any">'
        f'<Companion id="endcard" width="{width}" height="{height}">'
        f'<StaticResource creativeType="image/svg+xml">{image}</StaticResource>'
        f"<HTMLResource><![CDATA[{page}]]></HTMLResource>"
        f"<AltText>{alt}</AltText>"
        f"<CompanionClickThrough>{landing}</CompanionClickThrough>"
        "</Companion></CompanionAds></Creative></Creatives></InLine></Ad></VAST>"
    )


def speech_ssml(copy: Copy, look: Look, language: Language) -> str:
    """Return the spoken line as SSML 1.1; rate and pitch follow the tone."""
    sentences = "".join(
        f"<s>{escape(sentence)}</s>" for sentence in sentences_of(clean(copy.spoken))
    )
    return (
        '<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" '
        f'xml:lang="{LOCALES[language]}"><prosody rate="{look.tone.rate}" '
        f'pitch="{look.tone.pitch}">'
        f'<p>{sentences}</p></prosody><break time="400ms"/></speak>'
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


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
