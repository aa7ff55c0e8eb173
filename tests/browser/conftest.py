"""A real headless Chromium for the tests; they are skipped where there is none."""

import os
import shutil

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="module")
def chromium():
    """Yield a running browser.

    One per module: while playwright is open, its event loop stands in the way of the
    asyncio tests of other modules.
    """
    api = pytest.importorskip(
        "playwright.sync_api", reason="browser: playwright is not installed"
    )
    if not CHROMIUM:
        pytest.skip("browser: chromium is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    """Yield a fresh page."""
    context = chromium.new_context(reduced_motion="reduce")
    yield context.new_page()
    context.close()
