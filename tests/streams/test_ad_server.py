"""The ad server over HTTP, with a real broker behind it."""

import asyncio
import json
import logging
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path

import aiohttp
import pytest
from aiokafka import AIOKafkaProducer

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Creative, CreativeRequest, Text
from streams.ad_server.collector import MAX_BODY_BYTES
from streams.ad_server.server import AdServer, serve
from streams.admission.pseudonym import pseudonymise
from streams.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.topics import BEHAVIOR, CREATIVE, CREATIVE_REQUEST, PROFILE, TEXT
from streams.local.broker import LocalBroker
from streams.rendering.brand import DEMO_BRAND
from streams.settings import KafkaSettings
from tests.streams.ad_server_process import KEY, running, server_settings
from tests.streams.creative_records import CONTEXTUAL, a_creative, a_receipt

ANNA = pseudonymise("anna", KEY.encode())
AD = {"user": "anna", "placement": "feed-card", "lang": "en", "consent": "1"}
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:137.0) Gecko/137.0 Firefox/137.0"
EVENT = {"event_id": "e1", "user_id": "anna", "kind": "view", "consent": True}


def decoded(record, messages):
    codec = Codec(record, LockedIds())
    return [codec.decode(message.value) for message in messages]


@pytest.fixture
def prefix(local_broker, make_topics):
    return make_topics(local_broker)


@pytest.fixture
async def client(local_broker, prefix, tmp_path):
    async with running(local_broker, server_settings(prefix, tmp_path)) as session:
        yield session


@pytest.fixture
def publish(local_broker, prefix, client):
    """A function that publishes a creative for anna and waits until it is served."""

    async def send(creative, *, served=True):
        message = Codec(Creative, LockedIds()).encode(creative)
        async with AIOKafkaProducer(bootstrap_servers=local_broker) as producer:
            key = f"{creative.user_id}|{creative.placement}".encode()
            await producer.send_and_wait(prefix + CREATIVE.name, message, key)
        for _ in range(500):
            metrics = await (await client.get("/metrics")).text()
            if not served or "adloom_creatives_cached 1.0" in metrics:
                return
            await asyncio.sleep(0.02)
        pytest.fail("the creative did not reach the cache")

    return send


def fresh(**changes):
    now = time.time_ns() // 1_000_000
    return a_creative(ANNA, created_at=now, expires_at=now + 60_000, **changes)


async def ask(client, **changes):
    async with client.get("/v1/ad", params={**AD, **changes}) as response:
        assert response.status == 200
        return await response.json()


async def test_without_a_creative_the_fallback_is_shown_and_one_is_asked_for(
    client, local_broker, prefix, read_topic
):
    ads = [await ask(client) for _ in range(3)]
    assert {ad["creative_id"] for ad in ads} == {"fallback-feed-card-en"}
    assert all(ad["fallback"] and ad["ai_generated"] for ad in ads)
    assert len({ad["impression_id"] for ad in ads}) == 3

    messages = await read_topic(local_broker, prefix + BEHAVIOR.name, 3)
    shown = decoded(Behavior, messages)
    assert Counter(b.impression_id for b in shown) == Counter(
        ad["impression_id"] for ad in ads
    )
    assert {(b.user_id, b.kind, b.placement) for b in shown} == {
        (ANNA, "impression", "feed-card")
    }
    assert {message.key for message in messages} == {ANNA.encode()}

    messages = await read_topic(local_broker, prefix + CREATIVE_REQUEST.name, 1)
    (request,) = decoded(CreativeRequest, messages)
    assert (request.user_id, request.reason) == (ANNA, "explicit")
    assert (request.surface, request.language) == ("social", "en")
    assert request.preferences is None


async def test_a_person_is_shown_their_creative_and_its_click_counts_once(
    client, publish, local_broker, prefix, read_topic
):
    await publish(fresh())
    async with client.get(
        "/v1/ad", params={**AD, "assets": "1"}, headers={"user-agent": BROWSER}
    ) as response:
        ad = await response.json()
    assert (ad["creative_id"], ad["arm"], ad["model_version"]) == ("c1", "champion", 3)
    assert ad["fallback"] is False
    assert ad["design"]["categorical"] == {"palette": "ocean"}
    assert {"text/html", "image/svg+xml"} <= {a["media_type"] for a in ad["assets"]}

    for _ in range(2):
        async with client.get(ad["click_url"], allow_redirects=False) as response:
            assert response.status == 302
            assert response.headers["location"].startswith("https://shop.example/")
    async with client.head(ad["click_url"], allow_redirects=False) as response:
        assert response.status == 302

    topic = prefix + BEHAVIOR.name
    events = decoded(Behavior, await read_topic(local_broker, topic, 3))
    impression, *clicks = events
    assert impression.user_agent == BROWSER
    assert (impression.category, impression.consent) == ("yoga", True)
    assert {click.kind for click in clicks} == {"click"}
    assert len({click.event_id for click in clicks}) == 1
    assert clicks[0].impression_id == impression.impression_id == ad["impression_id"]


