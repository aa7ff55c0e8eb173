"""Assets of the four surfaces: forms, sizes, weights, marks."""

import json
import re
import xml.etree.ElementTree as ET

import pytest

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Creative, Design
from schemas.vocabulary import deployed
from streams.errors import RejectedRecordError
from streams.rendering.brand import DEMO_BRAND
from streams.rendering.renderer import Renderer, Studio
from tests.good_records import good
from tests.streams.rendering_samples import CHOICES, RANGES, Sample, drawn, samples

BASE = Sample(Design(categorical={"badge": "new"}, continuous={}), "running", "en")
MOST_BYTES = 60_000
VAST = {"v": "http://www.iab.com/VAST"}


def forms(sample, creative="c1"):
    return {
        surface: {asset.name: asset for asset in assets}
        for surface, assets in drawn(
            sample, sample.copy, sample.brand, creative
        ).items()
    }


def everything(sample):
    return [a.content for assets in forms(sample).values() for a in assets.values()]


def test_each_surface_has_its_own_forms():
    by_surface = {surface: set(assets) for surface, assets in forms(BASE).items()}
    cards = {
        "card-300x250.svg", "card-300x250.html", "card-728x90.svg", "card-728x90.html",
    }  # fmt: skip
    assert by_surface["search"] == cards | {"search-ad.json", "native.json"}
    assert by_surface["social"] == cards | {"native.json"}
    assert by_surface["video"] == {
        "endcard-640x360.svg", "endcard-640x360.html", "companion.vast.xml",
        "native.json", "card-300x250.svg",
    }  # fmt: skip
    assert by_surface["device"] == {
        "speech.ssml", "speech.txt", "native.json", "card-300x250.svg",
    }  # fmt: skip


def test_assets_of_a_surface_are_light_enough_for_the_topic():
    for sample in samples(120, seed=5):
        for assets in forms(sample).values():
            assert len(assets) <= 8
            weight = sum(len(asset.content.encode()) for asset in assets.values())
            assert weight < MOST_BYTES, sample


def test_the_same_arguments_give_the_same_bytes():
    for sample in samples(16, seed=6):
        assert forms(sample) == forms(sample)


def test_every_svg_is_well_formed_and_of_its_size():
    for sample in samples(96, seed=7):
        for assets in forms(sample).values():
            for asset in assets.values():
                if asset.media_type != "image/svg+xml":
                    continue
                root = ET.fromstring(asset.content)  # noqa: S314 - we drew it
                assert root.get("width") == str(asset.width_px)
                assert root.get("height") == str(asset.height_px)
                assert root.get("data-ai-generated") == "true"


@pytest.mark.parametrize("name", CHOICES)
def test_each_value_of_an_attribute_changes_the_output(name):
    seen = {}
    for value in CHOICES[name]:
        design = Design(categorical={"badge": "new", name: value}, continuous={})
        content = tuple(everything(Sample(design, "running", "en")))
        assert content not in seen.values(), (name, value)
        seen[value] = content


@pytest.mark.parametrize("name", RANGES)
def test_each_continuous_attribute_changes_every_picture(name):
    low, _, top = RANGES[name]
    for layout in CHOICES["layout"]:
        ends = [
            everything(
                Sample(
                    Design(categorical={"layout": layout}, continuous={name: value}),
                    "running",
                    "en",
                )
            )
            for value in (low, top)
        ]
        pictures = [[text for text in end if text.startswith("<svg")] for end in ends]
        for one, other in zip(*pictures, strict=True):
            assert one != other, layout


def test_unknown_attributes_and_values_fall_back_to_the_defaults():
    strange = Design(
        categorical={"layout": "spiral", "mood": "odd", "badge": "new"},
        continuous={"contrast": float("nan"), "height": 3.0},
    )
    assert everything(Sample(strange, "running", "en")) == everything(BASE)


def test_numbers_outside_the_range_are_moved_to_its_end():
    far = Design(categorical={}, continuous={"contrast": 9.0})
    end = Design(categorical={}, continuous={"contrast": 1.0})
    assert everything(Sample(far, "tea", "zh")) == everything(Sample(end, "tea", "zh"))


def test_every_picture_and_page_says_that_it_is_an_ad_made_by_ai():
    for language, mark in (("en", "Ad · AI-generated"), ("zh", "广告 · AI 生成")):
        sample = Sample(BASE.design, "tea", language)
        for assets in forms(sample).values():
            for asset in assets.values():
                if asset.media_type in ("image/svg+xml", "text/html"):
                    assert f">{mark}</text>" in asset.content


