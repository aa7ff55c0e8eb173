"""The import graph -> docs/house.svg and the table of docs/house.md.

A room is a top-level package, or an entry of `streams`, which is opened. An arrow says
that some module of a room imports some module of another one.
"""

import re
import tomllib
from functools import cache
from html import escape
from importlib import import_module
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("streams", "model_export", "schemas")
TABLE = re.compile(r"(?<=<!-- rooms -->\n).*?(?=<!-- end -->)", re.DOTALL)
WIDTH, ROW, BOX_WIDTH, BOX_HEIGHT = 1080, 96, 118, 34
"""Pixels."""

Arrows = frozenset[tuple[str, str]]


def room_of(module: str) -> str:
    """Return the room of a module: `streams.sink.store` is in `streams.sink`."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] == "streams" else parts[0]


@cache
def arrows() -> Arrows:
    """Return (importer, imported) for every pair of rooms with an import."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return frozenset(
        (room_of(module), room_of(imported))
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
        if room_of(module) != room_of(imported)
    )


def layers() -> list[list[str]]:
    """Return the rooms row by row, as import-linter's contracts stack them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = {c["name"]: c for c in project["tool"]["importlinter"]["contracts"]}
    inside = [
        [f"streams.{room}" for room in re.findall(r"\w+", layer)]
        for layer in contracts["inside streams"]["layers"]
    ]
    return [*inside, ["model_export"], ["schemas"]]


def rooms() -> list[str]:
    """Return all rooms, from the top layer to the bottom one."""
    return [room for row in layers() for room in row]


def table(text: str) -> str:
    """Return docs/house.md with the rooms as they are."""
    rows = [
        f"| `{room}` | {_holds(room)} | {_imported_by(room)} |\n" for room in rooms()
    ]
    head = f"{len(rooms())} rooms, {len(arrows())} arrows.\n\n| room | what it holds | "
    head += "imports |\n| --- | --- | --- |\n"
    return TABLE.sub(lambda _: head + "".join(rows), text)


def _holds(room: str) -> str:
    if room == "streams.__main__":
        return "`python -m streams`."
    doc = import_module(room).__doc__ or ""
    return doc.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def _imported_by(room: str) -> str:
    imported = {target for source, target in arrows() if source == room}
    return ", ".join(
        each.removeprefix("streams.") for each in rooms() if each in imported
    )


def picture(_: str) -> str:
    """Return docs/house.svg: a row for each layer, arrows from importer to imported."""
    places = {
        room: (
            int(WIDTH * (i + 0.5) / len(row)) + (y % 3 - 1) * 60,
            ROW // 2 + ROW * y,
        )
        for y, row in enumerate(layers())
        for i, room in enumerate(row)
    }
    height = ROW * len(layers())
    lines = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            'font-family="sans-serif" font-size="14" text-anchor="middle">'
        ),
        f"<title>{len(places)} rooms, {len(arrows())} arrows</title>",
        '<rect width="100%" height="100%" fill="#fff"/>',
        *(_arrow(places[a], places[b]) for a, b in sorted(arrows())),
        *(_box(room, *place) for room, place in places.items()),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _arrow(source: tuple[int, int], target: tuple[int, int]) -> str:
    (x1, y1), (x2, y2) = source, target
    half = BOX_HEIGHT // 2
    start, end = f"{x1},{y1 + half}", f"{x2},{y2 - half}"
    bend = (y2 - y1) // 2
    head = f"M{x2 - 4},{y2 - half - 7} L{end} L{x2 + 4},{y2 - half - 7}"
    return (
        f'<path d="M{start} C{x1},{y1 + bend} {x2},{y2 - bend} {end} {head}" '
        'fill="none" stroke="#446" stroke-opacity="0.35"/>'
    )


def _box(room: str, x: int, y: int) -> str:
    return (
        f'<rect x="{x - BOX_WIDTH // 2}" y="{y - BOX_HEIGHT // 2}" rx="6" '
        f'width="{BOX_WIDTH}" height="{BOX_HEIGHT}" fill="#eef" stroke="#446"/>'
        f'<text x="{x}" y="{y + 5}">{escape(room.removeprefix("streams."))}</text>'
    )
