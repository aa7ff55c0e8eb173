"""A person drawn from a few shapes, faceless: nobody in particular."""

from streams.rendering.colour import mix
from streams.rendering.scheme import Scheme
from streams.rendering.svg import circle, ellipse, path, rect

_SKINS = ("#f2c9a5", "#d9a066", "#a86b3c", "#6f4427", "#f6d7bd", "#c68642")
_HAIRS = ("#2b1d16", "#4a2c1a", "#7a4a21", "#1b1b22", "#b5793a", "#8a8a93")

# Hair behind the head and over it, in the same 100 x 100 units as the figure.
_HAIRCUTS = (
    (
        "",
        (
            "M30 37C28 15 43 10 52 11C67 10 73 22 70 37"
            "C68 27 60 25 50 25C40 25 33 28 30 37Z"
        ),
    ),
    (
        "M28 36C26 12 74 12 72 36L75 64C66 70 34 70 25 64Z",
        (
            "M31 36C31 20 44 17 56 19C64 21 69 27 69 37"
            "C62 34 55 30 50 24C46 31 38 35 31 36Z"
        ),
    ),
    (
        "M43 12A9 9 0 1 1 57 12Z",
        "M30 35C30 18 42 13 50 13S70 18 70 35C66 26 58 22 50 22S34 26 30 35Z",
    ),
    (
        "M29 40C25 14 75 14 71 40L70 52H30Z",
        (
            "M30 37C30 17 44 13 54 15C66 17 70 27 70 38L66 30"
            "C56 31 42 29 38 24C37 30 34 34 30 37Z"
        ),
    ),
)


def person(seed: int, scheme: Scheme) -> str:
    """Return a bust in 100 x 100 units; hair, skin and clothes vary with the seed."""
    skin = _SKINS[seed % len(_SKINS)]
    hair = _HAIRS[(seed // 2) % len(_HAIRS)]
    behind, over = _HAIRCUTS[seed % len(_HAIRCUTS)]
    shaded = mix(skin, "#5a2a1a", 0.22)
    cloth = scheme.accent
    back = path(behind, hair) if behind else ""
    body = path("M8 101C9 78 24 70 40 67C46 73 54 73 60 67C76 70 91 78 92 101Z", cloth)
    collar = path(
        "M37 68C42 80 58 80 63 68L60 66C56 73 44 73 40 66Z", mix(cloth, "#ffffff", 0.35)
    )
    neck = rect(42.5, 50, 15, 20, shaded, 7)
    ears = circle(31, 41, 4, shaded) + circle(69, 41, 4, shaded)
    head = ellipse(50, 39, 19.5, 22, skin)
    sleeve = path("M24 101C24 92 26 87 29 83", "none", _seam(cloth))
    sleeve += path("M76 101C76 92 74 87 71 83", "none", _seam(cloth))
    return back + neck + body + collar + sleeve + ears + head + path(over, hair)


def _seam(cloth: str) -> str:
    dark = mix(cloth, "#000000", 0.25)
    return f' stroke="{dark}" stroke-width="1.4" stroke-linecap="round"'
