"""A new attribute value is one place: the space file says how it is drawn and said."""

import pytest

from model_export.space import design_space
from model_export.space.drawings import bundled
from model_export.space.space_file import SpaceError
from schemas.records import Design
from streams.rendering import heroes, layouts, strips
from streams.rendering.brand import brand_of, space_of
from streams.rendering.colour import READABLE, contrast_ratio
from streams.rendering.renderer import Renderer
from streams.rendering.scheme import look_of, scheme_of
from streams.rendering.typeface import typography
from streams.settings import BrandSettings

NEW = {
    "palette": """
        [draw.palette.espresso]
        ramp = ["#f7f1ec", "#dcc6b4", "#6f4a34", "#3c2417", "#1f120b"]
        accent = "#e08e2b"
        pop = "#f2e58b"
    """,
    "badge": """
        [draw.badge.vegan]
        shape = "tag"
        sign = "M5 0L10 10H0Z"
        plate = "#113322"
        en = "Plant based"
        zh = "纯素"
    """,
    "hero": '[draw.hero.latte]\nlike = "dots"',
    "layout": '[draw.layout.menu]\nlike = "frame"',
    "typography": '[draw.typography.hand]\nlike = "light"',
    "cta": """
        [draw.cta.taste]
        en = ["Taste", "Have a sip", "Taste now"]
        zh = ["品一品", "来一口", "马上品"]
    """,
    "tone": """
        [draw.tone.dreamy]
        like = "calm"
        en = "Drift a little."
        zh = "慢慢做个梦。"
    """,
    "appeal": """
        [draw.appeal.origin]
        en = "{P} from growers we know by name."
        zh = "{t}，来自相熟的农家。"
        headline.en = ["{T} with a home", "From a place we know"]
        headline.zh = ["{t}，有来处"]
    """,
}
"""Attribute -> a value that nobody has heard of, and how it is drawn."""


def value_of(attribute):
    return NEW[attribute].split("]")[0].rsplit(".")[-1]


def space_with(tmp_path, attribute, value, drawn):
    """Return the path of the bundled space with one more value, in one place."""
    text = design_space.BUNDLED.read_text("utf-8")
    text = text.replace(f"\n{attribute} = [", f'\n{attribute} = ["{value}", ')
    path = tmp_path / "space.toml"
    path.write_text(f"{text}\n{drawn}", "utf-8")
    return path


def picture(space, design, language="en"):
    renderer = Renderer(brand_of(BrandSettings(), space.drawings))
    copy = renderer.copy(design, "coffee", language)
    assets = renderer.assets("social", design, copy, "coffee", language, "c1")
    return copy, next(a.content for a in assets if a.name == "card-300x250.svg")


@pytest.mark.parametrize("attribute", NEW)
def test_a_new_value_is_drawn_and_said_as_the_space_file_says(tmp_path, attribute):
    value = value_of(attribute)
    space = space_of(space_with(tmp_path, attribute, value, NEW[attribute]))
    design = Design(categorical={attribute: value}, continuous={"contrast": 1.0})
    copy, svg = picture(space, design)
    chinese, _ = picture(space, design, "zh")
    expected = {
        "palette": ("#1f120b" in svg, svg.count("#e08e2b") > 0),
        "badge": ("Plant based" in svg, "#113322" in svg, "M5 0L10 10H0Z" in svg),
        "cta": (copy.cta == "Taste", ">Taste<" in svg, chinese.cta == "品一品"),
        "tone": ("Drift a little." in copy.body, "慢慢做个梦" in chinese.body),
        "appeal": (copy.headline == "Coffee with a home", "农家" in chinese.body),
    }
    if attribute in expected:
        assert expected[attribute] == (True,) * len(expected[attribute])
    else:
        like = NEW[attribute].split('"')[1]
        known = Design(categorical={attribute: like}, continuous={"contrast": 1.0})
        assert svg == picture(space, known)[1]
    assert (copy, svg) != picture(space, Design(categorical={}, continuous={}))


@pytest.mark.parametrize("attribute", NEW)
def test_a_new_value_that_nobody_says_how_to_draw_is_refused(tmp_path, attribute):
    value = value_of(attribute)
    path = space_with(tmp_path, attribute, value, "")
    lines = path.read_text("utf-8").splitlines()
    line = 1 + next(n for n, line in enumerate(lines) if f'"{value}"' in line)
    with pytest.raises(SpaceError) as caught:
        design_space.load(path)
    assert f"{path}:{line}: categorical.{attribute}: {value!r} cannot" in str(
        caught.value
    )
    assert f"[draw.{attribute}.{value}]" in str(caught.value)


@pytest.mark.parametrize(
    ("drawn", "said"),
    [
        ('[draw.palette.x]\nramp = ["#fff"]', "palette.x.ramp: expected five colours"),
        ('[draw.palette.x]\naccent = "#112233"', "palette.x: without ['ramp', 'pop']"),
        ('[draw.badge.x]\nsign = "M0 0\\"/><script>"', "badge.x.sign: expected an SVG"),
        ('[draw.badge.x]\nshape = "tag"', "badge.x: without ['sign', 'en', 'zh']"),
        ('[draw.badge.new]\nen = "Best of all"', "claims best, which no ad may say"),
        ('[draw.hero.x]\nlike = "nothing"', "hero.x.like: 'nothing' is no other value"),
        ('[draw.hero.x]\nlike = "x"', "hero.x.like: 'x' is no other value"),
        ("[draw.hero.x]", "hero.x: without ['like']"),
        ('[draw.hero.x]\nsvg = "<g/>"', "hero.x.svg: unknown"),
        ('[draw.cta.x]\nen = ["Go"]\nzh = ["去"]', "cta.x.en: expected three labels"),
        ('[draw.cta.buy]\nen = ["{x}", "b", "c"]', "expected fields of {T}, {t}, {P}"),
        ('[draw.cta.buy]\nen = ["{T:>9999}", "b", "c"]', "expected fields of {T}"),
        ('[draw.cta.buy]\nen = ["{", "b", "c"]', "expected a template"),
        ('[draw.tone.x]\nlike = "calm"\npitch = "loud"', "tone.x.pitch: expected a"),
        ('[draw.tone.x]\nen = "Hi."', "tone.x: without ['rate', 'pitch', 'label'"),
        ('[draw.appeal.x]\nlike = "fun"\nheadline.en = ["An endless headline, is it?"]',
         "at most 25 characters"),
        ('[draw.appeal.x]\nen = "{P} here."\nzh = "{t}。"\nheadline.en = ["A"]',
         "appeal.x: no headline.zh for the tone calm"),
        ("[draw.music.jazz]", "draw.music: expected tables of"),
        ("[draw]\nhero = 1", "draw.hero: expected tables of"),
    ],
)  # fmt: skip
def test_a_way_to_draw_that_cannot_be_is_named_with_its_line(tmp_path, drawn, said):
    path = tmp_path / "space.toml"
    text = design_space.BUNDLED.read_text("utf-8")
    path.write_text(f"{text}\n{drawn}\n", "utf-8")
    first = len(text.splitlines()) + 2
    with pytest.raises(SpaceError, match="draw") as caught:
        design_space.load(path)
    found = [line for line in str(caught.value).splitlines() if said in line]
    assert found, str(caught.value)
    number = int(found[0].removeprefix(f"  {path}:").split(":")[0])
    assert first <= number <= first + drawn.count("\n")


def test_an_attribute_that_nobody_draws_is_refused_unless_it_is_drawn_elsewhere(
    tmp_path,
):
    path = tmp_path / "space.toml"
    text = 'name = "s"\n[categorical]\nmusic = ["jazz", "rock"]\n'
    path.write_text(text, "utf-8")
    with pytest.raises(
        SpaceError, match=r"space\.toml:3: categorical\.music: the rend"
    ):
        design_space.load(path)
    path.write_text(f'elsewhere = ["music"]\n{text}', "utf-8")
    assert design_space.load(path).size == 2


def test_a_range_that_would_be_drawn_as_its_ends_is_refused(tmp_path):
    path = tmp_path / "space.toml"
    path.write_text('name = "s"\n[continuous]\nfont_scale = [0.5, 1]\n', "utf-8")
    with pytest.raises(SpaceError, match=r"toml:3: continuous\.font_scale: \[0\.5, 1"):
        design_space.load(path)


def test_words_on_an_own_badge_can_be_read_whatever_its_colours(tmp_path):
    drawn = '[draw.badge.new]\nplate = "#777777"\nink = "#787878"\n'
    path = tmp_path / "space.toml"
    text = design_space.BUNDLED.read_text("utf-8")
    path.write_text(f"{text}\n{drawn}", "utf-8")
    _, svg = picture(
        space_of(path), Design(categorical={"badge": "new"}, continuous={})
    )
    ink = svg.split(">New<")[0].rsplit('fill="', 1)[1][:7]
    assert contrast_ratio(ink, "#777777") >= READABLE


def test_the_renderer_draws_all_that_is_declared_and_nothing_else():
    values = bundled().values
    assert set(values["hero"]) == set(heroes.HEROES)
    for name in values["layout"]:
        assert callable(getattr(layouts, name))
        assert callable(getattr(strips, name))
    for name in values["typography"]:
        assert typography(name, "en") != typography(name, "zh")
    for palette in values["palette"]:
        design = Design(categorical={"palette": palette}, continuous={})
        look = look_of(design, bundled())
        assert look.palette is values["palette"][palette]
        assert scheme_of(look).pop == values["palette"][palette].pop
