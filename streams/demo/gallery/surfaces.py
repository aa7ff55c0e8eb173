"""Redrawn creatives -> one creative on its four surfaces, in each language."""

import json
from collections.abc import Sequence
from urllib.parse import urlsplit
from zlib import crc32

from streams.demo.gallery.redraw import Redrawn
from streams.rendering.payloads import search_ad_json, speech_ssml
from streams.rendering.scheme import look_of
from streams.rendering.svg import escaped

_N_BARS = 44


def surfaces(drawn: Sequence[Redrawn]) -> str:
    """Return the most clicked creative of each language on all four surfaces."""
    first: dict[str, Redrawn] = {}
    for each in drawn:
        first.setdefault(each.language, each)
    if not first:
        return ""
    rows = "".join(_row(each) for each in first.values())
    return (
        '<section class="surfaces" aria-labelledby="surfaces-title">'
        '<h2 id="surfaces-title">One design, four surfaces</h2>'
        '<p class="note">The same creative as a search ad, a social card, the end of a '
        f"video, and a line that a smart speaker says.</p>{rows}</section>"
    )


def _row(each: Redrawn) -> str:
    mocks = (
        ("Search", _search(each)),
        ("Social", _social(each)),
        ("Video", _video(each)),
        ("Smart speaker", _speaker(each)),
    )
    figures = "".join(
        f'<figure class="mock mock-{name.split()[0].lower()}">{mock}'
        f'<figcaption lang="en">{name}</figcaption></figure>'
        for name, mock in mocks
    )
    return f'<div class="four" lang="{each.language}">{figures}</div>'


def _search(each: Redrawn) -> str:
    ad = json.loads(
        search_ad_json(
            each.copy,
            each.item.category,
            each.language,
            each.brand,
            each.item.creative_id,
        )
    )
    host = escaped(urlsplit(ad["final_url"]).hostname or "")
    path = " / ".join(escaped(part) for part in ad["path"])
    return (
        f'<div class="box"><svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="7" '
        'cy="7" r="4.5"/><path d="m10.5 10.5 4 4"/></svg>'
        f"{escaped(each.category)}</div>"
        f'<p class="tag">{escaped(each.copy.disclosure)}</p>'
        f'<p class="site"><b>{escaped(each.brand.name)}</b><br>{host} / {path}</p>'
        f'<p class="hit">{escaped(each.copy.headline)}</p>'
        f'<p class="text">{escaped(each.copy.body)}</p>'
        f'<p class="more">{escaped(each.copy.cta)}</p>'
    )


def _social(each: Redrawn) -> str:
    name = escaped(each.brand.name)
    return (
        f'<p class="poster"><i aria-hidden="true">{escaped(each.brand.name[:1])}</i>'
        f"<span><b>{name}</b><small>{escaped(each.copy.disclosure)}</small></span></p>"
        f'<div class="media">{each.again("p")}</div>'
        f'<p class="under"><span>{escaped(each.copy.headline)}</span>'
        f"<b>{escaped(each.copy.cta)}</b></p>"
    )


def _video(each: Redrawn) -> str:
    return (
        f'<div class="screen">{each.end_card}</div>'
        '<div class="player" aria-hidden="true"><svg viewBox="0 0 16 16"><path '
        'd="M4 2.5v11l9-5.5z"/></svg><i></i><span>0:15 / 0:15</span></div>'
        f'<p class="text">VAST 4.2 companion, 640 × 360</p>'
    )


def _speaker(each: Redrawn) -> str:
    ssml = speech_ssml(
        each.copy, look_of(each.design, each.brand.drawings), each.language
    )
    return (
        f'<div class="speaker" aria-hidden="true">{_waveform(each.copy.spoken)}</div>'
        f"<blockquote>{escaped(each.copy.spoken)}</blockquote>"
        f'<details lang="en"><summary>SSML</summary><code>{escaped(ssml)}</code>'
        "</details>"
    )


def _waveform(text: str) -> str:
    """Return bars whose heights follow the text: the same words, the same picture."""
    noise = [
        crc32(f"{text}{index}".encode("utf-8", "replace")) for index in range(_N_BARS)
    ]
    bars = "".join(
        f'<rect x="{4 * index}" y="{32 - height / 2:.1f}" width="2.2" '
        f'height="{height:.1f}" rx="1.1"/>'
        for index, value in enumerate(noise)
        for height in (6 + value % 40 * (1 - abs(index / (_N_BARS - 1) - 0.5)),)
    )
    return f'<svg viewBox="0 0 {4 * _N_BARS} 64">{bars}</svg>'
