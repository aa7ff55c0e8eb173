"""The compiled half under rules: short definitions, and a lint in `make check`."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.streams.kernels import needs_kernels

SOURCES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.pyx", "*.pxi")
    for path in (ROOT / "streams").rglob(pattern)
)
DEFINITION = re.compile(r"^(    )?(cdef|cpdef|def|class) (?!.* extern ).*[:(,]$")
MOST_LINES = 60


def definitions(path):
    """(lines, first line) of the functions, methods, structs and heads of classes."""
    name, n = None, 0
    for line in (ROOT / path).read_text("utf-8").splitlines():
        if DEFINITION.match(line):
            if name is not None:
                yield n, name
            name, n = line, 0
        n += 1
    if name is not None:
        yield n, name


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_no_compiled_definition_is_longer_than_a_screen(path):
    assert [one for one in definitions(path) if one[0] > MOST_LINES] == []


def test_the_lint_of_compiled_code_finds_nothing():
    folder = Path(sys.executable).parent
    ended = subprocess.run(
        [folder / "cython-lint", "streams"],
        cwd=ROOT,
        env={"PATH": str(folder)},  # of pycodestyle, which it calls
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, ""), ended.stderr


WORKERS = ("preferences", "requests", "attribution", "creatives")


@needs_kernels
@pytest.mark.parametrize("stage", WORKERS)
def test_whatever_is_imported_first_no_built_kernel_is_passed_over(stage):
    """A circular import would leave a reference in a kernel's place, silently."""
    code = f"""
import importlib, pkgutil, streams.columns, streams.stages.{stage}.stage
packages = (streams.columns, streams.stages.{stage})
found = [
    module.__name__
    for package in packages
    for one in pkgutil.iter_modules(package.__path__, package.__name__ + ".")
    if not one.name.rpartition(".")[2].startswith("_")
    for module in [importlib.import_module(one.name)]
    if getattr(module, "KERNEL", getattr(module, "_KERNEL", "kernel")) is None
]
assert not found, found
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
