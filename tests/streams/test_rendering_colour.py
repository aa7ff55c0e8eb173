"""Colours: mixing, contrast, and schemes whose text can always be read."""

import pytest
from hypothesis import given, strategies as st

from model_export.space.drawings import Drawings, bundled
from schemas.records import Design
from streams.rendering.colour import READABLE, contrast_ratio, mix, readable
from streams.rendering.scheme import look_of, scheme_of
from tests.streams.rendering_samples import CHOICES

COLOURS = st.integers(0, 0xFFFFFF).map(lambda value: f"#{value:06x}")

PAIRS = (
    ("on_ground", "ground"), ("on_ground", "shade"),
    ("on_ground_soft", "ground"), ("on_ground_soft", "shade"),
    ("on_panel", "panel"), ("on_panel_soft", "panel"),
    ("on_stage", "stage"), ("on_stage", "stage_far"),
    ("on_accent", "accent"), ("on_pop", "pop"),
    ("on_button", "button"), ("on_button_panel", "button_panel"),
)  # fmt: skip


def unreadable(scheme):
    return [
        (text, ground)
        for text, ground in PAIRS
        if contrast_ratio(getattr(scheme, text), getattr(scheme, ground)) < READABLE
    ]


@pytest.mark.parametrize("palette", CHOICES["palette"])
def test_every_text_of_a_palette_can_be_read_at_every_contrast(palette):
    for step in range(101):
        design = Design(
            categorical={"palette": palette}, continuous={"contrast": step / 100}
        )
        assert unreadable(scheme_of(look_of(design, bundled()))) == [], step


@given(st.lists(COLOURS, min_size=7, max_size=7), st.floats(0, 1))
def test_text_can_be_read_on_whatever_colours_a_brand_brings(colours, contrast):
    *ramp, accent, pop = colours
    own = {"palette": {"own": {"ramp": ramp, "accent": accent, "pop": pop}}}
    design = Design(categorical={"palette": "own"}, continuous={"contrast": contrast})
    assert unreadable(scheme_of(look_of(design, Drawings(own)))) == []


@given(COLOURS, COLOURS)
def test_a_text_colour_is_moved_until_it_reads_on_its_ground(preferred, ground):
    assert contrast_ratio(readable(preferred, ground), ground) >= READABLE


@given(COLOURS, COLOURS)
def test_a_mix_begins_at_one_colour_and_ends_at_the_other(one, other):
    def channels(colour):
        return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]

    for share, end in ((0.0, one), (1.0, other)):
        mixed = channels(mix(one, other, share))
        assert all(abs(a - b) <= 1 for a, b in zip(mixed, channels(end), strict=True))


def test_contrast_of_known_pairs_equals_wcag():
    assert contrast_ratio("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert contrast_ratio("#ff0000", "#ffffff") == pytest.approx(4.0, abs=0.01)
