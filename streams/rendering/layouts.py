"""Layout attribute -> Plan for cards (300x250) and end cards (640x360)."""

from streams.rendering.ornaments import keyline, lifted, mosaic, seal
from streams.rendering.plan import Box, Column, Corner, Form, Inks, Plan
from streams.rendering.svg import (
    bow,
    circle,
    num,
    path,
    polygon,
    rays,
    rect,
    see_through,
)


def split(f: Form) -> Plan:
    """Return art on the left with a curved edge, words on the right."""
    edge, swell = f.w * 0.4, f.w * 0.055
    curve = bow(edge, swell, f.h)
    rim = path(
        f"M{num(edge)} 0{curve}"
        f"H{num(edge + 5 * f.unit)}Q{num(edge + 2 * swell + 7 * f.unit)} "
        f"{num(f.h / 2)} {num(edge + 5 * f.unit)} 0Z",
        f.scheme.accent,
    )
    left = edge + swell + f.pad * 0.8
    return Plan(
        art=Box(0, 0, edge + swell, f.h),
        clip=path(f"M0 0H{num(edge)}{curve}H0Z", "#000000"),
        over=rim,
        columns=(
            Column(
                Box(left, f.pad * 0.8, f.w - left - f.pad * 0.8, f.h - f.pad * 1.6),
                f.on_ground,
                headline_px=25 * f.big,
                body_px=11.6 * f.unit,
            ),
        ),
        mark=Corner(6 * f.unit, f.h - 6 * f.unit, 0),
        mark_inks=f.mark_on_ground,
        badge=Corner(8 * f.unit, 8 * f.unit, 0),
    )


def banner(f: Form) -> Plan:
    """Return art across the top, words below."""
    edge = f.h * 0.42
    bar = rect(0, edge, f.w, 4 * f.unit, f.scheme.accent)
    top = edge + 4 * f.unit + f.pad * 0.62
    return Plan(
        art=Box(0, 0, f.w, edge),
        over=bar,
        zoom=1.12,
        columns=(
            Column(
                Box(f.pad, top, f.w - 2 * f.pad, f.h - top - f.pad * 0.7),
                f.on_ground,
                parts="headline body brandbutton",
                headline_px=26 * f.unit,
                body_px=11.8 * f.unit,
                n_lines=2,
            ),
        ),
        mark=Corner(f.w - 6 * f.unit, edge - 6 * f.unit, 1),
        mark_inks=f.mark_on_ground,
        badge=Corner(f.w - 10 * f.unit, 10 * f.unit, 1),
    )


def card(f: Form) -> Plan:
    """Return a lifted panel with the words over a full-bleed picture."""
    r, gap = 14 * f.unit, 11 * f.unit
    if f.is_wide:
        panel = Box(f.w * 0.45, gap * 1.6, f.w * 0.55 - gap * 1.6, f.h - gap * 3.2)
        art = Box(0, 0, f.w * 0.47, f.h)
    else:
        panel = Box(gap, f.h * 0.395, f.w - 2 * gap, f.h * 0.605 - gap)
        art = Box(0, 0, f.w, f.h * 0.405)
    inset = f.pad * 0.82
    return Plan(
        under=f.whole.filled(f.scheme.stage),
        art=art,
        over=lifted(panel, r, f.scheme.panel),
        columns=(
            Column(
                panel.inset(inset, inset * 0.8),
                f.on_panel,
                parts="brand headline body button"
                if f.is_wide
                else "headline body brandbutton",
                headline_px=25 * f.big,
                body_px=11.4 * f.unit,
                n_lines=3 if f.is_wide else 2,
            ),
        ),
        mark=Corner(gap * 0.6, gap * 0.6 + 13 * f.unit, 0),
        mark_inks=f.mark_on_panel,
        badge=Corner(gap * 1.4, f.h - gap - 34 * f.unit, 0)
        if f.is_wide
        else Corner(f.w - gap, gap * 0.8, 1),
    )


def poster(f: Form) -> Plan:
    """Return a huge headline on top and a round picture that bleeds off the corner."""
    r = f.h * (0.4 if f.is_wide else 0.345)
    cx, cy = f.w - r * 0.82, f.h - r * 0.8
    left = cx - r * 1.09
    top = cy - r * 1.09
    ring = circle(cx, cy, r * 1.09, f.scheme.accent)
    return Plan(
        under=ring,
        art=Box(cx - r, cy - r, 2 * r * 0.94, 2 * r * 0.92),
        clip=circle(cx, cy, r, "#000000"),
        columns=(
            Column(
                Box(f.pad, f.pad * 0.7, f.w - 2 * f.pad, top - f.pad * 0.8),
                f.on_ground,
                parts="headline",
                rise="top",
                headline_px=40 * f.unit,
                n_lines=2,
            ),
            Column(
                Box(
                    f.pad,
                    top + 4 * f.unit,
                    left - f.pad * 1.4,
                    f.h - top - 4 * f.unit - f.pad - 12 * f.unit,
                ),
                f.on_ground,
                parts="body button",
                rise="bottom",
                body_px=11.6 * f.big,
            ),
        ),
        mark=Corner(f.pad - 4 * f.unit, f.h - 5 * f.unit, 0),
        mark_inks=f.mark_bare,
        badge=Corner(f.w - 7 * f.unit, f.h - 48 * f.unit, 1),
        zoom=0.92,
    )


