from dataclasses import replace

import clickhouse_connect
import numpy as np
import pytest
from hypothesis import given, strategies as st

from schemas.preference_vector import to_bytes
from schemas.records import ModelRelease, Verdict
from schemas.vocabulary import deployed
from streams.clickhouse import analytics
from streams.clickhouse.analytics_gallery import gallery
from streams.clickhouse.effects import Effect, effect_by_arm, lift, pooled
from streams.clickhouse.http import ClickHouseHttpServer
from streams.clickhouse.queries import rows
from streams.clickhouse.reader import ReadOnlyClickHouse
from streams.errors import StateError
from streams.kafka.dead_letters import dead_letter
from streams.outcomes.intervals import wilson
from streams.sink.consumer import write
from streams.sink.intake import SinkIntake
from streams.sink.store import Store
from tests.streams.sink_records import (
    IDS,
    NOW,
    Message,
    a_click,
    a_feedback,
    a_made_creative,
    a_preference,
    a_request,
    an_impression,
    message,
)


@pytest.fixture
def deliver(clickhouse):
    """A function that brings records, with made-up offsets, into ClickHouse."""

    def run(*records):
        intake = SinkIntake(IDS)
        for offset, record in enumerate(records):
            if not isinstance(record, Message):
                key = f"{record.user_id}|x" if hasattr(record, "receipt") else None
                record = message(record, offset, key=key)  # noqa: PLW2901
            intake.take([record], NOW)
        assert not intake.skipped
        write(intake, Store(clickhouse))

    return run


@pytest.fixture(scope="module")
def door(migrated_clickhouse, clickhouse_folder):
    assert migrated_clickhouse.database == "adloom"
    with ClickHouseHttpServer(ReadOnlyClickHouse(clickhouse_folder)) as server:
        client = clickhouse_connect.get_client(dsn=server.url, dedicated_pool=True)
        yield client
        client.close()


@pytest.fixture(params=["in process", "over HTTP"])
def client(request, clickhouse):
    """Each figure is read in process and through the read-only door."""
    if request.param == "in process":
        return clickhouse
    return request.getfixturevalue("door")


def test_counts_are_of_events_not_of_deliveries(deliver, client):
    shown = [an_impression(n, placement="obd-a") for n in range(5)]
    deliver(*shown, *shown, a_click(0, of=2, placement="obd-a"), an_impression(9))

    assert analytics.counts(client, "obd-") == analytics.BehaviorCounts(5, 1)
    assert analytics.counts(client) == analytics.BehaviorCounts(6, 1)
    assert analytics.counts(client, "nowhere") == analytics.BehaviorCounts(0, 0)


def test_a_cell_counts_clicked_impressions_once(deliver, client):
    deliver(
        an_impression(1, item="7", placement="p-1"),
        an_impression(2, item="7", placement="p-1"),
        an_impression(3, item="8", placement="p-2"),
        a_click(1, of=1, item="7", placement="p-1"),
        a_click(2, of=1, item="7", placement="p-1"),
        a_click(3, of=404, item="8", placement="p-2"),
    )

    assert analytics.ctr_by_item_position(client, "p-") == [
        analytics.Cell("7", "p-1", 2, 1),
        analytics.Cell("8", "p-2", 1, 0),
    ]


def test_an_arm_is_judged_by_the_latest_valid_feedback(deliver, client):
    deliver(
        *[a_feedback(n, arm="control") for n in range(10)],
        *[a_feedback(n, "click") for n in range(100, 104)],
        *[a_feedback(n) for n in range(104, 110)],
        a_feedback(104, "click", revision=1),
        a_feedback(0, "click", arm="control", valid=False, revision=1),
    )

    control, champion = effect_by_arm(client)

    assert (control.arm, control.model_version) == ("control", 0)
    assert (control.impressions, control.clicks) == (9, 0)
    assert (champion.impressions, champion.clicks, champion.ctr) == (10, 5, 0.5)
    assert (champion.low, champion.high) == pytest.approx(wilson(5, 10))
    found = lift(champion, control)
    assert found.difference == 0.5
    assert found.low > 0
    assert found.is_clear


@given(st.integers(1, 500), st.data())
def test_wilsons_interval_holds_the_rate_and_stays_in_0_to_1(n, data):
    clicks = data.draw(st.integers(0, n))
    low, high = wilson(clicks, n)

    assert -1e-12 <= low <= clicks / n + 1e-12
    assert clicks / n - 1e-12 <= high <= 1 + 1e-12


def effect(clicks, n, arm="a", version=1):
    low, high = wilson(clicks, n)
    return Effect(arm, "m", version, n, clicks, clicks / n, low, high)


def test_a_difference_has_newcombes_interval():
    """The example of Newcombe 1998, table II, row (a): 56/70 against 48/80."""
    found = lift(effect(56, 70), effect(48, 80))

    assert (found.difference, found.low, found.high) == pytest.approx(
        (0.2, 0.0524, 0.3339), abs=5e-5
    )


@given(st.integers(1, 90), st.integers(1, 90))
def test_two_equal_arms_differ_by_nothing(clicks, n_more):
    arm = effect(clicks, clicks + n_more)
    found = lift(arm, arm)

    assert found.low < 0 < found.high
    assert not found.is_clear


def test_versions_of_an_arm_are_pooled():
    effects = [effect(1, 10, version=1), effect(3, 30, version=2), effect(9, 9, "b")]

    arm = pooled(effects, "a")

    assert (arm.clicks, arm.impressions, arm.model_version) == (4, 40, 2)
    assert (arm.low, arm.high) == wilson(4, 40)
    assert pooled(effects, "none") is None


