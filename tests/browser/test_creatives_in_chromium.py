"""Creatives in a real browser: nothing overflows, nothing runs, nothing is fetched."""

import dataclasses
import itertools

import pytest

from schemas.records import Copy
from streams.errors import ConfigurationError
from streams.rendering.brand import BrandKit
from tests.streams.rendering_samples import drawn, samples

pytestmark = pytest.mark.browser

OVERFLOWS = """
() => {
  const view = {w: window.innerWidth, h: window.innerHeight}, wrong = [];
  const page = document.documentElement;
  if (page.scrollWidth > view.w || page.scrollHeight > view.h) wrong.push('scrolls');
  for (const text of document.querySelectorAll('text')) {
    const box = text.getBoundingClientRect(), said = text.textContent;
    const turned = text.closest('g[transform*="rotate"]');
    const slack = turned ? 3 : 0.6;
    if (text.getAttribute('aria-hidden') !== 'true' &&
        (box.left < -slack || box.right > view.w + slack))
      wrong.push('leaves the card: ' + said);
    const fixed = parseFloat(text.getAttribute('textLength'));
    if (fixed && text.getComputedTextLength() > fixed + 0.6)
      wrong.push('is wider than planned: ' + said);
    const button = text.closest('.cta');
    if (button) {
      const plate = button.querySelector('rect').getBoundingClientRect();
      if (box.left < plate.left || box.right > plate.right)
        wrong.push('leaves the button: ' + said);
    }
  }
  return [document.querySelectorAll('text').length, wrong];
}
"""

PAYLOADS = (
    "<script>window.hit=1</script>",
    "<img src=x onerror='window.hit=1'>",
    "<svg onload=window.hit=1>",
    '"><script>window.hit=1</script>',
    "' onmouseover='window.hit=1",
    "</text></svg><script>window.hit=1</script><svg><text>",
    "</style><script>window.hit=1</script>",
    "</title><script>alert(1)</script>",
    "javascript:alert(1)",
    "<iframe src='https://evil.example/'></iframe>",
    "<link rel=stylesheet href=https://evil.example/x.css>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<image href='https://evil.example/x.png'/>",
    "<use href='https://evil.example/x.svg#a'/>",
    "<foreignObject><body onload=alert(1)></foreignObject>",
    "<a href='javascript:alert(1)'>x</a>",
    "<animate onbegin=alert(1) attributeName=x dur=1s>",
    "<style>@import 'https://evil.example/x.css'</style>",
    "]]><script>window.hit=1</script><![CDATA[",
    "<!--><script>window.hit=1</script>-->",
    "&lt;script&gt;window.hit=1&lt;/script&gt;",
    "&#60;script&#62;window.hit=1&#60;/script&#62;",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "\x00<script>window.hit=1</script>",
    "\u202e<script>window.hit=1</script>",
    "\ud800<script>alert(1)</script>",
    "<scr\x00ipt>window.hit=1</scr\x00ipt>",
    "\uff1cscript\uff1ewindow.hit=1\uff1c/script\uff1e",
    "<object data='https://evil.example/x'></object>",
    "<embed src='https://evil.example/x'>",
    "<form action='https://evil.example/'><input autofocus onfocus=alert(1)>",
    "<video src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<base href='https://evil.example/'>",
    "x' style='background:url(https://evil.example/x.png)",
    "url(https://evil.example/x.png)",
    "<math><mtext><script>window.hit=1</script></mtext></math>",
    "<noscript><p title='</noscript><script>window.hit=1</script>'>",
    "\n\r\t<script>\nwindow.hit=1\n</script>",
)
FIELDS = ("headline", "body", "cta", "brand", "url")
HOSTILE = list(itertools.product(PAYLOADS, FIELDS))


def pages_of(sample, copy, brand):
    found = {
        asset.name: asset
        for assets in drawn(sample, copy, brand).values()
        for asset in assets
        if asset.media_type in ("text/html", "image/svg+xml")
    }
    return list(found.values())


def hostile(payload, field):
    """Return copy and brand with the payload in one field; None if it is refused."""
    sample = next(samples(1, seed=len(payload)))
    copy, name, url = sample.copy, "Shop", "https://shop.example/"
    try:
        if field == "brand":
            name = payload[:60]
        elif field == "url":
            url = f"https://shop.example/?q={payload}"
        else:
            copy = dataclasses.replace(copy, **{field: payload})
        brand = BrandKit(name=name, landing_url=url, asset_root="https://ads.example/a")
    except ConfigurationError:
        return None
    return sample, copy, brand


def test_no_text_overflows_in_any_size_or_language(page):
    for sample in samples(60, seed=21):
        for asset in pages_of(sample, sample.copy, sample.brand):
            if asset.media_type != "text/html":
                continue
            page.set_viewport_size({"width": asset.width_px, "height": asset.height_px})
            page.set_content(asset.content)
            n_texts, wrong = page.evaluate(OVERFLOWS)
            assert n_texts >= 5
            assert wrong == [], (asset.name, sample)


def test_words_of_any_length_stay_in_their_boxes(page):
    long = "Incomprehensibilities" * 20
    for index, sample in enumerate(samples(8, seed=22)):
        texts = (long, "汉" * 300, "a b " * 100, "W")
        text = texts[index % 4]
        copy = Copy(
            headline=text, body=text, cta=text, spoken=text,
            disclosure=sample.copy.disclosure,
        )  # fmt: skip
        brand = dataclasses.replace(sample.brand, name=text[:60])
        for asset in pages_of(sample, copy, brand):
            if asset.media_type == "text/html":
                size = {"width": asset.width_px, "height": asset.height_px}
                page.set_viewport_size(size)
                page.set_content(asset.content)
                assert page.evaluate(OVERFLOWS)[1] == [], (asset.name, sample)


def test_200_hostile_strings_run_nothing_and_fetch_nothing(page):
    assert len(HOSTILE) == 200
    events = []
    page.on("request", lambda request: events.append(("request", request.url)))
    page.on("dialog", lambda dialog: (events.append(("dialog", "")), dialog.dismiss()))
    page.on("console", lambda said: events.append(("console", said.text)))
    page.add_init_script("window.hit = 0")
    n_loaded = 0
    for payload, field in HOSTILE:
        made = hostile(payload, field)
        if made is None:
            continue
        for asset in pages_of(*made):
            asset.content.encode()
            page.set_content(asset.content)
            state = page.evaluate(
                "() => [window.hit, document.scripts.length, "
                "[...document.querySelectorAll('[href]')].map(a => "
                "a.getAttribute('href')), document.querySelectorAll("
                "'iframe,object,embed,form,image,foreignObject,base,video').length]"
            )
            hit, n_scripts, links, n_foreign = state
            assert (hit or 0, n_scripts, n_foreign) == (0, 0, 0), (payload, field)
            assert all(
                link.startswith(("https://shop.example/", "#")) for link in links
            ), (payload, field)
            n_loaded += 1
    assert events == []
    assert n_loaded > 180 * 5


def test_a_click_goes_to_the_landing_page_by_a_plain_link(page):
    sample = next(samples(1, seed=23))
    asset = next(
        asset
        for asset in pages_of(sample, sample.copy, sample.brand)
        if asset.name == "card-300x250.html"
    )
    page.set_content(asset.content)
    link = page.locator("a#clickTag")
    assert link.get_attribute("href") == "https://shop.example/?creative=c1"
    assert link.get_attribute("target") == "_blank"
    box = link.bounding_box()
    assert (box["width"], box["height"]) == (300, 250)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "clickTag"
