"""The learning benchmark: worlds, methods, resumed runs, rows and page."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from benchmarks.figures import UnavailableError  # noqa: E402
from benchmarks.learning import __main__ as programme  # noqa: E402
from benchmarks.learning.method import Setting  # noqa: E402
from benchmarks.learning.methods.catalogue import METHODS  # noqa: E402
from benchmarks.learning.page import page  # noqa: E402
from benchmarks.learning.results import rows  # noqa: E402
from benchmarks.learning.world import World  # noqa: E402

SEED = 105


@pytest.fixture(scope="module")
def world():
    try:
        return World("bilinear", SEED)
    except UnavailableError as error:
        pytest.skip(str(error))


def setting(world):
    return Setting(world.space, world.library(), world.onlookers(2_000), SEED)


def taught(world, name, n=7_500):
    """Return a method after three updates."""
    method = METHODS[name](setting(world))
    for _ in range(3):
        crowd = world.visitors(n // 3)
        shown = method.choose(crowd.condition)
        method.learn(crowd.condition, shown, world.clicks(crowd, shown))
    return method


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method_shows_designs_of_the_space(world, name):
    method = METHODS[name](setting(world))
    crowd = world.visitors(40)
    for design in (method.choose(crowd.condition), method.greedy(crowd.condition)):
        assert design.shape == (40, world.space.size)
        again = world.space.encode(world.space.decode(design))
        assert again == pytest.approx(design, abs=1e-4)
    method.learn(crowd.condition, design, np.zeros(40, np.float32))


@pytest.mark.parametrize("name", ["lints", "ours-gan"])
def test_clicks_close_a_part_of_the_gap(world, name):
    greedy = taught(world, name, 15_000).greedy(world.held_out.condition)
    assert world.gap(greedy) > 0.05


def test_the_judge_knows_random_and_best(world):
    assert world.random_rate == pytest.approx(0.025, abs=0.003)
    assert world.oracle_rate == pytest.approx(0.075, abs=0.008)
    random = world.space.random(4_000, np.random.default_rng(1))
    assert world.gap(random) == pytest.approx(0.0, abs=0.03)


def test_a_run_that_was_made_is_not_made_again(world, tmp_path, capsys):
    arguments = ["--seeds", str(SEED), "--impressions", "10000", "--json"]
    arguments += ["--methods", "lints,random", "--folder", str(tmp_path)]
    assert programme.main(arguments) == 0
    first = json.loads(capsys.readouterr().out)
    files = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.json")}
    assert programme.main([*arguments, "--html", str(tmp_path / "page.html")]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert {file: file.stat().st_mtime_ns for file in files} == files
    assert "<svg" in (tmp_path / "page.html").read_text("utf-8")
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
