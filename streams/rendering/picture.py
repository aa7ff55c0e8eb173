"""SVG -> PNG, for people and places that take no SVG (optional: needs resvg_py)."""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from streams.errors import ConfigurationError

_FOLDER = Path(__file__).parent


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
