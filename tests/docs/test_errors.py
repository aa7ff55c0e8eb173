"""docs/errors.md has every error that others can meet, and no other."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "errors.md"


def error_names() -> Iterator[str]:
    """Names of the public exceptions that the packages define."""
    for package in ("schemas", "streams", "model_export"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.ClassDef) and is_error(node):
                    yield node.name


def is_error(node: ast.ClassDef) -> bool:
    bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
    is_exception = any(base.endswith(("Error", "Exception")) for base in bases)
    return is_exception and not node.name.startswith("_")


def test_every_error_has_a_section_and_every_section_an_error():
    documented = re.findall(r"^### (\w+)$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(documented) == sorted(error_names())


def test_the_drawn_tree_is_the_tree():
    drawn = re.search(r"```\n(AdloomError.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert drawn is not None
    text = " ".join(
        path.read_text("utf-8") for path in (ROOT / "streams").rglob("*.py")
    )
    parents = dict(re.findall(r"^class (\w+Error)\((\w+)\):", text, re.MULTILINE))
    level: dict[int, str] = {}
    for line in drawn[1].splitlines():
        name = line.strip("│├└─ ")
        depth = (len(line) - len(name)) // 4
        level[depth] = name
        assert parents[name] == (level[depth - 1] if depth else "Exception")
