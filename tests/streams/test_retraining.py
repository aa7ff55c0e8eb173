import random

from hypothesis import given, settings as hypothesis_settings, strategies as st

from schemas.records import Design, Feedback, FineTuneJob, ModelRelease
from streams.engine.stage import Incoming
from streams.settings import RetrainingSettings
from streams.stages.retraining.drift import MAX_HELD, RewardDrift
from streams.stages.retraining.stage import Retraining

NOW = 1_800_000_000_000
SETTINGS = RetrainingSettings(
    examples=100, max_age_s=3_600, min_examples=20, drift_delta=0.002
)
NAME, TOPIC = "creative-gan", "ads.feedback.v1"


def stage_of(**changes):
    return Retraining(SETTINGS.model_copy(update=changes), NAME, TOPIC, timeout_s=600)


def feedback(number=0, reward=0.0, at=NOW, **fields):
    usual = {
        "feedback_id": f"f{number}",
        "impression_id": f"i{number}",
        "revision": int(reward > 0),
        "user_id": "u1",
        "outcome": "click" if reward else "none",
        "reward": reward,
        "valid": True,
        "shown_at": at,
        "decided_at": at,
        "arm": "champion",
        "model_version": 1,
        "design": Design(categorical={}, continuous={}),
    }
    return Feedback(**{**usual, **fields})


def release(stage="champion", version=1, job_id=None, champion=1, name=NAME):
    return ModelRelease(
        model_name=name,
        version=version,
        sha256="ab",
        stage=stage,
        canary_share=0,
        champion_version=champion,
        champion_sha256="ab",
        job_id=job_id,
        verdicts=(),
        released_at=NOW,
    )


class Log:
    """Feedback partitions with offsets."""

    def __init__(self):
        self.ends = {}

    def add(self, *values, partition=0):
        records = []
        for value in values:
            kind = "m" if isinstance(value, ModelRelease) else "f"
            offset = self.ends.get((kind, partition), 0)
            self.ends[kind, partition] = offset + 1
            records.append(Incoming(type(value), "k", value, partition, offset))
        return records


def sent(stage, now=NOW):
    """Checkpoint, tick, and return the jobs sent."""
    stage.tick(now)
    stage.take_dirty()
    out = stage.tick(now)
    assert all(one.record is FineTuneJob and one.key == NAME for one in out)
    return [one.value for one in out]


def ranges(job):
    return [(one.partition, one.start, one.end) for one in job.ranges]


def test_enough_feedback_triggers_a_job_over_exactly_its_offsets():
    stage, log = stage_of(), Log()
    stage.step(log.add(release()), NOW)
    stage.step(log.add(*map(feedback, range(60)), partition=0), NOW)
    stage.step(log.add(*map(feedback, range(40)), partition=2), NOW)
    (job,) = sent(stage)
    assert (job.reason, job.n_examples, job.base_version) == ("count", 100, 1)
    assert ranges(job) == [(0, 0, 60), (2, 0, 40)]
    assert {one.topic for one in job.ranges} == {TOPIC}
    assert sent(stage) == []


def test_without_a_champion_there_is_nothing_to_tune():
    stage, log = stage_of(), Log()
    stage.step(log.add(*map(feedback, range(150))), NOW)
    assert sent(stage) == []
    stage.step(log.add(release(name="creative-vae")), NOW)
    assert sent(stage) == []
    stage.step(log.add(release(version=4)), NOW)
    (job,) = sent(stage)
    assert (job.base_version, job.n_examples) == (4, 150)


def test_a_candidate_on_trial_is_the_base_until_it_is_refused():
    stage, log = stage_of(), Log()

    def base_after(*releases):
        stage.step(log.add(*releases), NOW)
        return stage._progress.base

    assert base_after(release(version=1)) == 1
    assert base_after(release("shadow", 2)) == 2
    assert base_after(release("shadow", 3)) == 3
    assert base_after(release("champion", 2, champion=2)) == 3
    assert base_after(release("rolled_back", 3, champion=2)) == 2
    assert base_after(release("rejected", 4, champion=2)) == 2


def test_a_job_is_sent_only_after_it_was_written():
    stage, log = stage_of(), Log()
    stage.step(log.add(release(), *map(feedback, range(100))), NOW)
    assert stage.tick(NOW) == []
    (row,) = stage.take_dirty()
    stage.step(log.add(feedback(100)), NOW)
    (out,) = stage.tick(NOW)
    again = stage_of()
    again.restore([row])
    (repeated,) = again.tick(NOW + 5_000)
    assert repeated == out


def test_a_job_sent_and_written_is_not_sent_again():
    stage, log = stage_of(), Log()
    stage.step(log.add(release(), *map(feedback, range(100))), NOW)
    assert len(sent(stage)) == 1
    again = stage_of()
    again.restore(stage.take_dirty())
    assert again.tick(NOW) == []


def test_one_job_at_a_time_until_a_release_of_any_stage_bears_its_id():
    stage, log = stage_of(), Log()
    stage.step(log.add(release(), *map(feedback, range(100))), NOW)
    (first,) = sent(stage)
    stage.step(log.add(*map(feedback, range(130))), NOW)
    stage.step(log.add(release("shadow", 2, "another")), NOW)
    assert sent(stage) == []
    stage.step(log.add(release("rejected", 2, first.job_id)), NOW)
    (second,) = sent(stage)
    assert ranges(second) == [(0, 100, 230)]
    assert second.base_version == 1
    assert second.job_id != first.job_id


def test_a_job_that_is_never_answered_is_given_up():
    stage, log = stage_of(), Log()
    stage.step(log.add(release(), *map(feedback, range(200))), NOW)
    assert len(sent(stage)) == 1
    assert sent(stage, NOW + 599_000) == []
    stage.step(log.add(*map(feedback, range(100))), NOW)
    (job,) = sent(stage, NOW + 600_000)
    assert ranges(job) == [(0, 100, 300)]


def test_old_feedback_is_learnt_even_when_there_is_little():
    stage, log = stage_of(), Log()
    stage.step(log.add(release(), *map(feedback, range(19))), NOW)
    assert sent(stage, NOW + 7_200_000) == []
    stage.step(log.add(feedback(20, at=NOW + 7_200_000)), NOW + 7_200_000)
    (job,) = sent(stage, NOW + 7_200_000)
    assert (job.reason, job.n_examples) == ("age", 20)


def test_what_cannot_teach_is_read_over_and_not_counted():
    stage, log = stage_of(), Log()
    useless = [
        feedback(valid=False),
        feedback(design=None),
        feedback(arm="organic"),
        feedback(revision=2, reward=1.0),
    ]
    stage.step(log.add(release(), *useless * 30, *map(feedback, range(100))), NOW)
    (job,) = sent(stage)
    assert (job.n_examples, ranges(job)) == (100, [(0, 0, 220)])


def rewards(n, rate, chance, start=0):
    return [
        feedback(start + i, float(chance.random() < rate), NOW + start + i)
        for i in range(n)
    ]


def test_a_change_of_the_click_rate_triggers_a_job():
    stage, log, chance = stage_of(examples=10**6), Log(), random.Random(3)  # noqa: S311
    stage.step(log.add(release(), *rewards(8_000, 0.02, chance)), NOW)
    assert sent(stage) == []
    stage.step(log.add(*rewards(6_000, 0.08, chance, 8_000)), NOW)
    (job,) = sent(stage)
    assert job.reason == "drift"


def test_early_clicks_are_no_drift():
    chance = random.Random(4)  # noqa: S311
    drift = RewardDrift(0.002)
    outcomes = rewards(4_000, 0.05, chance)
    clicks = [one for one in outcomes if one.reward]
    nones = [one for one in outcomes if not one.reward]
    for one in clicks + nones:
        drift.add(one.impression_id, one.shown_at, one.reward)
    assert not drift.found


def test_a_flood_of_early_clicks_is_thinned_without_a_bias():
    chance = random.Random(5)  # noqa: S311
    drift = RewardDrift(0.002)
    outcomes = rewards(60_000, 0.1, chance)
    for one in sorted(outcomes, key=lambda one: -one.reward):
        drift.add(one.impression_id, one.shown_at, one.reward)
    assert len(drift.to_row()[2]) <= MAX_HELD
    assert not drift.found


def test_drift_goes_on_after_a_restart_as_if_nothing_had_happened():
    chance = random.Random(6)  # noqa: S311
    before, after = rewards(8_000, 0.02, chance), rewards(3_000, 0.08, chance, 8_000)
    drift = RewardDrift(0.002)
    for one in before:
        drift.add(one.impression_id, one.shown_at, one.reward)
    again = RewardDrift(0.002)
    again.from_row(drift.to_row())
    assert not again.found
    for one in after:
        again.add(one.impression_id, one.shown_at, one.reward)
    assert again.found


class Broker:
    """A log of three partitions, read in an order that no replay repeats."""

    def __init__(self, chance):
        log = Log()
        self.records = {("m", 0): log.add(release())}
        for number in range(chance.randint(0, 500)):
            partition = chance.randrange(3)
            (record,) = log.add(feedback(number), partition=partition)
            self.records.setdefault(("f", partition), []).append(record)
        self.position = dict.fromkeys(self.records, 0)
        self.committed = dict(self.position)
        self.changelog = []
        self._chance = chance

    def read(self):
        source = self._chance.choice(list(self.records))
        start = self.position[source]
        batch = self.records[source][start : start + self._chance.randint(1, 20)]
        self.position[source] += len(batch)
        return batch


def run_with_crashes(chance):
    broker, stage, jobs = Broker(chance), stage_of(), {}
    for _ in range(300):
        stage.step(broker.read(), NOW)
        for out in stage.tick(NOW):
            jobs[out.value.job_id] = out.value
            stage.step([_answer(out.value)], NOW)
        if chance.random() < 0.3:
            broker.changelog += stage.take_dirty()
            broker.committed = dict(broker.position)
        elif chance.random() < 0.05:
            stage, broker.position = stage_of(), dict(broker.committed)
            stage.restore(broker.changelog)
            stage.step([_answer(job) for job in jobs.values()], NOW)
    return list(jobs.values())


@hypothesis_settings(max_examples=40)
@given(st.integers(0, 2**32))
def test_jobs_leave_no_gap_and_no_overlap_whatever_crashes(seed):
    jobs = run_with_crashes(random.Random(seed))  # noqa: S311
    for partition in range(3):
        spans = sorted(
            (one.start, one.end)
            for job in jobs
            for one in job.ranges
            if one.partition == partition
        )
        ends = [0] + [end for _, end in spans]
        assert [start for start, _ in spans] == ends[:-1]


def _answer(job):
    answer = release("shadow", 2, job.job_id)
    return Incoming(ModelRelease, NAME, answer, 0, 1_000_000)
