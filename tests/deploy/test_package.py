"""What is installed is all that the code needs: every package and every data file."""

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from setuptools import find_packages

ROOT = Path(__file__).resolve().parents[2]
TOP = ("schemas", "streams", "model_export")


@pytest.fixture(scope="module")
def setuptools():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    return project["tool"]["setuptools"]


@pytest.fixture(scope="module")
def packages(setuptools):
    return set(find_packages(str(ROOT), **setuptools["packages"]["find"]))


def test_every_package_is_installed(packages):
    found = {
        str(path.parent.relative_to(ROOT)).replace("/", ".")
        for top in (*TOP, "deploy")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert found == packages


def test_every_data_file_is_installed(setuptools, packages):
    listed = subprocess.run(
        ["git", "ls-files", *TOP, "deploy/clickhouse"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    folders = {package.replace(".", "/") for package in packages}
    patterns = setuptools["package-data"]["*"]
    missing = []
    for line in listed.stdout.split():
        path = Path(line)
        package = next(str(p) for p in path.parents if str(p) in folders)
        inside = str(path.relative_to(package))
        if path.suffix != ".py" and not any(fnmatch(inside, p) for p in patterns):
            missing.append(line)
    assert missing == [], "add them to [tool.setuptools.package-data]"
