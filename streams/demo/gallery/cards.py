"""Redrawn creatives -> the wall of cards and its filters."""

import re
from collections.abc import Sequence
from zlib import crc32

from schemas.vocabulary import deployed
from streams.demo.gallery.redraw import Redrawn
from streams.rendering.svg import escaped

_REASONS = {
    "new_user": "a new person, no creative yet",
    "preference_shift": "their taste moved",
    "fatigue": "they had seen the last one too often",
    "expiry": "the last one expired",
    "explicit": "an ad server asked",
}
_LANGUAGES = {"en": "English", "zh": "中文"}
_N_LIKES = 4
_MAX_SLUG = 24


def filters(drawn: Sequence[Redrawn]) -> str:
    """Return groups of radio buttons and the rules by which they filter, no script."""
    groups: dict[str, list[str]] = {
        "arm": [each.item.arm for each in drawn],
        "language": [each.language for each in drawn],
        "surface": [each.item.surface for each in drawn],
    }
    fields: list[str] = []
    rules: list[str] = []
    for group, values in groups.items():
        names = list(dict.fromkeys(values))
        fields.append(_field(group, names))
        rules.extend(
            f"body:has(#{group}-{slug(name)}:checked) "
            f'.made:not([data-{group}="{slug(name)}"]){{display:none}}'
            for name in names
        )
    return (
        f'<div class="filters">{"".join(fields)}</div><style>{"".join(rules)}</style>'
    )


def cards(drawn: Sequence[Redrawn]) -> str:
    """Return the wall of cards, and how many of them the filters leave."""
    wall = "".join(_card(each) for each in drawn)
    return (
        f'<div class="walled"><div class="wall">{wall}</div>'
        '<p class="count"><span></span> of '
        f"{len(drawn)} shown</p></div>"
    )


def slug(text: str) -> str:
    """Return small letters, digits and hyphens: safe in an id and a selector."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:_MAX_SLUG] or "none"


def _field(group: str, names: Sequence[str]) -> str:
    def button(name: str, label: str, checked: str = "") -> str:
        return (
            f'<label><input type="radio" name="{group}" id="{group}-{name}"{checked}>'
            f"<span>{escaped(label)}</span></label>"
        )

    options = "".join(button(slug(n), _LANGUAGES.get(n, n.capitalize())) for n in names)
    return (
        f"<fieldset><legend>{group.capitalize()}</legend>"
        f"{button('any', 'All', ' checked')}{options}</fieldset>"
    )


def _card(each: Redrawn) -> str:
    item = each.item
    return (
        f'<article class="made" data-arm="{slug(item.arm)}" '
        f'data-language="{each.language}" data-surface="{slug(item.surface)}">'
        f'<div class="picture">{each.card}</div><div class="story">{_person(each)}'
        f'<p class="why" lang="{each.language}">{escaped(item.explanation)}</p>'
        f"{_likes(each)}{_facts(each)}{_design(each)}</div></article>"
    )


def _person(each: Redrawn) -> str:
    item = each.item
    hue = crc32(item.user_id.encode("utf-8", "replace")) % 360
    name = escaped(item.user_id)
    model = f"{escaped(item.model_name)} v{item.model_version}"
    return (
        '<div class="person"><span class="face" aria-hidden="true" '
        f'style="--hue:{hue}"></span><p><b title="{name}">{_short(item.user_id)}</b>'
        f"<span>{model}</span></p>"
        f'<span class="chip arm-{slug(item.arm)}">{escaped(item.arm)}</span></div>'
    )


def _likes(each: Redrawn) -> str:
    likes = each.item.top_preferences[:_N_LIKES]
    if not likes:
        return '<p class="unknown">Nothing known about them yet.</p>'
    most = max(weight for _category, weight in likes) or 1.0
    names = deployed().names
    rows = "".join(
        f"<dt>{escaped(names.get(category, {}).get('en', category))}</dt>"
        f'<dd><i style="width:{max(100 * weight / most, 2):.0f}%"></i>'
        f"<span>{weight:.2f}</span></dd>"
        for category, weight in likes
    )
    return f'<dl class="likes" aria-label="Strongest preferences">{rows}</dl>'


def _facts(each: Redrawn) -> str:
    item = each.item
    reason = _REASONS.get(item.reason, item.reason or "not recorded")
    clicked = "clicked" if item.clicks else "quiet"
    return (
        '<dl class="facts">'
        f'<div class="wide"><dt>Made because</dt><dd>{escaped(reason)}</dd></div>'
        f"<div><dt>Surface</dt><dd>{escaped(item.surface)}</dd></div>"
        f"<div><dt>Propensity</dt><dd>{item.propensity:.3f}</dd></div>"
        f"<div><dt>Shown</dt><dd>{item.impressions:,}</dd></div>"
        f'<div class="{clicked}"><dt>Clicked</dt><dd>{item.clicks:,}</dd></div></dl>'
    )


def _design(each: Redrawn) -> str:
    item = each.item
    rows = "".join(
        f"<dt>{escaped(name.replace('_', ' '))}</dt><dd>{_value(value)}</dd>"
        for name, value in item.design.items()
    )
    return (
        f"<details><summary>Design and receipt</summary><dl>{rows}"
        f"<dt>category</dt><dd>{escaped(item.category)}</dd>"
        f"<dt>placement</dt><dd>{escaped(item.placement)}</dd>"
        f"<dt>creative</dt><dd><code>{escaped(item.creative_id)}</code></dd>"
        f"<dt>mark</dt><dd lang={each.language}>{escaped(item.disclosure)}</dd>"
        "</dl></details>"
    )


def _value(value: str | float) -> str:
    return escaped(value) if isinstance(value, str) else f"{value:.2f}"


def _short(user: str) -> str:
    keep = 12
    return escaped(user if len(user) <= keep else f"{user[:8]}…")
