"""The bundled fonts as CSS, for a page that must not fetch anything."""

from base64 import b64encode
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent

_FACES = (
    ("Inter", 400, "sans-400"),
    ("Inter", 500, "sans-500"),
    ("Inter", 700, "sans-700"),
    ("Fraunces", 400, "serif-400"),
    ("Fraunces", 600, "serif-600"),
    ("Nunito", 600, "rounded-600"),
    ("Nunito", 800, "rounded-800"),
    ("Barlow Condensed", 600, "condensed-600"),
    ("Unbounded", 600, "wide-600"),
    ("JetBrains Mono", 400, "mono-400"),
    ("JetBrains Mono", 700, "mono-700"),
    ("Jost", 300, "light-300"),
    ("Jost", 400, "light-400"),
    ("Archivo Black", 400, "heavy-400"),
    ("Noto Sans SC", 400, "cjk-400"),
    ("Noto Sans SC", 700, "cjk-700"),
    ("Noto Serif SC", 600, "cjkserif-600"),
)


def font_faces(page: str) -> str:
    """Return @font-face rules, fonts inside, for the families that a page names."""
    return "".join(
        _rule(family, weight, file) for family, weight, file in _FACES if family in page
    )


@cache
def _rule(family: str, weight: int, file: str) -> str:
    font = b64encode((_FOLDER / f"font-{file}.ttf").read_bytes()).decode()
    return (
        f"@font-face{{font-family:'{family}';font-weight:{weight};"
        f"src:url(data:font/ttf;base64,{font}) format('truetype')}}"
    )