def ribbon(f: Form) -> Plan:
    """Return a folded ribbon with the headline across picture and ground."""
    band = Box(f.w * 0.035, f.h * 0.4, f.w * 0.93, f.h * 0.225)
    fold = 9 * f.unit
    tails = "".join(
        polygon(
            (
                (outer, band.y + fold),
                (inner, band.y + fold),
                (inner, band.bottom + fold),
                (outer, band.bottom + fold),
                (notch, band.y + band.h / 2 + fold),
            ),
            f.scheme.accent_dark,
        )
        for outer, inner, notch in (
            (-2, band.x + f.w * 0.07, f.w * 0.025),
            (f.w + 2, band.right - f.w * 0.07, f.w * 0.975),
        )
    )
    face = band.filled(f.scheme.accent)
    seams = "".join(
        rect(
            band.x, y, band.w, 1.2 * f.unit, f.scheme.on_accent, extra=see_through(0.5)
        )
        for y in (band.y + 4 * f.unit, band.bottom - 5.2 * f.unit)
    )
    top = band.bottom + fold * 0.9 + f.pad * 0.2
    inks = Inks(f.scheme.on_accent, f.scheme.on_accent, "", "")
    return Plan(
        art=Box(0, 0, f.w, band.y + 8 * f.unit),
        zoom=1.1,
        under=rect(0, 0, f.w, f.h * 0.5, f.scheme.stage),
        over=tails + face + seams,
        columns=(
            Column(
                band.inset(f.w * 0.05, 7 * f.unit),
                inks,
                parts="headline",
                align="middle",
                headline_px=24 * f.unit,
                n_lines=2,
            ),
            Column(
                Box(f.pad, top, f.w - 2 * f.pad, f.h - top - f.pad * 0.6),
                f.on_ground,
                parts="body brandbutton",
                align="left",
                body_px=11.8 * f.unit,
            ),
        ),
        mark=Corner(6 * f.unit, 19 * f.unit, 0),
        mark_inks=f.mark_on_ground,
        badge=Corner(f.w - 9 * f.unit, 8 * f.unit, 1),
    )


def grid(f: Form) -> Plan:
    """Return a mosaic of geometric tiles on the right, words on the left."""
    cell = f.h / 4
    n_columns = 3 if f.is_wide else 2
    left = f.w - cell * n_columns
    start = n_columns - 2
    return Plan(
        under=mosaic(f, Box(left, 0, cell * n_columns, f.h), cell),
        art=Box(left + start * cell, cell, 2 * cell, 2 * cell),
        columns=(
            Column(
                Box(f.pad, f.pad, left - f.pad * 1.8, f.h - f.pad * 1.5 - 15 * f.unit),
                f.on_ground,
                headline_px=25 * f.big,
                body_px=11.6 * f.unit,
            ),
        ),
        mark=Corner(f.pad - 4 * f.unit, f.h - 6 * f.unit, 0),
        mark_inks=f.mark_bare,
        badge=Corner(f.w - 8 * f.unit, 8 * f.unit, 1),
    )


def badge(f: Form) -> Plan:
    """Return the words in a large scalloped seal, the picture beside it."""
    r = f.h * 0.42
    cx, cy = f.w - r * 1.13, f.h / 2
    free = cx - r * 1.05
    medal = min(free * 0.66, f.h * 0.3)
    mx, my = max(free * 0.5, medal + 5 * f.unit), f.h * 0.52
    burst = rays(cx, cy, f.w, 20, f.scheme.tones[0])
    rim = circle(mx, my, medal + 3.5 * f.unit, f.scheme.panel)
    return Plan(
        under=f.whole.filled(f.scheme.stage) + burst + seal(cx, cy, r, f) + rim,
        art=Box.around(mx, my, medal),
        clip=circle(mx, my, medal, "#000000"),
        columns=(
            Column(
                Box(cx - r * 0.72, cy - r * 0.7, r * 1.44, r * 1.42),
                f.on_panel,
                align="middle",
                headline_px=24 * f.big,
                body_px=10.8 * f.unit,
            ),
        ),
        mark=Corner(6 * f.unit, f.h - 6 * f.unit, 0),
        mark_inks=f.mark_on_panel,
        badge=Corner(7 * f.unit, 8 * f.unit, 0),
    )


def frame(f: Form) -> Plan:
    """Return a classical frame: a mat, two fine lines, a picture, centred words."""
    mat, gap = 10 * f.unit, 4 * f.unit
    inner = f.whole.inset(mat + gap, mat + gap)
    picture = Box(inner.x, inner.y, inner.w, inner.h * 0.33)
    lines = keyline(f.whole.inset(mat, mat), f, 1.4)
    lines += keyline(inner, f, 0.7)
    diamond = 3.4 * f.unit
    rule_y = picture.bottom
    ornament = rect(inner.x, rule_y, inner.w, 0.8 * f.unit, f.scheme.on_ground)
    ornament += polygon(
        (
            (f.w / 2, rule_y - diamond),
            (f.w / 2 + diamond, rule_y),
            (f.w / 2, rule_y + diamond),
            (f.w / 2 - diamond, rule_y),
        ),
        f.scheme.button,
    )
    top = picture.bottom + 7 * f.unit
    return Plan(
        art=picture,
        over=lines + ornament,
        columns=(
            Column(
                Box(
                    inner.x + f.pad * 0.5,
                    top,
                    inner.w - f.pad,
                    inner.bottom - top - 15 * f.unit,
                ),
                f.on_ground,
                parts="headline body button",
                align="middle",
                headline_px=25 * f.unit,
                body_px=11.4 * f.unit,
                n_lines=2,
            ),
        ),
        mark=Corner(f.w / 2, inner.bottom - 1.5 * f.unit, 0.5),
        mark_inks=f.mark_bare,
        badge=Corner(inner.right - 6 * f.unit, inner.y + 6 * f.unit, 1),
    )
