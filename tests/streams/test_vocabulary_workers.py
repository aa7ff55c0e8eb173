"""Workers on a real broker, each under another vocabulary: no weight is lost."""

import numpy as np
import pytest

from schemas import vocabulary
from schemas.vocabulary import deployed, parse
from streams.columns.vocabulary import translated_record
from streams.kafka.connection import Connection
from streams.kafka.topic_admin import create_topics
from streams.settings import KafkaSettings
from tests.house import vocabularies as v
from tests.streams.test_engine import (
    N_PARTITIONS,
    committed,
    framed,
    latest,
    produce,
    recomputed,
    wait_until,
)

pytestmark = pytest.mark.slow


@pytest.fixture
def known(monkeypatch):
    """Vocabularies that this process can follow, too."""
    ids = [parse(text).ids for text in (v.grown(), v.reordered())]
    monkeypatch.setattr(vocabulary, "_SOURCES", [lambda: ids])


async def test_grown_and_reordered_under_running_workers(
    broker,
    topic_prefix,
    start_worker,
    tmp_path,
    known,  # noqa: ARG001 - set up
):
    create_topics(
        Connection(broker),
        KafkaSettings(topic_prefix=topic_prefix, partitions=N_PARTITIONS),
    )
    settings = {
        "ADLOOM_PREFERENCES__SNAPSHOT_S": "0.5",
        "ADLOOM_MODEL__STORE": str(tmp_path / "models"),
    }
    n = 0
    for text in ("", v.grown(), v.reordered()):
        path = tmp_path / "vocabulary.toml"
        path.write_text(text, "utf-8")
        own = {"ADLOOM_VOCABULARY": str(path)} if text else {}
        worker = start_worker(
            "preferences", broker, topic_prefix, N_PARTITIONS, **settings, **own
        )
        await produce(broker, topic_prefix, framed(range(n, n + 300)))
        n += 300
        await wait_until(lambda n=n: reached(broker, topic_prefix, n))
        worker.terminate()
        assert worker.wait(30) == 0
        expected = await recomputed(broker, topic_prefix)
        await same(broker, topic_prefix, expected)


async def reached(broker, prefix, n):
    return await committed(broker, prefix) == n


async def same(broker, prefix, expected):
    """Hold the changelog, read under the bundled vocabulary, to the log of events."""
    found = await latest(broker, prefix)
    assert set(found) == set(expected)
    for user, record in expected.items():
        ours = translated_record(found[user])
        assert ours.n_events == record.n_events
        assert len(ours.weights) == 3 * 4 * len(deployed().categories)
        np.testing.assert_allclose(
            np.frombuffer(ours.weights, "<f4"),
            np.frombuffer(record.weights, "<f4"),
            rtol=1e-4,
            atol=1e-6,
        )
