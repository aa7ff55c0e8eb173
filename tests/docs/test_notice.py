"""NOTICE names every file that others made."""

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OTHERS = re.compile(r"\.(ttf|otf|zip|csv\.gz|npz|onnx|woff2|png|jpg)$|/art\.json$")
MADE_HERE = ("*.onnx",)  # trained by this project's own code


def test_every_binary_file_is_in_the_notice():
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    notice = (ROOT / "NOTICE").read_text("utf-8")
    named = [
        name
        for line in re.findall(r"^(?! |$)(\S+/\S+.*)$", notice, re.MULTILINE)
        for name in re.split(r"[,\s]+", line)
    ]
    missing = [
        path
        for path in listed.stdout.split()
        if OTHERS.search(path)
        and not any(fnmatch(path, pattern) for pattern in MADE_HERE)
        and not any(fnmatch(path, f"*{name}") for name in named)
    ]
    assert missing == [], "say in NOTICE who made them and under which licence"


def test_every_file_in_the_notice_exists():
    notice = (ROOT / "NOTICE").read_text("utf-8")
    for line in re.findall(r"^(?! |$)(\S+/\S+.*)$", notice, re.MULTILINE):
        first, *others = re.split(r",\s*", line.removesuffix(" (tests only)"))
        folder = Path(first).parent
        for name in [first, *(str(folder / other) for other in others)]:
            assert list(ROOT.glob(name)), name
