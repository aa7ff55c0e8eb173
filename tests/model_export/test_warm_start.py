"""A log of past impressions teaches, or is refused with the reason."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training: extra [train] is missing")

from model_export.feedback.impression_log import LogError, read_log  # noqa: E402
from model_export.generators import gan  # noqa: E402
from model_export.jobs import pretrain  # noqa: E402
from model_export.jobs.command import main  # noqa: E402
from model_export.jobs.warm_start import dependence, refuse_useless  # noqa: E402
from model_export.store.registry import Registry  # noqa: E402
from schemas.vocabulary import deployed  # noqa: E402
from tests.model_export.feedback_records import Truth, people  # noqa: E402


def line(number, **changes):
    fields = {
        "user_id": f"u{number}",
        "shown_at": 1_700_000_000_000 + number,
        "surface": "social",
        "preferences": {deployed().categories[number % 64]: 3},
        "clicked": number % 20 == 0,
        **changes,
    }
    return json.dumps(fields)


def log_of(space, n, *, assigned=False, **changes):
    """Return a log; assigned: who likes the first categories gets other palettes."""
    rng = np.random.default_rng(0)
    designs = space.random(n, rng)
    block = space.slices["palette"]
    if assigned:
        designs[:, block] = 0.0
        designs[np.arange(n), block.start + (np.arange(n) % 64 >= 32)] = 1.0
    rates = Truth(space).rate(designs, people(n, rng))
    clicked = rng.random(n) < rates
    return [
        line(
            number,
            design={"categorical": one.categorical, "continuous": one.continuous},
            clicked=bool(clicked[number]),
            **changes,
        )
        for number, one in enumerate(space.decode(designs))
    ]


def test_a_random_log_is_taken_and_an_assigned_one_refused(travel):
    refuse_useless(read_log(log_of(travel, 2_000), travel))
    biased = read_log(log_of(travel, 2_000, assigned=True), travel)
    with pytest.raises(LogError, match="cannot be told apart"):
        refuse_useless(biased)
    known = read_log(log_of(travel, 2_000, assigned=True, propensity=0.1), travel)
    refuse_useless(known)


def test_chance_explains_nothing():
    rng = np.random.default_rng(0)
    shares = [
        dependence(rng.normal(size=(500, 8)), rng.normal(size=(500, 6)))
        for _ in range(50)
    ]
    assert max(share for share, _ in shares) < 0.06
    assert max(deviates for _, deviates in shares) < 9.0


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"clicked": False}, "0 clicks"), ({"design": None}, "same design")],
)
def test_a_log_that_compares_nothing_is_refused(travel, changes, match):
    lines = [json.loads(one) for one in log_of(travel, 1_500)]
    if "design" in changes:
        changes = {"design": lines[0]["design"]}
    changed = [json.dumps({**one, **changes}) for one in lines]
    log = read_log(changed, travel)
    with pytest.raises(LogError, match=match):
        refuse_useless(log)


@pytest.mark.parametrize(
    ("broken", "match"),
    [
        ("not json", "line 2"),
        (line(1, surface="moon", design={}), "moon"),
        (line(1, clicked=1, design={}), "true or false"),
        (line(1, design={"categorical": {}, "continuous": {}}), "attributes"),
        (line(1), "design"),
    ],
)
def test_mistakes_are_told_by_line(travel, broken, match):
    with pytest.raises(LogError, match=match):
        read_log([log_of(travel, 1)[0], broken], travel)


def test_the_command_adds_a_candidate_that_knows_the_log(
    tmp_path, travel, monkeypatch, capsys
):
    monkeypatch.setattr(gan, "PRETRAIN_STEPS", 20)
    registry = Registry(str(tmp_path / "store"))
    pretrain.pretrain(registry, "creative-gan", travel, 0, created_at=1)
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(log_of(travel, 1_500)), "utf-8")
    arguments = ["warm-start", "--model", "creative-gan", "--log", str(file)]
    status = main([*arguments, "--store", str(tmp_path / "store")])
    made = json.loads(capsys.readouterr().out)
    card = registry.card("creative-gan", made["version"])
    assert (status, made["version"], card["parent_version"]) == (0, 2, 1)
    assert card["n_examples"] == made["n_examples"] == 1_500
    assert registry.champion("creative-gan").version == 1
    file.write_text("\n".join(log_of(travel, 3_000, assigned=True)), "utf-8")
    assert main([*arguments, "--store", str(tmp_path / "store")]) == 1
    assert "cannot be told apart" in capsys.readouterr().err
