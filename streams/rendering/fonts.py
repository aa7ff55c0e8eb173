"""The bundled fonts: as CSS for a page that fetches nothing, and for SVG -> PNG.

PNG is for people and places that take no SVG (optional: needs resvg_py).
"""

from base64 import b64encode
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from streams.errors import ConfigurationError

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

_FOLDER = Path(__file__).parent


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


def font_files() -> tuple[Path, ...]:
    """Return the bundled fonts: Latin, and the Chinese characters of the copy."""
    return tuple(sorted(_FOLDER.glob("font-*.ttf")))


def png_of(svg: str, zoom: float = 1.0, more_fonts: tuple[Path, ...] = ()) -> bytes:
    """Return the picture of an SVG as PNG, `zoom` px for each of its px.

    Only the bundled fonts and `more_fonts` are used, so that every machine gives the
    same picture. A character that none of them has is left out.

    Raises:
        ConfigurationError: resvg_py is not installed.
    """
    files = [str(path) for path in (*font_files(), *more_fonts)]
    drawn = _resvg().svg_to_bytes(
        svg_string=svg, zoom=zoom, skip_system_fonts=True, font_files=files
    )
    return bytes(drawn)


@cache
def _resvg() -> ModuleType:
    try:
        return import_module("resvg_py")
    except ImportError as error:
        raise ConfigurationError(
            "expected resvg_py to draw a PNG, it is not installed; "
            "run pip install resvg_py"
        ) from error
