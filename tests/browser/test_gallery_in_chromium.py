"""The gallery in a real browser: it fits, it filters, it fetches nothing."""

import pytest

from streams.demo.gallery.page import gallery_page
from tests.streams.gallery_samples import REPORT, items

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def gallery_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("gallery") / "gallery.html"
    path.write_text(gallery_page(items(24, seed=5), REPORT), "utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_page_fits_its_window(page, gallery_file, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(gallery_file)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    wide = page.evaluate(
        "() => [...document.querySelectorAll('.story *, .mock *')].filter(e => "
        "!e.closest('svg') && e.scrollWidth > e.clientWidth + 1 && "
        "getComputedStyle(e).overflow === 'visible' && "
        "getComputedStyle(e).display !== 'inline').map(e => e.outerHTML.slice(0, 90))"
    )
    assert wide == []


def test_nothing_but_the_file_itself_is_requested(page, gallery_file):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(gallery_file)
    assert [url for url in asked if not url.startswith("data:")] == [gallery_file]


def test_filters_work_with_the_keyboard_and_without_a_script(page, gallery_file):
    page.goto(gallery_file)
    seen = ".made:visible"
    assert page.locator(seen).count() == 24
    page.focus("#arm-any")
    page.keyboard.press("ArrowRight")
    arms = page.locator(seen).evaluate_all("all => all.map(e => e.dataset.arm)")
    assert set(arms) == {"champion"}
    page.click("label:has(#language-zh)")
    languages = page.locator(seen).evaluate_all(
        "all => all.map(e => e.dataset.language)"
    )
    assert set(languages) <= {"zh"}
    page.click("label:has(#arm-any)")
    page.click("label:has(#language-any)")
    assert page.locator(seen).count() == 24


def test_the_bundled_fonts_are_used(page, gallery_file):
    page.goto(gallery_file)
    loaded = page.evaluate(
        "document.fonts.ready.then(all => [...all].filter(f => f.status === 'loaded')"
        ".map(f => f.family))"
    )
    assert {"Inter", "Fraunces", '"Noto Sans SC"'} <= set(loaded) | {
        f'"{name}"' for name in loaded
    }
