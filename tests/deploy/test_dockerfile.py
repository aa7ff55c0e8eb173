"""deploy/Dockerfile, read: what it copies exists, what it runs as, what it installs."""

import re
import shlex
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


@pytest.fixture(scope="module")
def stages():
    """The instructions of each build stage, by its name."""
    text = re.sub(r"\\\n", " ", DOCKERFILE.read_text("utf-8"))
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith("FROM "):
            name = line.split(" AS ")[1]
            current = found.setdefault(name, [])
        if line and not line.startswith("#"):
            current.append(line)
    return found


def lineage(stages, name):
    """Instructions of a stage and of every stage that it is built on."""
    base = stages[name][0].split()[1]
    earlier = lineage(stages, base) if base in stages else []
    return [*earlier, *stages[name]]


def test_what_is_copied_exists(stages):
    for line in chain.from_iterable(stages.values()):
        if line.startswith("COPY ") and "--from" not in line:
            *sources, _ = shlex.split(line)[1:]
            for source in sources:
                assert (ROOT / source).exists(), source


def test_every_package_is_copied(stages):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    copied = " ".join(line for line in stages["source"] if line.startswith("COPY"))
    for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]:
        top = pattern.rstrip("*")
        assert re.search(rf"\b{top}\b", copied), pattern


def test_what_is_copied_is_not_ignored():
    rules = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text("utf-8")
    allowed = {line[1:] for line in rules.splitlines() if line.startswith("!")}
    text = DOCKERFILE.read_text("utf-8")
    for sources in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE):
        assert {source.split("/")[0] for source in sources.split()} <= allowed
    assert "deploy/.env" in rules.splitlines(), "secrets must not reach a build"


@pytest.mark.parametrize("target", ["worker", "trainer"])
def test_an_image_runs_as_nobody_in_particular(stages, target):
    users = [line for line in lineage(stages, target) if line.startswith("USER ")]
    assert users[-1] == "USER 10001:10001"


@pytest.mark.parametrize(("target", "torch"), [("worker", False), ("trainer", True)])
def test_only_the_trainer_has_torch(stages, target, torch):
    (source,) = (line for line in stages[target] if line.startswith("COPY"))
    built = " ".join(lineage(stages, source.split("--from=")[1].split()[0]))
    assert ("[train]" in built) is torch
    assert "--constraint constraints.txt" in built


def test_the_last_stage_is_the_one_without_torch(stages):
    assert list(stages)[-1] == "worker"


def test_the_base_image_is_pinned(stages):
    assert re.fullmatch(r"FROM python:3\.11\.\d+-\S+ AS base", stages["base"][0])


def test_compose_builds_targets_that_exist(stages):
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text("utf-8"))
    targets = {
        service["build"]["target"]
        for service in compose["services"].values()
        if "build" in service
    }
    assert targets == {"worker", "trainer"} <= set(stages)
