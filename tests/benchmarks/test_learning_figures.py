"""What is asked of the learning loop is read off the runs as it should be."""

import json

import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from benchmarks.learning import asked, summary  # noqa: E402
from benchmarks.learning.kept import Task, already_made, own_folder, points_of  # noqa: E402
from benchmarks.learning.world import OWN  # noqa: E402

SEEDS = (1, 2)
M = "ours-gan"
N = 100_000


def point(n=N, **fields):
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
    return asked.Worlds(runs, SEEDS)


def found(rows):
    return [(row.value, row.reached) for row in rows]


def test_the_generators_share_and_the_pick_are_judged_with_one_critic():
    share, lost = asked.generator(worlds("bilinear", point()), ("bilinear", M), N)
    assert share.value == pytest.approx(0.019 / 0.005)
    assert share.reached
    assert lost.value == pytest.approx(2.5)
    assert lost.reached
    weak = worlds("bilinear", point(ctr_pretrained=0.035, ctr_generated=0.036))
    assert [one.reached for one in asked.generator(weak, ("bilinear", M), N)] == [
        False,
        False,
    ]


def test_a_gap_where_nothing_can_be_learnt_is_not_reached():
    assert not asked.shuffled(worlds("shuffled", point()), M, N).reached
    assert asked.shuffled(worlds("shuffled", point(ctr=0.0205)), M, N).reached


@pytest.mark.parametrize(("calibration", "reached"), [(0.96, False), (1.02, True)])
def test_scores_may_be_off_by_three_in_a_hundred_both_ways(calibration, reached):
    one = worlds("bilinear", point(calibration=calibration))
    rows = asked.served(one, ("bilinear", M), N, most_off=0.03)
    off = next(iter(rows))
    assert off.value == pytest.approx(calibration - 1)
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
    rows = list(asked.poisoned(asked.Worlds(runs, SEEDS), M, N))
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
    both = asked.Worlds(runs, SEEDS)
    ctr, learning = asked.beside(both, ("late", M), "lints", N, must=1.05)
    assert ctr.value == pytest.approx(1.25)
    assert ctr.low == pytest.approx(ctr.high)
    assert ctr.reached
    assert learning.target is None
    gap = asked.closed(both, ("late", M), N, must=60.0)
    assert gap.value == pytest.approx(62.5)
    assert gap.low < gap.value < gap.high
    assert gap.reached


def test_more_clicks_on_average_are_not_reached_when_they_may_be_fewer():
    runs = {("late", M, 1): [point(ctr=0.09)], ("late", M, 2): [point(ctr=0.039)]}
    runs |= {("late", "lints", seed): [point()] for seed in SEEDS}
    both = asked.Worlds(runs, SEEDS)
    ctr, _ = asked.beside(both, ("late", M), "lints", N, must=1.05)
    assert ctr.value > 1.05
    assert ctr.low < 1.0
    assert not ctr.reached


def test_a_world_without_one_of_two_runs_is_left_out_of_what_compares_them():
    runs = {("late", M, seed): [point(ctr=0.05)] for seed in SEEDS}
    runs |= {("late", "lints", 2): [point(10_000), point(ctr=0.04)]}
    some = asked.Worlds(runs, SEEDS)
    ctr, _ = asked.beside(some, ("late", M), "lints", N)
    assert (ctr.n_runs, ctr.value) == (1, pytest.approx(1.25))
    assert asked.closed(some, ("late", M), N).n_runs == 2
    assert asked.closed(some, ("late", M), 10_000).n_runs == 0


def test_one_call_runs_what_is_missing_and_prints_the_table(tmp_path, capsys):
    arguments = ["--seeds", "307", "--kinds", OWN, "--methods", M, "--json"]
    arguments += ["--impressions", "10000", "--folder", str(tmp_path)]
    assert summary.main(arguments) == 0
    table = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in table] == [
        "own: ours-gan gap closed at 10,000",
        "own: ours-gan CTR beside lints at 10,000",
        "own: ours-gan CTR while learning beside lints at 10,000",
        "own: ours-gan predicted over true clicks of served designs, less 1, at 10,000",
        "own: ours-gan diversity of served designs at 10,000",
    ]
    assert {"value", "target", "reached", "n_runs", "low", "high"} <= set(table[0])
    runs = {file.stem for file in tmp_path.rglob("*.json")}
    assert runs == {"own-307-lints-10000", "own-307-ours-gan-10000"}


