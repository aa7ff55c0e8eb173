"""Medians, ratios, targets and timing of the benchmark programme; nothing is timed."""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from aiokafka import AIOKafkaProducer

from benchmarks import __main__ as programme, figures
from benchmarks.cores import Cores, told
from benchmarks.dataset.events import Spec
from benchmarks.dataset.load import load
from benchmarks.dataset.reference import reference
from benchmarks.dataset.store import dataset
from benchmarks.figures import (
    at_least,
    at_most,
    beside,
    row,
    to_json,
    to_text,
)
from benchmarks.machine import cpu_seconds, describe, resident_bytes
from benchmarks.measures.two_workers import at_work
from benchmarks.registry import FIGURES
from benchmarks.scaling import Costs, plan, spread, user_shares
from benchmarks.state import check, read
from benchmarks.timing import Sample, rates
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Preference
from schemas.vocabulary import deployed
from streams.commands import bench as bench_command
from streams.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.topic_admin import create_topics
from streams.settings import KafkaSettings

FIELDS = {
    "name",
    "value",
    "unit",
    "peer",
    "ratio",
    "target",
    "reached",
    "n_runs",
    "low",
    "high",
}


def test_a_figure_is_the_median_of_its_runs():
    one = row("rate", "events/s", [3.0, 1.0, 2.0], at_least(2))
    assert (one.value, one.low, one.high, one.n_runs) == (2.0, 1.0, 3.0, 3)
    assert one.reached is True
    assert row("cost", "s", [3.0], at_most(2)).reached is False
    assert row("cost", "s", [3.0]).reached is None


def test_a_ratio_is_taken_run_by_run():
    one = beside("rate", "events/s", [10.0, 100.0, 90.0], "peer", [10.0, 25.0, 45.0])
    assert one.ratio == 2.0  # of 1, 4 and 2: not of the medians, 90 / 25
    assert "2.00 x peer" in to_text(one)


def test_json_is_a_list_of_rows_with_the_agreed_fields():
    rows = [row("a", "s", [1.0]), beside("b", "s", [1.0], "p", [2.0], at_most(0.6))]
    printed = json.loads(to_json(rows))
    assert [set(one) for one in printed] == [FIELDS, FIELDS]
    assert printed[1]["reached"] is True


def test_rates_leave_out_the_first_tenth_and_the_wait_for_the_commit():
    slow_start = [Sample(0, 0, 0), Sample(9, 100, 5)]
    steady = [Sample(9 + t, 100 + 100 * t, 5 + 0.5 * t) for t in range(1, 10)]
    waiting = [Sample(100, 1_000, 20)]
    found = rates([*slow_start, *steady, *waiting], n_events=1_000)
    assert found.events_s == pytest.approx(100)
    assert found.warm_events_s == pytest.approx(100)
    assert found.cpu_per_million == pytest.approx(0.5 / 100 * 1e6)


def test_a_counter_that_leaves_records_out_is_read_as_a_share():
    samples = [Sample(0, 0, 0), Sample(10, 495, 1)]  # 5 of 500 were repeats
    assert rates(samples, n_events=500).events_s == pytest.approx(50)


def test_no_progress_is_an_error():
    with pytest.raises(ValueError, match="no progress"):
        rates([Sample(0, 0, 0), Sample(1, 0, 1)], n_events=10)


def test_the_machine_is_named_and_a_process_measured():
    assert "cores" in describe()
    assert cpu_seconds([os.getpid()]) > 0
    assert resident_bytes(os.getpid(), peak=True) >= 10_000_000


def test_who_had_the_cores_is_told_by_name():
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    with busy, Cores({"busy": [busy.pid], "us": [os.getpid()]}, every_s=0.02) as cores:
        start = time.monotonic_ns()
        end = start + 200_000_000
        while not (used := cores.between(start, end)):
            time.sleep(0.02)
        busy.kill()
    assert set(used) == {"busy", "us", "others", "stolen"}
    assert used["busy"] > 0
    assert told({"busy": 0.987, "us": 0.0}) == "busy 0.99, us 0.00"
    assert cores.between(end, end + 10**12) == {}  # nothing is known of the future


def test_workers_are_compared_while_all_are_at_work():
    first = [0, 30, 60, 70, 80, 90, 95, 95, 95]
    second = [0, 0, 0, 5, 15, 25, 35, 45, 45]  # 140 events in all
    counts = np.array([first, second]).T.astype(float)
    assert at_work(counts) == (3, 5)  # from two at work to the last before one ends
    assert at_work(counts[:, :1]) == (1, 5)  # not the first quarter
    alone = np.array([[0, 0], [50, 0], [100, 0], [100, 1]], float)
    with pytest.raises(figures.UnavailableError, match="did it all"):
        at_work(alone)


