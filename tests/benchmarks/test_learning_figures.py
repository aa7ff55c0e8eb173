"""What is asked of the learning loop is read off the runs as it should be."""

import json

import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from benchmarks.learning import asked, summary  # noqa: E402
from benchmarks.learning.kept import _kept  # noqa: E402
from benchmarks.learning.world import OWN  # noqa: E402

SEEDS = (1, 2)
M = "ours-gan"


def point(n=100_000, **fields):
    usual = {
        "impressions": n,
        "random": 0.02,
        "oracle": 0.06,
        "ctr": 0.04,
        "ctr_generated": 0.039,
        "ctr_pretrained": 0.025,
        "ctr_exact": 0.04,
        "while_learning": 0.03,
        "calibration": 1.0,
        "diversity": 0.5,
        "wrong_alarms": 0,
    }
    return {**usual, **fields}


def worlds(kind, *points, method=M):
    runs = {(kind, method, seed): list(points) for seed in SEEDS}
    return asked.Worlds(runs, SEEDS, 100_000)


def found(rows):
    return [(row.value, row.reached) for row in rows]


def test_the_generators_share_and_the_pick_are_judged_with_one_critic():
    share, lost = asked.generator(worlds("bilinear", point()), "bilinear", M)
    assert share.value == pytest.approx(0.019 / 0.005)
    assert share.reached
    assert lost.value == pytest.approx(2.5)
    assert lost.reached
    weak = worlds("bilinear", point(ctr_pretrained=0.035, ctr_generated=0.036))
    assert [one.reached for one in asked.generator(weak, "bilinear", M)] == [
        False,
        False,
    ]


def test_a_gap_where_nothing_can_be_learnt_is_not_reached():
    assert not asked.shuffled(worlds("shuffled", point()), M).reached
    assert asked.shuffled(worlds("shuffled", point(ctr=0.0205)), M).reached


@pytest.mark.parametrize(("calibration", "reached"), [(0.96, False), (1.02, True)])
def test_scores_may_be_off_by_three_in_a_hundred_both_ways(calibration, reached):
    rows = asked.served(
        worlds("bilinear", point(calibration=calibration)), "bilinear", M
    )
    off = next(iter(rows))
    assert off.value == pytest.approx(abs(calibration - 1))
    assert off.reached is reached


@pytest.mark.parametrize(
    ("ctr", "alarm", "reached"),
    [
        (0.039, {"fakes_at_alarm": 150}, [True, True]),
        (0.03, {"fakes_at_alarm": 2_500}, [False, False]),
        (0.039, {}, [True, False]),
    ],
)
def test_poison_costs_lift_and_an_alarm_that_never_comes_is_not_reached(
    ctr, alarm, reached
):
    runs = {("bilinear", M, seed): [point()] for seed in SEEDS}
    runs |= {("poisoned", M, seed): [point(ctr=ctr, **alarm)] for seed in SEEDS}
    rows = list(asked.poisoned(asked.Worlds(runs, SEEDS, 100_000), M))
    assert [one.reached for one in rows[:2]] == reached
    assert rows[0].value == pytest.approx(100 * (1 - (ctr - 0.02) / 0.02))


def test_what_a_drift_costs_is_told_at_its_end_and_later():
    points = (
        point(),
        point(150_000, ctr=0.01, ctr_home=0.036),
        point(200_000, ctr=0.0396),
    )
    at_once, later = asked.drifting(worlds("drifting", *points), M)
    assert found([at_once, later]) == [
        (pytest.approx(10.0), False),
        (pytest.approx(1.0), True),
    ]


def test_click_rates_are_compared_in_the_same_worlds():
    runs = {("late", M, 1): [point()], ("late", M, 2): [point(ctr=0.05)]}
    runs |= {("late", "lints", 1): [point(ctr=0.032)]}
    runs |= {("late", "lints", 2): [point(ctr=0.04)]}
    both = asked.Worlds(runs, SEEDS, 100_000)
    gap, ctr, _ = asked.learnt(both, "late", M, "lints")
    assert ctr.value == pytest.approx(1.25)
    assert ctr.low == pytest.approx(ctr.high)
    assert gap.value == pytest.approx(62.5)
    assert gap.low < gap.value < gap.high


def test_one_call_runs_what_is_missing_and_prints_the_table(tmp_path, capsys):
    arguments = ["--seeds", "307", "--kinds", OWN, "--methods", M, "--json"]
    arguments += ["--impressions", "10000", "--folder", str(tmp_path)]
    assert summary.main(arguments) == 0
    table = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in table] == [
        "own: ours-gan gap closed",
        "own: ours-gan CTR beside lints",
        "own: ours-gan CTR while learning beside lints",
    ]
    assert {"value", "target", "reached", "n_runs", "low", "high"} <= set(table[0])
    runs = {file.stem for file in tmp_path.rglob("*.json")}
    assert runs == {"own-307-lints-10000", "own-307-ours-gan-10000"}


def test_an_unknown_kind_is_refused(capsys):
    assert summary.main(["--kinds", "flat"]) == 2
    assert "flat" in capsys.readouterr().err


def test_a_longer_run_that_was_kept_serves_a_shorter_one(tmp_path):
    points = [
        {"impressions": 10_000, "ctr": 0.03},
        {"impressions": 30_000, "ctr": 0.04},
    ]
    (tmp_path / "own-7-lints-30000.json").write_text(json.dumps(points))
    assert _kept(tmp_path, ("own", 7, "lints", 10_000), warm=False) == points[:1]
    assert _kept(tmp_path, ("own", 7, "lints", 30_000), warm=False) == points
