"""Brand kits: only what can be shown safely gets in."""

import pytest

from streams.errors import ConfigurationError
from streams.rendering.brand import DEMO_BRAND, BrandKit

BAD_URLS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>1</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//shop.example/",
    "/relative",
    "https://",
    "https://user:secret@shop.example/",
    'https://shop.example"onload="x',
    "https://shop.example<script>/",
    "https://[bad",
    "",
)


def kit(**changes):
    fields = {
        "name": "Shop",
        "landing_url": "https://shop.example/",
        "asset_root": "https://ads.example/a",
    }
    return BrandKit(**(fields | changes))


@pytest.mark.parametrize("address", BAD_URLS)
def test_an_address_that_is_not_http_is_refused(address):
    with pytest.raises(ConfigurationError, match="expected an http or https address"):
        kit(landing_url=address)
    with pytest.raises(ConfigurationError, match="expected an http or https address"):
        kit(asset_root=address)


@pytest.mark.parametrize("name", ["", "   ", "x" * 61])
def test_a_name_that_cannot_be_shown_is_refused(name):
    with pytest.raises(ConfigurationError, match="brand name"):
        kit(name=name)


def test_the_landing_page_is_marked_with_the_creative():
    assert DEMO_BRAND.landing("c1") == "https://shop.example/?creative=c1"
    marked = kit(landing_url="https://shop.example/p?a=1#top").landing("c&2")
    assert marked == "https://shop.example/p?a=1&creative=c%262#top"


def test_quotes_and_angle_brackets_in_an_address_are_percent_encoded():
    landing = kit(landing_url="https://shop.example/?q=\"'><b>").landing("c")
    assert not set("\"'<>") & set(landing)
