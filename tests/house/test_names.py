"""A public class has a name of its own: nobody has to ask which Outbox is meant."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def public_classes():
    """Return class name -> the files that define it."""
    found = defaultdict(list)
    for package in ("schemas", "model_export", "streams"):
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.parse(path.read_text("utf-8")).body:
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    found[node.name].append(str(path.relative_to(ROOT)))
    return found


def test_no_two_public_classes_share_a_name():
    twice = {name: where for name, where in public_classes().items() if len(where) > 1}
    assert twice == {}
