"""Lines: they fit, they are even, and Chinese breaks between words."""

import pytest
from hypothesis import given, strategies as st

from streams.rendering.typeface import typography, width_em
from streams.rendering.wrapping import fit, shorten
from tests.streams.rendering_samples import CHOICES

SANS = typography("sans", "en").headline
CHINESE = typography("sans", "zh").headline


@given(
    st.text(min_size=1, max_size=120),
    st.sampled_from(CHOICES["typography"]),
    st.sampled_from(["en", "zh"]),
    st.integers(40, 400),
    st.integers(12, 200),
)
def test_no_line_is_wider_than_its_box_and_no_block_higher(
    text, name, language, width, height
):
    face = typography(name, language).headline
    lines = fit(text, face, width, height, 40, 8)
    if lines:
        assert max(lines.widths) <= width + 0.01
        assert lines.height(face) <= height + 0.1


@given(st.text(max_size=300), st.integers(20, 300))
def test_a_shortened_line_is_never_wider_than_its_box(text, width):
    assert shorten(text, SANS, width, 12).widths[0] <= max(width, 12.5)


def test_a_short_text_keeps_the_largest_size():
    lines = fit("Go", SANS, 300, 60, 40, 10)
    assert lines is not None
    assert lines.size == 40


def test_lines_come_out_about_equally_long():
    lines = fit("one two three four five six", SANS, 200, 80, 20, 20)
    assert lines is not None
    assert lines.texts == ("one two three", "four five six")


def test_chinese_breaks_between_words_and_keeps_marks_with_the_word_before():
    lines = fit("笔记本电脑，怎么舒服怎么来", CHINESE, 150, 100, 24, 10)
    assert lines is not None
    assert lines.texts[0] == "笔记本电脑，"
    assert not any(line[0] in "，。、" for line in lines.texts)


def test_a_word_wider_than_its_box_does_not_fit():
    assert fit("x" * 100, SANS, 100, 100, 20, 10) is None


@pytest.mark.parametrize("name", CHOICES["typography"])
def test_chinese_is_a_full_em_wide_whatever_the_font(name):
    face = typography(name, "zh").headline
    expected = (1 + face.tracking) * face.squeeze
    assert width_em("跑", face) == pytest.approx(expected)
