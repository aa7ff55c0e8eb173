"""A new stage is one folder: everything that lists stages finds it there."""

import json
import sys

import pytest
from typer.testing import CliRunner

from schemas.records import Text
from streams import stages
from streams.commands.cli import app
from streams.engine.app import StageApp
from streams.engine.stage import Incoming
from streams.errors import ConfigurationError
from streams.settings import Settings
from tests.generated import stages as generated
from tests.generated.files import FILES, ROOT

DECLARATION = '''"""Texts -> how many each person wrote."""

from schemas.records import Text, TextSignal
from streams.engine.declaration import Declaration, State

STAGE = Declaration(
    name="tally",
    help="Count the texts of each person.",
    keeps="counts; its changelog",
    sources=(Text,),
    outputs=(TextSignal,),
    state=State.CHANGELOG,
)
'''
STAGE = '''"""Counts texts."""

from streams.engine.keyed_state import KeyedState
from streams.stages.tally import STAGE


class Tally:
    name = STAGE.name
    sources = STAGE.sources

    def __init__(self):
        self._counts = KeyedState(lambda n: str(n).encode(), int)
        self.take_dirty = self._counts.take_dirty
        self.restore = self._counts.restore
        self.drop = self._counts.drop

    def step(self, incoming, now):
        for each in incoming:
            before = self._counts.get(each.partition, each.key) or 0
            self._counts.put(each.partition, each.key, before + 1)
        return []

    def tick(self, now):
        return []


def build(settings, wire):
    return Tally()
'''
ADDED = {"tally/__init__.py": DECLARATION, "tally/stage.py": STAGE}
"""All that is written by hand for a new stage, under streams/stages."""


@pytest.fixture
def new_stage(tmp_path, monkeypatch):
    """Add the stage to the package, in a folder of its own, for one test."""

    def add(**replaced):
        for name, written in ADDED.items():
            text = written
            for old, new in replaced.items():
                text = text.replace(old, new)
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
        monkeypatch.setattr(stages, "__path__", [*stages.__path__, str(tmp_path)])
        return stages.declared("tally")

    yield add
    for name in [name for name in sys.modules if name.startswith("streams.stages.ta")]:
        del sys.modules[name]


@pytest.fixture
def settings(tmp_path):
    return Settings(
        kafka_bootstrap_servers="127.0.0.1:9", local={"folder": str(tmp_path / "var")}
    )


def test_a_new_stage_is_two_small_files():
    assert len(ADDED) <= 2
    assert sum(text.count("\n") for text in ADDED.values()) <= 45


async def test_its_worker_is_built(new_stage, settings):
    worker = StageApp(new_stage(), settings)
    assert worker.stage.name == "tally"
    assert worker.engine._config.changelog == "adloom-tally-v1-changelog"


def test_its_state_topic_is_planned(new_stage, monkeypatch, local_broker, topic_prefix):
    new_stage()
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", local_broker)
    monkeypatch.setenv("ADLOOM_KAFKA__TOPIC_PREFIX", topic_prefix)
    planned = CliRunner().invoke(app, ["topics", "apply", "--dry-run"])
    assert planned.exit_code == 0, planned.output
    name = f"{topic_prefix}adloom-tally-v1-changelog"
    assert f"{name}\t4\tmissing" in planned.output
    planned = CliRunner().invoke(app, ["topics", "apply", "--dry-run", "--json"])
    row = {"topic": name, "partitions": 4, "state": "missing"}
    assert row in json.loads(planned.output)


def test_the_help_names_it(new_stage):
    new_stage()
    shown = CliRunner().invoke(app, ["worker", "--help"])
    assert "tally: Count the texts of each person." in shown.output


def test_compose_and_the_page_of_the_flow_get_it(new_stage):
    new_stage()
    compose = generated.services((ROOT / "deploy/compose.yaml").read_text("utf-8"))
    assert "  tally: # Count the texts of each person.\n" in compose
    assert "command: [worker, tally]" in compose
    flow = FILES["docs/flow.md"]((ROOT / "docs/flow.md").read_text("utf-8"))
    assert "| tally | `adloom worker tally` |" in flow
    first = FILES["README.md"]((ROOT / "README.md").read_text("utf-8"))
    assert "retraining, rollout" in first
    assert "tally" in first


async def test_state_without_a_home_is_refused_at_the_start(new_stage, settings):
    section = "\n    def take_sections(self):\n        return []\n\n    def tick("
    section += (
        "self, now): ...\n    restore_payloads = restored = tick\n\n    def tick("
    )
    declared = new_stage(
        **{"State.CHANGELOG": "State.NONE", "\n    def tick(": section}
    )
    with pytest.raises(
        ConfigurationError, match=r"stage tally cannot start: .* STAGE in"
    ):
        StageApp(declared, settings)


async def test_state_without_a_home_is_never_called_clean(new_stage, settings):
    declared = new_stage(**{"State.CHANGELOG": "State.NONE"})
    worker = StageApp(declared, settings)
    worker.stage.step([Incoming(Text, "ann", None, 0, 0)], 0)
    with pytest.raises(ConfigurationError, match="stage tally has changed state"):
        worker.engine._checkpoints.take({}, [])


async def test_a_stage_unlike_its_declaration_is_refused(new_stage, settings):
    declared = new_stage(**{"STAGE.name": '"count"'})
    with pytest.raises(ConfigurationError, match="another name or other sources"):
        StageApp(declared, settings)


async def test_a_state_topic_has_to_be_compacted(new_stage, settings):
    declared = new_stage(**{"State.CHANGELOG": "Text"})
    with pytest.raises(ConfigurationError, match=r"ads\.text\.v1 is not compacted"):
        StageApp(declared, settings)


def test_a_folder_without_a_declaration_is_named(tmp_path, monkeypatch):
    (tmp_path / "tally").mkdir()
    (tmp_path / "tally" / "__init__.py").touch()
    monkeypatch.setattr(stages, "__path__", [*stages.__path__, str(tmp_path)])
    with pytest.raises(
        ConfigurationError, match="streams/stages/tally: expected STAGE"
    ):
        stages.catalogue()
    del sys.modules["streams.stages.tally"]
