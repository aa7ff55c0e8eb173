"""Colours: mixing in OKLab and contrast after WCAG 2.2.

Sources: B. Ottosson, "A perceptual color space for image processing" (2020);
WCAG 2.2, success criterion 1.4.3 and its definition of relative luminance.
"""

from functools import lru_cache

READABLE = 4.5
"""Least contrast of text against its ground (WCAG AA)."""

Triple = tuple[float, float, float]


def mix(one: str, other: str, share: float) -> str:
    """Return the colour `share` of the way from one "#rrggbb" to the other, in OKLab.

    >>> mix("#000000", "#ffffff", 0.0), mix("#000000", "#ffffff", 1.0)
    ('#000000', '#ffffff')
    """
    share = min(max(share, 0.0), 1.0)
    return _mixed(one.lower(), other.lower(), round(share, 3))


@lru_cache(maxsize=32768)
def _mixed(one: str, other: str, share: float) -> str:
    a, b = _oklab(one), _oklab(other)
    return _hex(
        (
            a[0] + (b[0] - a[0]) * share,
            a[1] + (b[1] - a[1]) * share,
            a[2] + (b[2] - a[2]) * share,
        )
    )


@lru_cache(maxsize=32768)
def luminance(colour: str) -> float:
    """Return the relative luminance, 0 (black) to 1 (white)."""
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast_ratio(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21.

    >>> round(contrast_ratio("#000000", "#ffffff"), 1)
    21.0
    """
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def readable(preferred: str, *grounds: str, least: float = READABLE) -> str:
    """Return the preferred text colour, or the nearest to it that can be read.

    It is moved towards black or white, whichever reads better, until its contrast
    with every ground is at least `least`. One of the two always reaches 4.5 on a
    single ground.
    """
    return _readable(preferred, grounds, least)


@lru_cache(maxsize=32768)
def _readable(preferred: str, grounds: tuple[str, ...], least: float) -> str:
    def worst(colour: str) -> float:
        return min(contrast_ratio(colour, ground) for ground in grounds)

    end = max("#000000", "#ffffff", key=worst)
    steps = (mix(preferred, end, step / 12) for step in range(13))
    return next((colour for colour in steps if worst(colour) >= least), end)


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _linear(colour: str) -> Triple:
    red, green, blue = (_to_linear(channel / 255) for channel in _channels(colour))
    return red, green, blue


def _to_linear(value: float) -> float:
    if value <= 0.04045:  # noqa: PLR2004 - sRGB's linear part
        return value / 12.92
    return float(((value + 0.055) / 1.055) ** 2.4)


def _from_linear(value: float) -> int:
    value = min(max(value, 0.0), 1.0)
    low = value <= 0.0031308  # noqa: PLR2004 - sRGB's linear part
    encoded = value * 12.92 if low else 1.055 * value ** (1 / 2.4) - 0.055
    return round(encoded * 255)


def _oklab(colour: str) -> Triple:
    r, g, b = _linear(colour)
    long = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    medium = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    short = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def _hex(lab: Triple) -> str:
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    channels = [_from_linear(channel) for channel in (red, green, blue)]
    return "#" + "".join(f"{channel:02x}" for channel in channels)
