"""Words -> SVG text whose width is fixed, so that no font can overflow."""

from streams.rendering.svg import escaped, num
from streams.rendering.typeface import Face
from streams.rendering.wrapping import Lines


def set_lines(
    lines: Lines, face: Face, x: float, top: float, fill: str, anchor: float = 0.0
) -> str:
    """Return lines of text whose first line's box begins at `top`.

    `x` is the left end for anchor 0, the middle for 0.5 and the right end for 1. Each
    line carries textLength: a browser that lacks the font draws it just as wide, and
    tracking needs no attribute of its own.
    """
    step = lines.size * face.leading
    adjust = "spacing" if face.is_full_width else "spacingAndGlyphs"
    rise = (step + lines.size * face.cap) / 2
    rows = "".join(
        _row(text, width, x - anchor * width, top + rise + index * step, adjust)
        for index, (text, width) in enumerate(
            zip(lines.texts, lines.widths, strict=True)
        )
    )
    return f"<g{_style(face, lines.size, fill)}>{rows}</g>"


def _row(text: str, width: float, x: float, y: float, adjust: str) -> str:
    fixed = ""
    if len(text) > 1:
        fixed = f' textLength="{num(width)}" lengthAdjust="{adjust}"'
    return f'<text x="{num(x)}" y="{num(y)}"{fixed}>{escaped(text)}</text>'


def _style(face: Face, size: float, fill: str) -> str:
    style = (
        f' font-family="{face.family}" font-size="{num(size)}" '
        f'font-weight="{face.weight}" fill="{fill}"'
    )
    if face.stroke:
        style += (
            f' stroke="{fill}" stroke-width="{num(face.stroke * size)}" '
            'stroke-linejoin="round"'
        )
    return style
