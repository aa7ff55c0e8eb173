"""Every command that a page shows exists, with the options that it is shown with."""

import contextlib
import io
import os
import re
import runpy
import shlex
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from unittest import mock

import pytest
import typer

from benchmarks.registry import FIGURES
from streams import stages
from streams.commands.cli import app
from tests.docs.test_links import PAGES, ROOT

CODE = re.compile(r"^```\w*\n(.*?)^```$|`([^`\n]+)`", re.DOTALL | re.MULTILINE)
OPTION = re.compile(r"--[a-z][a-z-]*")
WORDLESS = re.compile(r"[<>|;&#…]")
"""Where the words of one command end."""
TODAYS = [page for page in PAGES if page.name != "CHANGELOG.md"]
BENCHES = ("learning", "learning-figures", "docs")
"""Programmes of their own behind `adloom bench`."""


def pieces(page: Path) -> Iterator[str]:
    """Yield what a page sets as code: lines of blocks, and single spans."""
    for block, span in CODE.findall(page.read_text("utf-8")):
        yield from block.replace("\\\n", " ").splitlines() or [span]


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the commands of a page as words, settings before them left out."""
    for piece in pieces(page):
        plain = WORDLESS.split(piece.replace("[", "").replace("]", ""))[0]
        with contextlib.suppress(ValueError):  # a quote that goes on: not a command
            words = shlex.split(plain)
            while words and re.match(r"[A-Z_]+=", words[0]):
                words = words[1:]
            if words[:1] in (["adloom"], ["make"]) or words[:2] == ["python", "-m"]:
                yield words


@cache
def help_of(module: str, *words: str) -> str:
    """Return what `python -m MODULE WORDS --help` prints."""
    shown = io.StringIO()
    with (
        mock.patch("sys.argv", [module, *words, "--help"]),
        mock.patch.dict(os.environ, {"COLUMNS": "200"}),
        contextlib.redirect_stdout(shown),
        contextlib.suppress(SystemExit),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # a module may have been imported before
        runpy.run_module(module, run_name="__main__")
    return shown.getvalue()


def stray_options(words: list[str], known: str) -> set[str]:
    return set(OPTION.findall(" ".join(words))) - set(OPTION.findall(known))


def fault_of_adloom(words: list[str]) -> str:
    """Return what is wrong with the words after `adloom`; empty for nothing."""
    if words[:1] == ["bench"]:
        return fault_of_bench(words[1:])
    command, rest = typer.main.get_command(app), list(words)
    while (known := getattr(command, "commands", None)) and rest:
        if rest[0].startswith("-"):
            break
        if rest[0] not in known:
            return f"no command {rest[0]}; there are {', '.join(known)}"
        command = known[rest.pop(0)]
    options = " ".join(name for one in command.params for name in one.opts)
    values = [word for word in rest if not word.startswith("-")]
    n_values = sum(not getattr(one, "is_flag", False) for one in command.params)
    if len(values) > n_values or stray_options(rest, options):
        return f"expected at most {n_values} values, and of {options}"
    return ""


def fault_of_bench(words: list[str]) -> str:
    if words[:1] and words[0] in BENCHES:
        return fault_of_module("benchmarks", words[0], words[1:])
    asked = [word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)]
    if asked and asked[0] == words[0] and asked[0] not in FIGURES:
        return f"no figure {asked[0]}"
    return fault_of_module("benchmarks", "", words)


def fault_of_module(module: str, command: str, words: list[str]) -> str:
    shown = help_of(module, *filter(None, [command]))
    stray = stray_options(words, shown)
    return f"no {', '.join(stray)}" if stray or not shown else ""


def fault_of_python(words: list[str]) -> str:
    """Return what is wrong with the words after `python -m`."""
    module, *rest = words
    if module == "model_export" and rest and rest[0] != "COMMAND":
        return fault_of_module(module, rest[0], rest[1:])
    if not rest or rest[0] == "COMMAND":
        return "" if module_exists(module) else f"no module {module}"
    return fault_of_module(module, "", rest)


def module_exists(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__main__.py").exists()


def fault_of_make(words: list[str]) -> str:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^([a-z-]+):", makefile, re.MULTILINE)
    unknown = [word for word in words if "=" not in word and word not in targets]
    return f"no target {', '.join(unknown)}" if unknown else ""


def fault_of(words: list[str]) -> str:
    match words:
        case ["adloom", *rest]:
            return fault_of_adloom(rest)
        case ["python", "-m", *rest]:
            return fault_of_python(rest)
        case [_, *rest]:
            return fault_of_make(rest)
    return ""


@pytest.mark.parametrize("page", TODAYS, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(page):
    found = {" ".join(words): fault_of(words) for words in commands(page)}
    assert {command: fault for command, fault in found.items() if fault} == {}


@pytest.mark.parametrize(
    "command",
    [
        "adloom wroker texts",
        "adloom worker texts preferences",
        "adloom demo --jsno",
        "adloom models roll-back",
        "adloom bench no-such-figure",
        "adloom bench --scales 1",
        "adloom bench learning --no-such-option",
        "python -m model_export pretrain --no-such-option",
        "python -m no_such_module",
        "make no-such-target",
    ],
)
def test_a_command_that_does_not_exist_is_found(command):
    assert fault_of(command.split())


def test_help_and_the_first_page_name_every_stage():
    shown = help_of("streams", "worker")
    page = (ROOT / "README.md").read_text("utf-8")
    for stage in stages.catalogue():
        assert f"{stage.name}: {stage.help}" in shown
        assert stage.name in page


def test_the_first_page_has_every_command():
    text = (ROOT / "README.md").read_text("utf-8")
    names = list(typer.main.get_command(app).commands)
    assert [name for name in names if f"`adloom {name}" not in text] == []