async def test_a_creative_whose_record_carries_no_assets_is_drawn_when_asked_for(
    client, publish
):
    inline = fresh()
    await publish(replace(inline, assets=()))
    assert "assets" not in await ask(client)
    ad = await ask(client, assets="1")
    assert ad["assets"] == [asdict(asset) for asset in inline.assets]
    async with client.get(ad["creative_url"]) as response:
        assert inline.copy.headline in await response.text()


async def test_without_consent_only_a_contextual_creative_is_shown(client, publish):
    await publish(fresh(creative_id="personal"))
    assert (await ask(client))["creative_id"] == "personal"
    assert (await ask(client, consent="0"))["fallback"]


async def test_a_contextual_creative_needs_no_consent(client, publish):
    await publish(fresh(receipt=a_receipt(CONTEXTUAL)))
    assert (await ask(client, consent="0"))["creative_id"] == "c1"


async def test_a_creative_in_another_language_is_not_shown(client, publish):
    await publish(fresh())
    ad = await ask(client, lang="zh-CN")
    assert (ad["language"], ad["creative_id"]) == ("zh", "fallback-feed-card-zh")


async def test_the_pages_of_an_ad_link_through_the_click_and_run_no_script(
    client, publish
):
    await publish(fresh())
    ad = await ask(client)
    async with client.get(ad["creative_url"]) as response:
        page = await response.text()
        assert "script-src 'none'" in response.headers["content-security-policy"]
    assert f'href="{ad["click_url"]}"' in page
    assert "shop.example" not in page
    async with client.get(ad["why_url"]) as response:
        page = await response.text()
    assert "Chosen because of &lt;yoga&gt;." in page
    assert "anna" not in page


async def test_an_erased_person_is_shown_nothing_of_theirs(
    client, publish, local_broker, prefix, read_topic
):
    await publish(fresh())
    async with client.delete("/v1/profiles/anna") as response:
        assert response.status == 202
    assert (await ask(client))["fallback"]
    (tombstone,) = await read_topic(local_broker, prefix + PROFILE.name, 1)
    assert (tombstone.key, tombstone.value) == (ANNA.encode(), None)


@pytest.mark.parametrize("path", ["click/x", "why/x", "creative/x/html"])
async def test_a_made_up_link_is_refused(client, path):
    async with client.get(f"/v1/{path}", allow_redirects=False) as response:
        assert response.status == 400
        assert "not a link" in await response.text()


@pytest.mark.parametrize(
    "changes",
    [{"user": ""}, {"placement": "moon"}, {"consent": "maybe"}, {"user": "a" * 300}],
)
async def test_a_wrong_ad_request_is_refused(client, changes):
    async with client.get("/v1/ad", params={**AD, **changes}) as response:
        assert response.status == 400
        assert (await response.json())["errors"]


async def test_the_door_takes_events_texts_and_profiles(
    client, local_broker, prefix, read_topic
):
    text = {"text_id": "t1", "kind": "search", "text": "yoga mat"}
    who = {"user_id": "anna", "consent": True}
    async with client.post("/v1/events", json=[EVENT, EVENT]) as response:
        assert (response.status, await response.json()) == (202, {"accepted": 2})
    async with client.post("/v1/texts", json=[{**text, **who}]) as response:
        assert response.status == 202
    async with client.put("/v1/profiles/anna", json={"consent": True}) as response:
        assert response.status == 202

    events = await read_topic(local_broker, prefix + BEHAVIOR.name, 2)
    assert {event.user_id for event in decoded(Behavior, events)} == {ANNA}
    (written,) = decoded(Text, await read_topic(local_broker, prefix + TEXT.name, 1))
    assert (written.user_id, written.text) == (ANNA, "yoga mat")
    (profile,) = await read_topic(local_broker, prefix + PROFILE.name, 1)
    assert profile.key == ANNA.encode()


