"""An impression -> pages that a person reads: the creative itself, and why they saw it.

Every word that comes from a record is escaped, and no page runs a script.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from streams.ad_server.token import ShownAd
from streams.rendering.payloads import escaped_url

PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'none'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

_STYLE = (
    "body{font:1rem/1.6 system-ui,sans-serif;max-width:38rem;margin:3rem auto;"
    "padding:0 1.2rem;color:#1f2430;background:#fff}"
    "h1{font-size:1.4rem;line-height:1.3}"
    "dt{font-weight:600;margin-top:.8rem}dd{margin:0;overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{color:#e6e8ee;background:#15181f}}"
)

_WORDS = {
    "en": {
        "title": "Why this ad?",
        "advertiser": "Who advertises",
        "reason": "Why you saw it",
        "replaced": "This ad has been replaced since; its reason is no longer here.",
        "made": "How it was made",
        "ai": "The design was proposed by an AI model, and the words follow templates.",
        "personal": "Personal data",
        "consent": "You agreed to personal ads. You can take that back at any time; "
        "then only the place of the ad counts.",
        "none": "You did not agree to personal ads: none of your data was used.",
        "when": "When",
        "creative": "Number of the ad",
    },
    "zh": {
        "title": "为什么看到这条广告？",
        "advertiser": "广告主",
        "reason": "推荐原因",
        "replaced": "这条广告已被替换，原因不再保存在此。",
        "made": "制作方式",
        "ai": "设计由 AI 模型提出，文案按模板生成。",
        "personal": "个人数据",
        "consent": "你已同意个性化广告，并可随时撤回；撤回后只考虑广告位置。",
        "none": "你没有同意个性化广告：未使用你的任何数据。",
        "when": "时间",
        "creative": "广告编号",
    },
}


def why_page(shown: ShownAd, reason: str | None, brand: str) -> str:
    """Return the page that says why a person saw an ad.

    Args:
        shown: the impression.
        reason: the receipt's explanation; None when the creative is gone.
        brand: advertiser's name.
    """
    language = shown.language if shown.language in _WORDS else "en"
    words = _WORDS[language]
    when = datetime.fromtimestamp(shown.shown_at / 1_000, UTC)
    rows = (
        (words["reason"], reason or words["replaced"]),
        (words["advertiser"], brand),
        (words["made"], words["ai"]),
        (words["personal"], words["consent" if shown.consent else "none"]),
        (words["when"], f"{when:%Y-%m-%d %H:%M} UTC"),
        (words["creative"], shown.creative_id),
    )
    items = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows
    )
    return _page(language, words["title"], f"<dl>{items}</dl>")


def linked(
    pages: Sequence[str], pictures: Sequence[str], landing: str, click: str
) -> str:
    """Return a creative as a page whose link goes through the click counter.

    Args:
        pages: its HTML assets; the first is shown.
        pictures: its SVG assets; the first is shown where there is no HTML.
        landing: address that the HTML links to.
        click: path that takes its place.
    """
    if pages:
        link = f'href="{escaped_url(landing)}"'
        return pages[0].replace(link, f'href="{escape(click)}"')
    picture = pictures[0] if pictures else ""
    return _page("en", "", f'<a href="{escape(click)}">{picture}</a>')


def _page(language: str, title: str, body: str) -> str:
    heading = f"<h1>{escape(title)}</h1>" if title else ""
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{heading}{body}</body></html>"
    )
