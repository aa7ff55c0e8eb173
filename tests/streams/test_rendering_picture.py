"""Pictures, looked at pixel by pixel: text reads on whatever lies behind it."""

import io
import re
import xml.etree.ElementTree as ET

import pytest
from PIL import Image

from streams.rendering.card import draw_card
from streams.rendering.colour import READABLE, contrast_ratio
from streams.rendering.fonts import font_files, png_of
from streams.rendering.scheme import look_of
from tests.streams.rendering_samples import CARD, SIZES, samples

pytest.importorskip("resvg_py", reason="PNG: resvg_py is not installed")

SVG = "{http://www.w3.org/2000/svg}"


def svg_of(sample, size):
    return draw_card(
        look_of(sample.design, sample.brand.drawings),
        sample.copy,
        sample.category,
        sample.language,
        sample.brand,
        size,
        "t",
    )


def pixels(svg):
    return Image.open(io.BytesIO(png_of(svg))).convert("RGB")


def lines_of_text(svg):
    """Yield (fill, left, top, right, bottom) of each line that is not turned."""
    for group in ET.fromstring(svg).iter(f"{SVG}g"):  # noqa: S314 - we drew it
        if "font-size" not in group.attrib or _is_turned(svg, group):
            continue
        size = float(group.attrib["font-size"])
        for line in group.iter(f"{SVG}text"):
            left, base = float(line.attrib["x"]), float(line.attrib["y"])
            width = float(line.get("textLength", size))
            yield group.attrib["fill"], left, base - 0.7 * size, left + width, base


def _is_turned(svg, group):
    turned = re.findall(r'<g transform="[^"]*rotate.*?</g>', svg)
    words = "".join(group.itertext())
    return any(f">{words}</text>" in each for each in turned)


def without_text(svg):
    return re.sub(r"<text[^>]*>[^<]*</text>", "", svg)


@pytest.mark.parametrize("size", SIZES)
def test_each_pixel_behind_a_text_contrasts_with_it(size):
    for sample in samples(16, seed=11):
        svg = svg_of(sample, size)
        ground = pixels(without_text(svg))
        lines = list(lines_of_text(svg))
        assert len(lines) >= 5, "headline, body, button, brand and disclosure"
        for fill, *box in lines:
            colours = ground.crop([round(edge) for edge in box]).getcolors(1 << 20)
            worst = min(
                contrast_ratio(fill, "#{:02x}{:02x}{:02x}".format(*colour))
                for _n, colour in colours
            )
            assert worst >= READABLE - 0.02, (sample, "".join(map(str, box)), fill)


@pytest.mark.parametrize("size", SIZES)
def test_no_text_leaves_the_picture(size):
    for sample in samples(60, seed=12):
        for _fill, left, top, right, bottom in lines_of_text(svg_of(sample, size)):
            assert left >= 0
            assert top >= 0
            assert right <= size[0]
            assert bottom <= size[1]


def test_the_bundled_fonts_draw_every_character_of_the_copy():
    fonts = font_files()
    assert {path.name for path in fonts} >= {"font-cjk-700.ttf", "font-sans-700.ttf"}
    for sample in samples(6, seed=13):
        drawn, bare = svg_of(sample, CARD), without_text(svg_of(sample, CARD))
        assert png_of(drawn) != png_of(bare)


def test_a_png_has_the_size_of_its_svg_times_the_zoom():
    sample = next(samples(1, seed=14))
    image = Image.open(io.BytesIO(png_of(svg_of(sample, CARD), zoom=2.0)))
    assert image.size == (600, 500)