@pytest.mark.parametrize(
    ("option", "name"), [("--kinds", "flat"), ("--methods", "lints")]
)
def test_what_has_no_figures_is_refused_with_what_has(option, name, capsys):
    assert summary.main([option, name]) == 2
    said = capsys.readouterr().err
    assert f"{name}; expected" in said
    assert "bilinear" in said
    assert "ours-vae" in said


def keep(folder, name, *points):
    (folder / f"{name}.json").write_text(json.dumps(points), "utf-8")


def test_a_longer_run_that_was_kept_serves_a_shorter_one(tmp_path):
    points = [point(10_000, ctr=0.03), point(30_000)]
    keep(tmp_path, "own-7-lints-30000", *points)
    assert points_of(tmp_path, Task("own", 7, "lints", 10_000)) == points[:1]
    assert points_of(tmp_path, Task("own", 7, "lints", 30_000)) == points


def test_what_was_made_is_read_whole_or_in_part_and_nothing_is_run(tmp_path, capsys):
    own = own_folder(tmp_path)
    keep(own, "own-7-lints-30000", point(10_000), point(30_000))
    keep(own, "own-7-lints-100000-warm", point(10_000, ctr=0.05))
    whole, short = Task("own", 7, "lints", 30_000), Task("own", 7, "lints", 300_000)
    warm, missing = (
        Task("own", 7, "lints", 10_000, warm=True),
        Task("own", 8, "lints", 1),
    )
    found = dict(already_made(tmp_path, [whole, short, warm, missing]))
    assert [len(found[task]) for task in (whole, short, warm)] == [2, 2, 1]
    assert missing not in found
    assert "2 of 4" in capsys.readouterr().err


def test_every_figure_that_is_asked_of_learning_is_printed_from_kept_runs(
    tmp_path, capsys
):
    own = own_folder(tmp_path)
    usual = [point(n) for n in (10_000, 30_000, 100_000)]
    for seed in SEEDS:
        for method in ("lints", M):
            keep(own, f"bilinear-{seed}-{method}-300000", *usual, point(300_000))
            keep(own, f"bilinear-{seed}-{method}-100000-warm", *usual)
        keep(own, f"bilinear-{seed}-library-bandit-100000", *usual)
        keep(own, f"shuffled-{seed}-{M}-100000", *usual)
        keep(own, f"poisoned-{seed}-{M}-100000", point(fakes_at_alarm=50))
        back = point(150_000, ctr_home=0.04), point(200_000)
        keep(own, f"drifting-{seed}-{M}-200000", *usual, *back)
    arguments = ["--kept", "--seeds", "1,2,3", "--folder", str(tmp_path), "--json"]
    assert summary.main([*arguments, "--methods", M]) == 0
    table = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    asked_of = [name for name, row in table.items() if row["target"] is not None]
    for words, n in (
        ("bilinear: ours-gan gap closed", 4),
        ("warm: ours-gan gap closed", 3),
        ("bilinear: ours-gan CTR beside lints", 2),
        ("bilinear: ours-gan CTR while learning beside lints", 1),
        ("bilinear: ours-gan CTR beside library-bandit", 1),
        ("bilinear: ours-gan gap by 16 tuned designs", 4),
        ("bilinear: ours-gan CTR lost by the pick", 4),
        ("bilinear: ours-gan predicted over true clicks", 4),
        ("shuffled: ours-gan gap closed", 1),
        ("poisoned: ours-gan lift lost", 1),
        ("poisoned: ours-gan fake clicks before the alarm", 1),
        ("drifting: ours-gan CTR lost at the return", 1),
    ):
        assert len([name for name in asked_of if name.startswith(words)]) == n, words
    assert {row["n_runs"] for row in table.values()} == {2}
    assert not [name for name in table if name.startswith(("late", "own"))]