async def test_a_wrong_request_at_the_door_names_every_error_and_stores_nothing(client):
    bad = {**EVENT, "kind": "stare", "consent": None}
    async with client.post("/v1/events", json=[EVENT, bad]) as response:
        assert response.status == 400
        answer = await response.json()
    assert {each["at"] for each in answer["errors"]} == {"1.kind", "1.consent"}
    async with client.get("/metrics") as response:
        assert f"{BEHAVIOR.name}" not in await response.text()


async def test_a_body_that_is_too_long_is_refused_before_it_is_read(client):
    async def endless():
        for _ in range(2 * MAX_BODY_BYTES // 65_536):
            yield b" " * 65_536

    async with client.post("/v1/events", data=endless()) as response:
        assert response.status == 413


async def test_health_and_metrics_answer(client):
    for path in ("/livez", "/readyz", "/metrics"):
        async with client.get(path) as response:
            assert response.status == 200


async def test_the_raw_user_id_is_in_no_record_and_no_log(
    client, local_broker, prefix, read_topic, caplog
):
    caplog.set_level(logging.DEBUG, "uvicorn")
    raw = "very-raw-user-id"
    ad = await ask(client, user=raw)
    async with client.get(ad["click_url"], allow_redirects=False):
        pass
    async with client.put(f"/v1/profiles/{raw}", json={"consent": True}):
        pass
    async with client.post("/v1/events", json=[{"user_id": raw}]):
        pass
    messages = await read_topic(local_broker, prefix + BEHAVIOR.name, 2)
    messages += await read_topic(local_broker, prefix + PROFILE.name, 1)
    messages += await read_topic(local_broker, prefix + CREATIVE_REQUEST.name, 1)
    assert not [m for m in messages if raw.encode() in m.key + m.value]
    assert raw not in caplog.text
    assert raw not in json.dumps(ad)


async def test_a_busy_port_is_said_in_one_sentence(local_broker, prefix, tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UnavailableError, match="is busy: stop what listens"):
            await serve(
                server_settings(prefix, tmp_path),
                connection=Connection(local_broker),
                host="127.0.0.1",
                port=taken.getsockname()[1],
            )


async def test_a_missing_broker_is_said_in_one_sentence(tmp_path):
    with pytest.raises(UnavailableError, match="no Kafka broker answers"):
        await serve(
            server_settings("", tmp_path),
            connection=Connection("127.0.0.1:9"),
            host="127.0.0.1",
            port=0,
        )


async def test_ads_go_on_while_the_broker_is_away(tmp_path):
    from streams.kafka.topic_admin import create_topics  # noqa: PLC0415 - see conftest

    with LocalBroker(tmp_path / "broker.log") as broker:
        settings = server_settings("", tmp_path)
        create_topics(Connection(broker.bootstrap), KafkaSettings(partitions=2))
        async with running(broker.bootstrap, settings, drain_s=0.2) as client:
            await ask(client)
            await asyncio.to_thread(broker.stop)
            ads = [await ask(client, user=f"u{n}") for n in range(50)]
            assert all(ad["fallback"] for ad in ads)
            async with client.get("/livez") as response:
                assert response.status == 200


SERVER = """
import sys
from pathlib import Path
from streams.ad_server.server import run
from streams.kafka.connection import Connection
from streams.settings import KafkaSettings, LocalSettings, Settings
settings = Settings(
    kafka=KafkaSettings(topic_prefix=sys.argv[2], partitions=2),
    local=LocalSettings(folder=Path(sys.argv[3])),
)
connection = Connection(sys.argv[1])
run(settings, connection=connection, ready=lambda port: print(port, flush=True))
"""


async def test_sigterm_sends_what_waits_and_ends_with_status_0(
    local_broker, prefix, tmp_path, read_topic
):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SERVER, local_broker, prefix, str(tmp_path)),
        stdout=subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(30):
            port = int(await process.stdout.readline())
            async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
                ads = [await ask(client) for _ in range(200)]
                process.send_signal(signal.SIGTERM)
                assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    messages = await read_topic(local_broker, prefix + BEHAVIOR.name, 200)
    shown = {event.impression_id for event in decoded(Behavior, messages)}
    assert shown == {ad["impression_id"] for ad in ads}


def test_every_address_is_in_the_documentation(tmp_path):
    page = (Path(__file__).parents[2] / "docs" / "ad-server.md").read_text("utf-8")
    server = AdServer(server_settings("", tmp_path), "127.0.0.1:9", DEMO_BRAND)
    for route in server.app.routes:
        path = route.path.replace(":path", "")
        for method in route.methods - {"HEAD"}:
            assert f"| `{method} {path}` |" in page