def test_every_figure_can_be_listed_and_an_unknown_one_is_refused(capsys):
    assert programme.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in FIGURES)
    assert programme.main(["nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_an_unknown_peer_is_refused_with_those_there_are(capsys):
    assert programme.main(["preferences", "--peers", "flink,storm"]) == 2
    said = capsys.readouterr().err
    assert "no peer storm" in said
    assert "kafka-streams" in said


def test_bench_is_a_command_of_adloom():
    done = subprocess.run(
        [sys.executable, "-m", "streams", "bench", "--list"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "preferences" in done.stdout


def test_bench_says_when_there_is_no_checkout(tmp_path, monkeypatch):
    monkeypatch.setattr(bench_command, "CHECKOUT", tmp_path)
    with pytest.raises(UnavailableError, match="checkout"):
        bench_command.run([])


def test_the_docs_name_every_figure():
    text = (Path(__file__).parents[2] / "docs" / "performance.md").read_text("utf-8")
    assert [name for name in FIGURES if f"`{name}`" not in text] == []


def test_the_state_on_a_broker_is_compared_user_by_user(
    broker, topic_prefix, tmp_path, produce
):
    made = dataset(Spec(n_events=2_000, n_users=40, n_partitions=2), tmp_path)
    expected = reference(made.events)
    settings = KafkaSettings(topic_prefix=topic_prefix, partitions=2)
    create_topics(Connection(broker), settings)
    topic = f"{topic_prefix}ads.preference.v1"
    values = preferences_of(made.events, expected)
    produce(broker, topic, values)
    assert check(broker, topic, 2, made.events, expected).is_equal
    user, value = next(iter(values.items()))
    wrong = Codec(Preference, LockedIds()).decode(value)
    weights = bytearray(wrong.weights)
    weights[3] ^= 0x40
    changed = Codec(Preference, LockedIds()).encode(
        type(wrong)(**{**vars_of(wrong), "weights": bytes(weights)})
    )
    produce(broker, topic, {user: changed, b"u_stranger": value})
    found = check(broker, topic, 2, made.events, expected)
    assert (found.n_differing, found.n_unknown) == (1, 1)


def test_a_loaded_topic_holds_every_record(broker, topic_prefix, tmp_path):
    made = dataset(
        Spec(n_events=3_000, n_users=100, n_partitions=2, codec="zstd"), tmp_path
    )
    create_topics(
        Connection(broker), KafkaSettings(topic_prefix=topic_prefix, partitions=2)
    )
    topic = f"{topic_prefix}ads.behavior.v1"
    load(made, broker, topic)
    assert read(broker, topic, 2).n_records == 3_000


def test_skew_fills_some_workers_more_than_others():
    even = spread(*user_shares(100_000, 0.0), 8, 4)
    skewed = spread(*user_shares(100_000, 1.0), 8, 4)
    assert even.fullest_worker < 1.1 < skewed.fullest_worker
    assert skewed.first_user > 0.05


@pytest.mark.parametrize("exponent", [0.5, 1.0, 1.2])
def test_people_who_are_not_counted_one_by_one_still_have_their_share(exponent):
    n_users = 3_000_000  # a million more than are counted
    weights = np.arange(1, n_users + 1) ** -exponent
    shares, rest = user_shares(n_users, exponent)
    assert shares[0] == pytest.approx(weights[0] / weights.sum(), rel=1e-6)
    assert shares.sum() + rest == pytest.approx(1)


def test_a_person_who_is_more_than_a_core_is_no_matter_of_workers():
    costs = Costs(per_core=1_000_000)
    assert plan(1_000_000, costs, 1_000, 1.0).is_possible
    assert not plan(100_000_000, costs, 1_000, 1.0).is_possible


@pytest.fixture
def produce():
    """A function that writes key -> value pairs to a topic of two partitions."""

    async def send(bootstrap, topic, values):
        async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
            for key, value in values.items():
                await producer.send_and_wait(topic, value, key)

    return lambda *arguments: asyncio.run(send(*arguments))


def vars_of(record):
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def preferences_of(events, expected):
    codec = Codec(Preference, LockedIds())
    users = [n for n in range(events.spec.n_users) if expected.n_events[n]]
    weights = expected.weights(np.array(users))
    values = {}
    for row_, user in enumerate(users):
        user_id = events.ids[user].tobytes()
        record = Preference(
            user_id=user_id.decode(),
            as_of=int(expected.as_of[user]),
            half_lives_s=(86_400,),
            weights=weights[row_].astype("<f4").tobytes(),
            n_events=int(expected.n_events[user]),
            n_unclicked=0,
            consent=True,
            behavior_offset=0,
            profile_offset=-1,
            text_offset=-1,
        )
        values[user_id] = codec.encode(record)
    assert len(weights[0]) == len(deployed().categories)
    return values