def test_freshness_counts_from_the_request(deliver, client):
    for number, wait in enumerate((100, 200, 900)):
        deliver(
            a_request(f"r{number}"),
            a_made_creative(f"c{number}", at=NOW + wait, request_id=f"r{number}"),
        )
    deliver(an_impression(1, creative_id="c0", at=NOW + 1_500))

    view = "SELECT creative_ms, shown_ms FROM freshness ORDER BY creative_ms"
    assert rows(client, view) == [(100, 1_500), (200, None), (900, None)]


def test_what_a_cooldown_holds_back_is_not_counted_as_slow(deliver, client):
    for number, (search, ask) in enumerate(((0, 100), (1_000, 3_100), (9_000, 9_100))):
        deliver(
            an_impression(number, kind="search", at=NOW + search),
            a_request(f"r{number}", at=NOW + ask),
            a_made_creative(f"c{number}", at=NOW + ask + 50, request_id=f"r{number}"),
        )
    counted = analytics.event_to_creative(client, cooldown_s=3.0)
    assert counted == analytics.Latency(2, 0.15, 0.15)


def test_nothing_measured_is_none(deliver, client):
    deliver(an_impression())

    assert analytics.event_to_creative(client, 3.0) == analytics.Latency(0, None, None)
    assert effect_by_arm(client) == []
    assert gallery(client) == []


def test_a_record_that_two_stages_refuse_is_one_dead_letter(deliver, client):
    letters = [
        dead_letter("ads.behavior.v1", 0, 5, b"u", b"junk", stage, "truncated")
        for stage in ("preferences", "preferences", "attribution")
    ] + [dead_letter("ads.text.v1", 0, 5, b"u", b"junk", "texts", "truncated")]
    deliver(
        *[
            Message(one.topic, 0, offset, one.key, one.value, one.headers)
            for offset, one in enumerate(letters)
        ]
    )

    found = analytics.dead_letters(client)

    assert {(row.topic, row.records) for row in found} == {
        ("ads.behavior.v1", 1),
        ("ads.text.v1", 1),
    }


def test_releases_and_their_verdicts_are_told_in_order(deliver, client):
    def release(version, stage, at, *verdicts):
        return ModelRelease(
            model_name="creative-gan",
            version=version,
            sha256="ab",
            stage=stage,
            canary_share=0.3,
            champion_version=1,
            champion_sha256="cd",
            job_id="j",
            verdicts=verdicts,
            released_at=at,
        )

    verdict = Verdict(
        gate="parity", result="pass", value=1e-6, threshold=1e-5, detail=""
    )
    deliver(release(2, "champion", NOW - 1), release(2, "canary", NOW - 2, verdict))

    assert [one.stage for one in analytics.releases(client)] == ["canary", "champion"]
    (found,) = analytics.gate_verdicts(client, "creative-gan")
    assert (found.version, found.gate, found.value, found.low) == (
        2,
        "parity",
        1e-6,
        None,
    )
    assert analytics.releases(client, "another") == []


def test_the_gallery_shows_what_was_made_for_whom_and_why(deliver, client):
    liked = np.zeros(len(deployed().categories), np.float32)
    liked[[3, 7]] = 0.75, 0.25
    deliver(
        a_request("r1", preferences=to_bytes(liked)),
        a_made_creative("c1"),
        a_made_creative("c2", at=NOW + 1),
        a_made_creative("c3", "u_2", request_id="unknown"),
        a_preference("u_2"),
        a_feedback(1, creative_id="c1"),
        a_feedback(2, "click", creative_id="c1"),
        *(a_feedback(n, "click", creative_id="c2", valid=False) for n in range(3, 9)),
    )

    first, second = gallery(client)

    assert (first.creative_id, first.reason) == ("c1", "preference_shift")
    assert (first.impressions, first.clicks) == (2, 1)
    ids = deployed().categories
    assert first.top_preferences == ((ids[3], 0.75), (ids[7], 0.25))
    assert first.assets == a_made_creative("c1").assets
    assert first.design == {"palette": "ocean", "contrast": 0.5}
    assert (second.creative_id, second.reason) == ("c3", "")
    assert second.top_preferences == ((ids[0], 1.0),)
    assert [item.creative_id for item in gallery(client, per_person=9)] == [
        "c1",
        "c2",
        "c3",
    ]


def test_the_gallery_copes_with_creatives_that_carry_no_assets(deliver, client):
    bare = replace(a_made_creative("c1"), assets=())
    deliver(bare, a_made_creative("c2", "u_2"))
    assets = {item.creative_id: item.assets for item in gallery(client)}
    assert assets["c1"] == ()
    assert assets["c2"] == a_made_creative("c2").assets


def test_the_gallery_of_many_wide_creatives_needs_little_memory(clickhouse):
    clickhouse.command(
        "INSERT INTO creative (creative_id, user_id, assets) SELECT toString(number), "
        "toString(number), [('page', 'text/html', 1, 1, randomString(100000))] "
        "FROM numbers(4000)"
    )
    clickhouse.set_client_setting("max_memory_usage", 200_000_000)
    clickhouse.set_client_setting("max_threads", 2)
    try:
        assert len(gallery(clickhouse)) == 60
    finally:
        clickhouse.set_client_setting("max_memory_usage", 0)


def test_a_wrong_query_says_what_clickhouse_said(client):
    with pytest.raises(StateError, match="UNKNOWN_TABLE"):
        rows(client, "SELECT * FROM nowhere")
