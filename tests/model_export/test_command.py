"""`python -m model_export`, as the trainer runs it."""

import json
import subprocess
import sys

import pytest

from model_export.jobs import order
from model_export.jobs.command import main
from model_export.space import design_space
from schemas.records import FineTuneJob, OffsetRange
from tests.model_export.conftest import EXAMPLES
from tests.model_export.feedback_records import feedback

NAME = "creative-vae"
COUNT = 900


@pytest.fixture
def job():
    """Return a job with its feedback: what the trainer writes."""
    space = design_space.load(EXAMPLES / "travel_space.toml")
    ordered = FineTuneJob(
        job_id="job-1",
        model_name=NAME,
        base_version=1,
        reason="manual",
        ranges=(OffsetRange(topic="f", partition=0, start=0, end=COUNT),),
        n_examples=COUNT,
        seed=0,
        created_at=0,
    )
    read = order.FeedbackRead(feedback(space, COUNT, seed=1), 0)
    return order.to_text(ordered, read)


def run(store, *arguments, stdin=""):
    return subprocess.run(
        [sys.executable, "-m", "model_export", *arguments, "--store", str(store)],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def answer(capsys, store, *arguments):
    assert main([*arguments, "--store", str(store)]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_model_is_made_tuned_promoted_and_rolled_back(tmp_path, job, capsys):
    pytest.importorskip("torch", reason="training: extra [train] is missing")
    space = str(EXAMPLES / "travel_space.toml")
    made = run(tmp_path, "pretrain", "--model", NAME, "--space", space)
    assert made.returncode == 0, made.stderr
    tuned = run(tmp_path, "fine-tune", stdin=job)
    assert tuned.returncode == 0, tuned.stderr
    candidate = json.loads(tuned.stdout)
    assert candidate["passed"] is True
    assert (candidate["version"], candidate["base_version"]) == (2, 1)
    assert candidate["n_examples"] == COUNT
    assert candidate["n_clicks"] > 0
    assert {one["gate"] for one in candidate["verdicts"]} >= {"parity", "off_policy"}
    assert f"{COUNT} feedback records" in tuned.stderr

    version = ("--model", NAME, "--version", "2")
    assert answer(capsys, tmp_path, "gates", *version)["passed"] is True
    answer(capsys, tmp_path, "promote", *version, "--reason", "canary won")
    champions = [
        one["version"]
        for one in answer(capsys, tmp_path, "list", "--model", NAME)
        if one["champion"]
    ]
    assert champions == [2]
    assert answer(capsys, tmp_path, "show", *version)["parent_version"] == 1
    folder = tmp_path / "copy"
    answer(capsys, tmp_path, "export", *version, "--folder", str(folder))
    assert (folder / "generator.onnx").stat().st_size > 10_000
    assert answer(capsys, tmp_path, "rollback", "--model", NAME)["version"] == 1
    log = answer(capsys, tmp_path, "log", "--model", NAME)
    assert [one["reason"] for one in log] == ["pre-trained", "canary won", "by hand"]


@pytest.mark.parametrize("order", ["", "{}", "[]", '{"job": {}}'])
def test_a_malformed_job_is_a_usage_error(tmp_path, order, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin.read", lambda: order, raising=False)
    assert main(["fine-tune", "--store", str(tmp_path)]) == 2
    assert "expected" in capsys.readouterr().err


def test_a_line_that_is_no_feedback_is_a_usage_error(
    tmp_path, job, monkeypatch, capsys
):
    head = job.split("\n")[0]
    monkeypatch.setattr("sys.stdin.read", lambda: f"{head}\n????", raising=False)
    assert main(["fine-tune", "--store", str(tmp_path)]) == 2
    assert "expected base64 of a feedback message" in capsys.readouterr().err


def test_a_wrong_space_file_is_a_usage_error(tmp_path, capsys):
    space = tmp_path / "space.toml"
    space.write_text("name = 1")
    arguments = ["--store", str(tmp_path), "--model", NAME, "--space", str(space)]
    assert main(["pretrain", *arguments]) == 2
    assert "space.toml is wrong" in capsys.readouterr().err


def test_what_is_not_there_is_a_failure(tmp_path, capsys):
    arguments = ["--store", str(tmp_path), "--model", NAME, "--version", "7"]
    assert main(["show", *arguments]) == 1
    assert "not in the model store" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["pretrain", "fine-tune", "gates", "rollback"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--store" in capsys.readouterr().out
