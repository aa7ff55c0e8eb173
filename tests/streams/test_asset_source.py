"""Rendered forms: inline in the record, or drawn by the ad server when asked for."""

from dataclasses import replace

import pytest

from schemas.lock import LockedIds
from schemas.records import Creative
from schemas.vocabulary import deployed
from streams.ad_server.asset_source import AssetSource
from streams.ad_server.delivery import ready
from streams.kafka.wire import Wire
from streams.rendering.renderer import Renderer
from tests.streams.creative_records import a_creative

WIRE = Wire(LockedIds())


def entry_of(creative):
    return ready(creative, WIRE.codec(Creative).encode(creative))


@pytest.mark.parametrize("placement", deployed().placements)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_assets_drawn_on_demand_are_those_that_would_have_been_inline(
    placement, language
):
    inline = a_creative(placement=placement, language=language)
    source = AssetSource(WIRE, Renderer())
    assert inline.assets
    assert source.of(entry_of(replace(inline, assets=()))) == inline.assets
    assert source.n_rendered == 1
    assert source.of(entry_of(inline)) == inline.assets
    assert source.n_rendered == 1


def test_what_was_drawn_is_kept_and_the_least_used_leaves_first():
    source = AssetSource(WIRE, Renderer(), max_rendered=2)
    a, b, c = (
        entry_of(replace(a_creative(creative_id=name), assets=())) for name in "abc"
    )
    for entry in (a, b, a, c):  # c drives out b
        source.of(entry)
    assert (len(source), source.n_rendered) == (2, 3)
    source.of(a)
    assert source.n_rendered == 3
    source.of(b)
    assert source.n_rendered == 4


def test_a_record_with_the_same_id_and_other_words_is_drawn_anew():
    source = AssetSource(WIRE, Renderer())
    first = replace(a_creative(), assets=())
    second = replace(first, copy=replace(first.copy, headline="Another headline"))
    drawn = [source.of(entry_of(creative)) for creative in (first, second)]
    assert drawn[0] != drawn[1]
