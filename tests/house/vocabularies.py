"""The bundled vocabulary, grown, reordered, or with an entry retired."""

import re
import subprocess
import sys
from pathlib import Path

from schemas.vocabulary import BUNDLED_FILE

ROOT = Path(__file__).resolve().parents[2]
TEXT = BUNDLED_FILE.read_text("utf-8")
_START = TEXT.index("[[category]]")

CHESS = """
[[category]]
id = "chess"
parent = "culture"
en = "Chess"
zh = "国际象棋"
title_en = "Chess"
words_en = ["chess"]
title_zh = "国际象棋"
"""


def grown():
    """Chess before all others: the column of each of these moves."""
    return TEXT[:_START] + CHESS + TEXT[_START:]


def reordered():
    """All categories backwards."""
    blocks = re.split(r"(?=\[\[category\]\])", TEXT[_START:])[1:]
    return TEXT[:_START] + "".join(reversed(blocks))


def without(category, maps=""):
    """One category less; `maps` is what the table of that name says."""
    pattern = rf'\[\[category\]\]\nid = "{category}".*?(?=\[\[category\]\]|\Z)'
    text, n = re.subn(pattern, "", TEXT, flags=re.DOTALL)
    assert n == 1
    return f"{text}\n[maps]\n{maps}\n"


def run(*words, vocabulary=None, store):
    """Run a module in a process with this vocabulary; return what it prints."""
    environment = {"PATH": "", "ADLOOM_MODEL__STORE": str(store)}
    if vocabulary is not None:
        path = Path(store) / "vocabulary.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(vocabulary, "utf-8")
        environment["ADLOOM_VOCABULARY"] = str(path)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=ROOT,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def with_a_surface(before=TEXT):
    """A kiosk after the first surface: the column of each of these moves."""
    kiosk = '[[surface]]\nid = "kiosk"\nname = "At a kiosk"\n\n'
    placed = '[[placement]]\nid = "kiosk-screen"\nsurface = "kiosk"\n\n'
    both = 'surfaces = ["search", "social"]'
    text = before.replace(both, both[:-1] + ', "kiosk"]')
    at = text.index('[[surface]]\nid = "social"')
    text = text[:at] + kiosk + text[at:]
    at = text.index("[[group]]")
    return text[:at] + placed + text[at:]


def with_placements_first(n):
    """Places in the feed before all others: the column of each of these moves."""
    added = "".join(
        f'[[placement]]\nid = "feed-{number}"\nsurface = "social"\n\n'
        for number in range(n)
    )
    at = TEXT.index("[[placement]]")
    return TEXT[:at] + added + TEXT[at:]


def without_devices():
    """One surface less, and its placement: three places to show something."""
    text = TEXT.replace(', "device"]', "]")
    for table, name in (("surface", "device"), ("placement", "speaker")):
        pattern = rf'\[\[{table}\]\]\nid = "{name}"\n.*?(?=\n[\[#])'
        text, n = re.subn(pattern, "", text, flags=re.DOTALL)
        assert n == 1
    return text