def test_native_json_holds_the_fields_of_openrtb_native_1_2():
    native = json.loads(forms(BASE)["social"]["native.json"].content)["native"]
    assert native["ver"] == "1.2"
    kinds = {
        next(key for key in asset if key in ("title", "img", "data"))
        for asset in native["assets"]
    }
    assert kinds == {"title", "img", "data"}
    assert {a["data"]["type"] for a in native["assets"] if "data" in a} == {1, 2, 12}
    assert len({asset["id"] for asset in native["assets"]}) == len(native["assets"])
    assert native["link"]["url"] == "https://shop.example/?creative=c1"
    assert native["ext"]["ai_generated"] is True


def test_a_search_ad_keeps_to_the_lengths_of_search_engines():
    for sample in samples(60, seed=8):
        ad = json.loads(forms(sample)["search"]["search-ad.json"].content)
        assert all(0 < len(headline) <= 30 for headline in ad["headlines"])
        assert all(0 < len(text) <= 90 for text in ad["descriptions"])
        assert ad["ai_generated"] is True


def test_the_vast_companion_names_its_creative_and_carries_the_end_card():
    video = forms(BASE)["video"]
    root = ET.fromstring(video["companion.vast.xml"].content)  # noqa: S314 - ours
    assert root.get("version") == "4.2"
    identity = root.find(".//v:UniversalAdId", VAST)
    assert identity is not None
    assert (identity.text, identity.get("idRegistry")) == ("c1", "adloom.creative")
    companion = root.find(".//v:Companion", VAST)
    assert companion is not None
    assert (companion.get("width"), companion.get("height")) == ("640", "360")
    page = root.find(".//v:HTMLResource", VAST)
    assert page is not None
    assert page.text == video["endcard-640x360.html"].content


def test_speech_is_well_formed_and_its_pace_follows_the_tone():
    def spoken(tone, language):
        design = Design(categorical={"tone": tone}, continuous={})
        sample = Sample(design, "tea", language)
        device = forms(sample)["device"]
        root = ET.fromstring(device["speech.ssml"].content)  # noqa: S314 - ours
        said = "".join(root.itertext()).replace(" ", "")
        assert said == device["speech.txt"].content.replace(" ", "")
        return root[0].attrib

    assert spoken("calm", "en") != spoken("urgent", "en")
    assert spoken("calm", "zh")["rate"] == "slow"


def test_html_follows_the_iab_and_allows_no_script():
    page = forms(BASE)["social"]["card-300x250.html"].content
    assert '<meta name="ad.size" content="width=300,height=250">' in page
    assert "script-src 'none'" in page
    link = re.search(r'<a id="clickTag" href="([^"]+)"', page)
    assert link is not None
    assert link[1] == "https://shop.example/?creative=c1"


def test_no_asset_holds_a_script_a_style_sheet_link_or_an_event_attribute():
    bad = re.compile(
        r"<(script|iframe|object|embed|link|foreignObject|image)\b|\son\w+="
    )
    for sample in samples(60, seed=9):
        for content in everything(sample):
            assert not bad.search(content)


def test_element_ids_are_unique_among_the_pictures_of_a_creative():
    for sample in samples(24, seed=10):
        assets = forms(sample)
        pictures = [
            assets["social"]["card-300x250.svg"].content,
            assets["social"]["card-728x90.svg"].content,
            assets["video"]["endcard-640x360.svg"].content,
        ]
        ids = [
            name for text in pictures for name in re.findall(r'\bid="([^"]+)"', text)
        ]
        assert len(ids) == len(set(ids))
        used = set(re.findall(r'(?:url\(#|href="#)([^")]+)', "".join(pictures)))
        assert used <= set(ids)


def test_an_unknown_surface_is_rejected():
    studio = Studio(BASE.design, BASE.copy, "tea", "en", DEMO_BRAND, "c1")
    with pytest.raises(RejectedRecordError, match="expected a surface"):
        studio.assets("radio")


def test_a_creative_with_its_assets_passes_through_the_codec():
    renderer = Renderer()
    copy = renderer.copy(BASE.design, "tea", "zh-CN")
    for surface in deployed().surfaces:
        assets = renderer.assets(surface, BASE.design, copy, "tea", "zh-CN", "c")
        creative = good(Creative, surface=surface, copy=copy, assets=assets)
        codec = Codec(Creative, LockedIds())
        assert codec.decode(codec.encode(creative)) == creative
