"""Exact offset ranges of the feedback topic, on each broker."""

from contextlib import closing

import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Feedback, OffsetRange
from streams.errors import StateError
from streams.kafka.connection import Connection
from streams.training.feedback import read_ranges
from tests.model_export.feedback_records import record

IDS = LockedIds()
CODEC = Codec(Feedback, IDS)


@pytest.fixture
def topic(broker, topic_prefix):
    """Return a topic of two partitions with 60 records in each."""
    name = f"{topic_prefix}ads.feedback.v1"
    with closing(KafkaAdminClient(bootstrap_servers=broker)) as admin:
        admin.create_topics([NewTopic(name, 2, 1)])
    with closing(KafkaProducer(bootstrap_servers=broker)) as producer:
        for number in range(120):
            content = b"junk" if number == 40 else CODEC.encode(record(number))
            producer.send(name, content, partition=number % 2)
            if number % 7 == 0:
                producer.flush()
        producer.flush()
    return name


def span(topic, partition, start, end):
    return OffsetRange(topic=topic, partition=partition, start=start, end=end)


def read(broker, *ranges, deadline_s=20.0):
    return read_ranges(Connection(broker), ranges, IDS, deadline_s)


def test_a_range_is_read_from_its_start_up_to_its_end(broker, topic):
    found = read(broker, span(topic, 1, 10, 35))
    expected = [f"impression-{2 * offset + 1}" for offset in range(10, 35)]
    assert [one.impression_id for one in found.records] == expected


def test_several_ranges_are_read_together_and_bad_records_counted(broker, topic):
    found = read(broker, span(topic, 0, 0, 60), span(topic, 1, 59, 60))
    assert len(found.records) == 60
    assert found.n_undecodable == 1


def test_neighbouring_ranges_leave_no_gap_and_no_overlap(broker, topic):
    parts = [read(broker, span(topic, 1, *edges)) for edges in ((0, 23), (23, 60))]
    ids = [one.impression_id for part in parts for one in part.records]
    assert ids == [f"impression-{2 * offset + 1}" for offset in range(60)]


def test_nothing_to_read_needs_no_broker():
    assert read_ranges(Connection(""), [span("t", 0, 5, 5)], IDS).records == []


def test_an_end_that_is_not_there_ends_at_the_deadline(broker, topic):
    with pytest.raises(StateError, match="deadline passed"):
        read(broker, span(topic, 1, 0, 61), deadline_s=2.0)


@pytest.mark.parametrize(
    "ranges", [[span("t", 0, 5, 3)], [span("t", 0, -1, 3)], [span("t", 0, 0, 3)] * 2]
)
def test_ranges_that_make_no_sense_are_refused(ranges):
    with pytest.raises(StateError):
        read_ranges(Connection(""), ranges, IDS)


def test_gaps_left_by_transactions_do_not_hide_the_end(kafka_broker, topic_prefix):
    name = f"{topic_prefix}ads.feedback.v1"
    with closing(KafkaAdminClient(bootstrap_servers=kafka_broker)) as admin:
        admin.create_topics([NewTopic(name, 1, 1)])
    with closing(
        KafkaProducer(bootstrap_servers=kafka_broker, transactional_id=topic_prefix)
    ) as producer:
        producer.init_transactions()
        for number in range(3):
            producer.begin_transaction()
            producer.send(name, CODEC.encode(record(number)), partition=0)
            producer.commit_transaction()  # a marker takes the next offset
    found = read(kafka_broker, span(name, 0, 0, 6))
    assert len(found.records) == 3
