"""Links between pages, and names of files and modules, lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
PATH = re.compile(
    r"`((?:schemas|model_export|streams|tests|benchmarks)(?:/[\w.*-]+)+/?)`"
)
MODULE = re.compile(r"`((?:schemas|model_export|streams|tests|benchmarks)(?:\.\w+)+)`")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("deploy/*.md")]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_to_files_and_headings(page):
    for link in LINK.findall(page.read_text("utf-8")):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, heading = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if heading:
            assert heading in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_files_and_modules_that_a_page_names_exist(page):
    text = page.read_text("utf-8")
    missing = [path for path in PATH.findall(text) if not any(ROOT.glob(path))]
    missing += [name for name in MODULE.findall(text) if not is_in_a_module(name)]
    assert missing == []


def is_in_a_module(name: str) -> bool:
    """True of a module, and of a name that a module defines."""
    path = ROOT / name.replace(".", "/")
    if path.is_dir() or path.with_suffix(".py").exists():
        return True
    source = path.parent.with_suffix(".py")
    return source.exists() and path.name in source.read_text("utf-8")


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }
