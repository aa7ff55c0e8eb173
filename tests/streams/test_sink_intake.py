import dataclasses

import pytest

from schemas.records import FineTuneJob
from streams.kafka.dead_letters import dead_letter, origin_of
from streams.sink.intake import REPORTED_BY_STAGES, SinkIntake
from streams.stages.attribution.stage import Attribution
from streams.stages.creatives.stage import Creatives
from streams.stages.preferences.stage import Preferences
from streams.stages.requests.stage import Requests
from streams.stages.texts.stage import TextSignals
from tests.good_records import good
from tests.streams.sink_records import (
    IDS,
    NOW,
    Message,
    a_click,
    a_profile,
    an_impression,
    message,
    tombstone,
)


@pytest.fixture
def intake():
    return SinkIntake(IDS)


def rows_of(intake):
    return {
        topic: [row.record for row in rows]
        for topic, rows in intake.rows_to_write().items()
    }


def test_good_records_become_rows_and_positions(intake):
    intake.take([message(an_impression(n), offset=n) for n in range(3)], NOW)

    assert rows_of(intake) == {"ads.behavior.v1": [an_impression(n) for n in range(3)]}
    assert list(intake.pending.next_offsets.values()) == [3]


def test_what_people_wrote_is_not_read(intake):
    assert "ads.text.v1" not in intake.topics
    assert "dlq.ads.text.v1" in intake.topics


def test_the_prefix_is_part_of_every_topic():
    topics = SinkIntake(IDS, "eu.").topics

    assert "eu.ads.behavior.v1" in topics
    assert all(".ads." in topic or topic.startswith("eu.") for topic in topics)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: dataclasses.replace(good, value=good.value[:-3]),
        lambda good: dataclasses.replace(good, value=b"\x00\x00\x01\x00\x00"),
        lambda good: dataclasses.replace(good, value=b"junk"),
        lambda good: dataclasses.replace(good, value=b""),
        lambda good: dataclasses.replace(good, key=b"somebody else"),
        lambda good: dataclasses.replace(good, key=None),
        lambda _: message(an_impression(at=2**45)),
    ],
)
def test_a_bad_record_that_a_stage_reads_is_passed_over(intake, spoil):
    bad = spoil(message(an_impression()))

    intake.take([bad, message(an_impression(1), offset=1)], NOW)

    assert rows_of(intake) == {"ads.behavior.v1": [an_impression(1)]}
    assert intake.skipped == {"ads.behavior.v1": 1}
    assert intake.dead_letters == []
    assert list(intake.pending.next_offsets.values()) == [2]


def test_a_bad_record_that_no_stage_reads_gets_a_dead_letter(intake):
    bad = dataclasses.replace(message(good(FineTuneJob), offset=7), value=b"junk")

    intake.take([bad], NOW)

    (letter,) = intake.dead_letters
    assert (letter.topic, letter.key, letter.value) == (
        "dlq.ads.finetune-job.v1",
        b"k",
        b"junk",
    )
    origin = origin_of(letter.headers)
    assert (origin.offset, origin.stage) == (7, "sink")


@pytest.mark.parametrize(
    "stage", [Attribution, Creatives, Preferences, Requests, TextSignals]
)
def test_what_a_stage_reads_is_reported_by_stages(stage):
    assert set(stage.sources) <= REPORTED_BY_STAGES


def letter_message(offset=0, value=b"junk", headers=None, **changes):
    letter = dead_letter("ads.text.v1", 2, 9, b"u_1", value, "texts", "truncated")
    fields = {"timestamp": NOW, "headers": headers or letter.headers} | changes
    return Message(letter.topic, 0, offset, letter.key, letter.value, **fields)


def test_a_dead_letter_is_kept_without_its_bytes(intake):
    intake.take([letter_message(value=b"a private sentence")], NOW)

    (refused,) = rows_of(intake)["dlq.ads.text.v1"]
    assert (refused.source_topic, refused.source_offset) == ("ads.text.v1", 9)
    assert (refused.stage, refused.reason) == ("texts", "truncated")
    assert refused.n_bytes == 18
    assert "private" not in repr(refused)


def test_a_record_that_only_claims_to_be_a_dead_letter_is_passed_over(intake):
    prefix = "__connect.errors."
    absurd = [
        (prefix + "topic", b"t"),
        (prefix + "partition", b"1"),
        (prefix + "offset", b"9" * 40),
    ]

    intake.take([letter_message(headers=[("x", b"y")])], NOW)
    intake.take([letter_message(1, headers=absurd)], NOW)

    assert rows_of(intake) == {}
    assert intake.skipped == {"dlq.ads.text.v1": 2}


def test_a_tombstone_takes_what_waits_and_what_comes_later(intake):
    intake.take([message(an_impression(), offset=0)], NOW)
    intake.take([message(a_profile(), offset=0), tombstone("u_1", offset=1)], NOW)
    intake.take([message(a_click(), offset=1)], NOW)
    intake.take([message(an_impression(5, user_id="u_2"), offset=2)], NOW)

    assert rows_of(intake) == {"ads.behavior.v1": [an_impression(5, user_id="u_2")]}
    assert intake.pending.erased == ["u_1"]


def test_a_person_who_comes_back_keeps_what_happened_since(intake):
    intake.take([message(an_impression(1, at=NOW - 10), offset=0)], NOW)
    intake.take([tombstone("u_1"), message(a_profile(at=NOW), offset=1)], NOW)
    intake.take([message(an_impression(2, at=NOW - 5), offset=1)], NOW)
    intake.take([message(an_impression(3, at=NOW + 5), offset=2)], NOW)

    assert rows_of(intake) == {
        "ads.behavior.v1": [an_impression(3, at=NOW + 5)],
        "ads.profile.v1": [a_profile(at=NOW)],
    }


def test_a_tombstone_of_another_topic_is_history(intake):
    gone = Message("ads.creative.v1", 0, 0, b"u_1|feed-card", None)

    intake.take([gone], NOW)

    assert intake.pending.erased == []
    assert rows_of(intake) == {}


def test_the_name_of_a_block_depends_on_offsets_and_contents():
    def token(*messages):
        intake = SinkIntake(IDS)
        intake.take(messages, NOW)
        return intake.pending.token("ads.behavior.v1")

    one, two = message(an_impression(1), 0), message(an_impression(2), 1)
    other = message(an_impression(3), 1)

    assert token(one, two) == token(one, two)
    assert len({token(one, two), token(one), token(two), token(one, other)}) == 4
