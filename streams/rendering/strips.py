"""Layout attribute -> Plan for leaderboards (728x90)."""

from dataclasses import replace

from streams.rendering.ornaments import mosaic
from streams.rendering.plan import Box, Column, Corner, Form, Inks, Plan
from streams.rendering.svg import (
    bow,
    circle,
    num,
    outline,
    path,
    polygon,
    rect,
    scallop,
    see_through,
)

_ACTION = 158.0
"""Room for the button and the disclosure at the right end, px."""


def _words(f: Form, left: float, inks: Inks, px: float = 25.0) -> Column:
    """Return the column between the picture and the button."""
    inset = f.pad * 0.5
    return Column(
        Box(left, inset, f.w - _ACTION - left - f.pad * 0.4, f.h - 2 * inset),
        inks,
        parts="headline body",
        headline_px=px,
        body_px=12.4,
        n_lines=1,
    )


def _plan(
    f: Form,
    art: Box,
    column: Column,
    mark: tuple[str, str],
    *,
    under: str = "",
    clip: str = "",
    over: str = "",
    zoom: float = 1.0,
    badge: Corner | None = None,
) -> Plan:
    """Return the plan that all strips share: picture, words, button, disclosure."""
    middle = f.w - _ACTION / 2 - 4
    return Plan(
        art=art,
        columns=(column,),
        under=under,
        clip=clip,
        over=over,
        zoom=zoom,
        button=Corner(middle, f.h * 0.44),
        button_inks=column.inks,
        mark=Corner(middle, f.h - 6, 0.5),
        mark_inks=mark,
        badge=badge or Corner(art.x + 6, 6, 0),
    )


def split(f: Form) -> Plan:
    """Return art on the left with a curved edge."""
    edge, swell = f.h * 2.05, 11.0
    curve = bow(edge, swell, f.h)
    rim = path(
        f"M{num(edge)} 0{curve}h4"
        f"Q{num(edge + 2 * swell + 5)} {num(f.h / 2)} {num(edge + 4)} 0z",
        f.scheme.accent,
    )
    return _plan(
        f,
        Box(0, 0, edge + swell, f.h),
        _words(f, edge + swell + f.pad, f.on_ground),
        f.mark_bare,
        clip=path(f"M0 0H{num(edge)}{curve}H0Z", "#000000"),
        over=rim,
        zoom=1.1,
    )


def banner(f: Form) -> Plan:
    """Return art over the middle that fades into the ground on both sides."""
    art = Box(0, 0, f.h * 3.3, f.h)
    fade = (
        f'<defs><linearGradient id="{f.uid}fade">'
        f'<stop offset="0" stop-color="{f.scheme.ground}" stop-opacity="0"/>'
        f'<stop offset="1" stop-color="{f.scheme.ground}"/></linearGradient></defs>'
    )
    veil = rect(art.w * 0.62, 0, art.w * 0.38 + 1, f.h, f"url(#{f.uid}fade)")
    bar = rect(0, f.h - 4, f.w, 4, f.scheme.accent)
    return _plan(
        f,
        art,
        _words(f, art.right, f.on_ground),
        f.mark_bare,
        over=fade + veil + bar,
        zoom=1.1,
    )


def card(f: Form) -> Plan:
    """Return a lifted panel with the words over the picture's ground."""
    panel = Box(f.h * 1.62, 7, f.w - f.h * 1.62 - 8, f.h - 14)
    shadow = rect(
        panel.x - 1, panel.y + 2, panel.w + 2, panel.h, "#000000", 13, see_through(0.14)
    )
    return _plan(
        f,
        Box(0, 0, f.h * 1.66, f.h),
        _words(f, panel.x + f.pad, f.on_panel, 24),
        ("", f.scheme.on_panel_soft),
        under=f.whole.filled(f.scheme.stage),
        over=shadow + panel.filled(f.scheme.panel, 12),
        zoom=1.05,
        badge=Corner(5, 5, 0),
    )


