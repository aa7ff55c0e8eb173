"""The learning benchmark: worlds, methods, resumed runs, rows and page."""

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from benchmarks.learning import __main__ as programme  # noqa: E402
from benchmarks.learning.late import Post  # noqa: E402
from benchmarks.learning.method import Batch, Setting  # noqa: E402
from benchmarks.learning.methods.catalogue import METHODS  # noqa: E402
from benchmarks.learning.page import page  # noqa: E402
from benchmarks.learning.results import rows  # noqa: E402
from benchmarks.learning.world import OWN, World  # noqa: E402

SEED = 105


@pytest.fixture(scope="module")
def world():
    """The project's own simulator: there whatever else is."""
    return World(OWN, SEED)


def setting(world):
    return Setting(world.space, world.library(), world.onlookers(2_000), SEED)


def taught(world, name, n=7_500):
    """Return a method after three updates."""
    method = METHODS[name](setting(world))
    post = Post(0.0, np.random.default_rng(0))
    for _ in range(3):
        crowd = world.visitors(n // 3)
        shown = method.choose(crowd.condition)
        clicked = world.clicks(crowd, shown)
        method.learn(post.delivered(crowd.condition, shown, clicked))
    return method


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_shows_designs_of_the_space(world, name):
    method = METHODS[name](setting(world))
    crowd = world.visitors(40)
    for design in (method.choose(crowd.condition), method.greedy(crowd.condition)):
        assert design.shape == (40, world.space.size)
        again = world.space.encode(world.space.decode(design))
        assert again == pytest.approx(design, abs=2e-4)
    nones = np.zeros(40, np.float32)
    now = np.zeros(40, np.int64)
    method.learn(Batch(np.arange(40), crowd.condition, design, nones, now, now))


@pytest.mark.parametrize("name", ["lints", "ours-gan"])
def test_clicks_close_a_part_of_the_gap(world, name):
    greedy = taught(world, name, 15_000).greedy(world.held_out.condition)
    assert world.gap(greedy) > 0.05


def test_a_run_that_was_made_is_not_made_again(world, tmp_path, capsys):
    arguments = ["--seeds", str(SEED), "--impressions", "10000", "--json"]
    arguments += ["--kinds", OWN, "--methods", "lints,random"]
    arguments += ["--folder", str(tmp_path)]
    assert programme.main(arguments) == 0
    first = json.loads(capsys.readouterr().out)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.json")}
    assert programme.main([*arguments, "--html", str(tmp_path / "page.html")]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert {file: file.stat().st_mtime_ns for file in files} == files
    assert "<svg" in (tmp_path / "page.html").read_text("utf-8")
    assert programme.main([*arguments, "--kept", "--svg", str(tmp_path / "a.svg")]) == 0
    assert json.loads(capsys.readouterr().out) == first
    curves = ET.parse(tmp_path / "a.svg").getroot()  # noqa: S314 - our own
    assert curves.tag == "{http://www.w3.org/2000/svg}svg"
    assert {"lints", "random", "10,000"} <= {one.text for one in curves.iter()}
    lints = next(row for row in first if row["method"] == "lints")
    assert lints["ctr_vs_lints"] == 0.0
    assert lints["n_worlds"] == 1
    assert world.seed == SEED


def test_differences_are_paired_by_world():
    def point(ctr, random=0.025):
        return [
            {
                "impressions": 10_000,
                "random": random,
                "oracle": 0.075,
                "ctr": ctr,
                "while_learning": ctr,
                "diversity": 0.5,
            }
        ]

    runs = {
        ("bilinear", "lints", 0): point(0.030),
        ("bilinear", "lints", 1): point(0.040),
        ("bilinear", "ours-gan", 0): point(0.033),
        ("bilinear", "ours-gan", 1): point(0.044),
    }
    ours = next(row for row in rows(runs) if row["method"] == "ours-gan")
    assert ours["ctr_vs_lints"] == pytest.approx(0.1)
    assert ours["ctr_low"] == pytest.approx(ours["ctr_high"]) == pytest.approx(0.1)
    assert ours["gap"] == pytest.approx((0.008 + 0.019) / 2 / 0.05)
    assert "ours-gan" in page(rows(runs))


def test_an_unknown_world_or_method_is_refused(capsys):
    assert programme.main(["--kinds", "flat", "--methods", "magic"]) == 2
    assert "flat" in capsys.readouterr().err
