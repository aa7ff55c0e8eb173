"""The outbox: bounded, honest about losses, and back when the broker is."""

import asyncio
import signal

import pytest

from streams.ad_server.metrics import AdServerMetrics
from streams.ad_server.outbox import Outbox, OutboxRecord
from streams.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.local.broker import LocalBroker
from streams.settings import KafkaSettings


def counted(metrics, topic, outcome):
    labels = {"topic": topic, "outcome": outcome}
    name = "adloom_ad_server_records_total"
    return metrics.registry.get_sample_value(name, labels) or 0


async def running(outbox):
    await outbox.start()
    return asyncio.create_task(outbox.run())


async def end(outbox, task, within_s=5.0):
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await outbox.stop(within_s)


async def test_every_record_is_sent_in_order_under_its_key(
    local_broker, make_topics, read_topic
):
    topic, metrics = make_topics(local_broker) + "ads.text.v1", AdServerMetrics()
    outbox = Outbox(Connection(local_broker), metrics)
    task = await running(outbox)
    values = [str(number).encode() for number in range(500)]
    for value in values:
        assert outbox.post(OutboxRecord(topic, "one key", value))
    await outbox.deliver([OutboxRecord(topic, "one key", b"last")])
    assert (outbox.n_pending, outbox.is_stalled()) == (0, False)
    messages = await read_topic(local_broker, topic, 501)
    assert [message.value for message in messages] == [*values, b"last"]
    assert {message.key for message in messages} == {b"one key"}
    assert counted(metrics, topic, "sent") == 501
    await end(outbox, task)


async def test_what_does_not_fit_is_dropped_and_counted():
    metrics = AdServerMetrics()
    outbox = Outbox(Connection("127.0.0.1:9"), metrics, max_pending=3)
    taken = [outbox.post(OutboxRecord("t", "k", b"v")) for _ in range(5)]
    assert taken == [True, True, True, False, False]
    assert counted(metrics, "t", "dropped") == 2
    with pytest.raises(UnavailableError, match="send the same request again"):
        await outbox.deliver([OutboxRecord("t", "k", b"v")])


async def test_what_is_left_at_the_end_is_counted_as_lost():
    metrics = AdServerMetrics()
    outbox = Outbox(Connection("127.0.0.1:9"), metrics)
    for _ in range(3):
        outbox.post(OutboxRecord("t", "k", b"v"))
    await outbox.stop(within_s=0.1)
    assert counted(metrics, "t", "lost") == 3
    assert outbox.n_pending == 0


async def test_records_wait_for_a_broker_that_comes_back(
    tmp_path, read_topic, eventually
):
    from streams.kafka.topic_admin import create_topics  # noqa: PLC0415 - see conftest

    topic, metrics = "ads.text.v1", AdServerMetrics()
    with LocalBroker(tmp_path / "broker.log") as broker:
        create_topics(Connection(broker.bootstrap), KafkaSettings(partitions=1))
        outbox = Outbox(Connection(broker.bootstrap), metrics)
        task = await running(outbox)
        # Stopped, not ended: the local broker keeps its topics in memory.
        broker._process.send_signal(signal.SIGSTOP)
        for _ in range(100):
            assert outbox.post(OutboxRecord(topic, "k", b"meanwhile"))
        await asyncio.sleep(0.5)
        assert outbox.n_pending == 100
        broker._process.send_signal(signal.SIGCONT)
        await eventually(lambda: outbox.n_pending == 0)
        messages = await read_topic(broker.bootstrap, topic, 100)
        assert {message.value for message in messages} == {b"meanwhile"}
        assert counted(metrics, topic, "lost") == 0
        await end(outbox, task)