def poster(f: Form) -> Plan:
    """Return a huge headline and a round picture before the button."""
    r = f.h * 0.72
    cx, cy = f.w - _ACTION - r * 0.78, f.h * 0.54
    words = _words(f, f.pad, f.on_ground, 33)
    return _plan(
        f,
        Box.around(cx, cy, r),
        replace(words, box=replace(words.box, w=cx - r - f.pad * 1.6)),
        f.mark_bare,
        under=circle(cx, cy, r * 1.09, f.scheme.accent),
        clip=circle(cx, cy, r, "#000000"),
        zoom=0.82,
        badge=Corner(cx - r * 0.95, 6, 0),
    )


def ribbon(f: Form) -> Plan:
    """Return the headline on a pennant that grows out of the picture."""
    left, right = f.h * 1.75, f.w - _ACTION - 8
    top, height = 9.0, f.h * 0.47
    pennant = polygon(
        (
            (left - 8, top),
            (right, top),
            (right - 16, top + height / 2),
            (right, top + height),
            (left - 8, top + height),
        ),
        f.scheme.accent,
    )
    fold = polygon(
        (
            (left - 8, top + height),
            (left + 4, top + height),
            (left + 4, top + height + 8),
        ),
        f.scheme.accent_dark,
    )
    headline = Column(
        Box(left + 8, top + 3, right - left - 34, height - 6),
        Inks(f.scheme.on_accent, f.scheme.on_accent, "", ""),
        parts="headline",
        headline_px=25,
        n_lines=1,
    )
    body = Column(
        Box(left + 8, top + height + 3, right - left - 8, f.h - top - height - 8),
        f.on_ground,
        parts="body",
        body_px=12.2,
    )
    plan = _plan(
        f, Box(0, 0, left, f.h), body, f.mark_bare, over=fold + pennant, zoom=1.08
    )
    return replace(plan, columns=(headline, body), button_inks=f.on_ground)


def grid(f: Form) -> Plan:
    """Return a mosaic of geometric tiles on the left."""
    cell = f.h / 2
    width = cell * 5
    return _plan(
        f,
        Box(cell * 1.5, 0, f.h, f.h),
        _words(f, width + f.pad, f.on_ground),
        f.mark_bare,
        under=mosaic(f, Box(0, 0, width, f.h), cell),
        zoom=1.1,
        badge=Corner(5, 5, 0),
    )


def badge(f: Form) -> Plan:
    """Return the picture in a scalloped seal that bleeds off the left end."""
    r = f.h * 0.66
    cx, cy = f.h * 0.78, f.h / 2
    seal = scallop(cx, cy, r * 1.12, 20, f.scheme.accent)
    seal += scallop(cx, cy, r * 1.02, 20, f.scheme.panel)
    return _plan(
        f,
        Box.around(cx, cy, r),
        _words(f, cx + r * 1.16 + f.pad, f.on_ground),
        f.mark_bare,
        under=seal,
        clip=circle(cx, cy, r * 0.92, "#000000"),
        zoom=0.84,
        badge=Corner(6, 6, 0),
    )


def frame(f: Form) -> Plan:
    """Return two fine lines around all, centred words, the picture in a window."""
    ink = f.scheme.on_ground
    lines = "".join(
        f.whole.inset(gap, gap).filled("none", extra=outline(ink, width))
        for gap, width in ((5.0, 1.4), (8.5, 0.7))
    )
    window = Box(8.5, 8.5, f.h * 1.5, f.h - 17)
    divider = rect(window.right, 8.5, 0.8, f.h - 17, ink)
    words = _words(f, window.right + f.pad, f.on_ground, 24)
    box = replace(words.box, y=12, h=f.h - 24)
    centred = replace(words, box=box, align="middle", body_px=12.2)
    plan = _plan(f, window, centred, f.mark_bare, over=lines + divider, zoom=1.1)
    return replace(
        plan,
        button=Corner(f.w - _ACTION / 2 - 10, f.h * 0.455),
        mark=Corner(f.w - _ACTION / 2 - 10, f.h - 11, 0.5),
        badge=Corner(window.x + 4, window.y + 4, 0),
    )
