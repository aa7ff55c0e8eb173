"""What is derived: each file, and what makes it from the text that is there."""

from collections.abc import Callable
from pathlib import Path

from tests.docs import tables
from tests.generated import asyncapi, house, records, stages

ROOT = Path(__file__).resolve().parents[2]

FILES: dict[str, Callable[[str], str]] = {
    "README.md": stages.names,
    "asyncapi.yaml": asyncapi.contract,
    "deploy/compose.yaml": stages.services,
    "docs/flow.md": stages.rows,
    "docs/house.md": house.table,
    "docs/house.svg": house.picture,
    "schemas/records.py": records.dataclasses,
    **{f"docs/{page.name}": tables.rewritten for page in tables.PAGES},
}


def rewrite(root: Path = ROOT) -> list[str]:
    """Write every file as the code says; return those that changed."""
    changed = []
    for name, rewritten in FILES.items():
        path = root / name
        before = path.read_text("utf-8") if path.exists() else ""
        after = rewritten(before)
        if after != before:
            path.write_text(after, "utf-8")
            changed.append(name)
    return changed
