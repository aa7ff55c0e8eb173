import socket
from copy import deepcopy
from io import BytesIO

import fastavro
import pytest

from schemas.avro import AvroError, Codec, schema_of
from schemas.records import FineTuneJob, Text
from schemas.registry import RegistryIds
from schemas.registry_client import RegistryClient, SchemaRegistryError
from tests.schemas.registry_server import serve

SUBJECTS = {Text: "ads.text.v1-value", FineTuneJob: "ads.finetune-job.v1-value"}
JOB = FineTuneJob(
    job_id="j",
    model_name="creative-gan",
    base_version=1,
    reason="count",
    ranges=(),
    n_examples=0,
    seed=7,
    created_at=1_700_000_000_000,
)


@pytest.fixture
def registry():
    with serve() as server:
        yield server


@pytest.fixture
def client(registry):
    return RegistryClient(registry.url, timeout_s=2.0, sleep=lambda _: None)


@pytest.fixture
def ids(client):
    return RegistryIds(client, SUBJECTS)


def test_a_new_schema_is_registered_under_its_topic_and_made_transitive(registry, ids):
    number = ids.id_of(FineTuneJob)
    assert registry.subjects == {"ads.finetune-job.v1-value": [number]}
    assert registry.compatibility == {
        "ads.finetune-job.v1-value": "BACKWARD_TRANSITIVE"
    }


def test_a_registered_schema_is_only_looked_up(registry, client):
    number = registry.add(SUBJECTS[Text], schema_of(Text))
    assert RegistryIds(client, SUBJECTS, register=False).id_of(Text) == number
    assert [method for method, _, _ in registry.requests] == ["POST"]


def test_a_missing_schema_is_named_where_registering_is_not_allowed(client):
    ids = RegistryIds(client, SUBJECTS, register=False)
    with pytest.raises(
        SchemaRegistryError, match=r"ads\.text\.v1-value has no such schema"
    ):
        ids.id_of(Text)


def test_an_incompatible_schema_is_refused_with_the_reason(registry, ids):
    older = deepcopy(schema_of(Text))
    older["fields"] = [f for f in older["fields"] if f["name"] != "consent"]
    registry.add(SUBJECTS[Text], older)
    registry.compatibility[SUBJECTS[Text]] = "BACKWARD_TRANSITIVE"
    with pytest.raises(SchemaRegistryError, match=r"not BACKWARD_TRANSITIVE .*consent"):
        ids.id_of(Text)


def test_records_survive_a_codec_with_registry_ids(ids):
    codec = Codec(FineTuneJob, ids)
    message = codec.encode(JOB)
    assert int.from_bytes(message[1:5], "big") == ids.id_of(FineTuneJob)
    assert codec.decode(message) == JOB


def test_a_record_written_with_an_older_schema_is_read(registry, ids):
    older = deepcopy(schema_of(Text))
    older["fields"] = [f for f in older["fields"] if f["name"] != "category"]
    number = registry.add(SUBJECTS[Text], older)
    body = BytesIO()
    written = {
        "text_id": "t",
        "user_id": "u",
        "kind": "search",
        "text": "coat",
        "written_at": 1,
        "consent": True,
    }
    fastavro.schemaless_writer(body, older, written)
    message = b"\x00" + number.to_bytes(4, "big") + body.getvalue()
    assert Codec(Text, ids).decode(message) == Text(**written)


def test_each_id_is_asked_for_once(registry, ids):
    number = ids.id_of(Text)
    for _ in range(3):
        ids.id_of(Text)
        ids.writer_schema(Text, number)
    assert [path for _, path, _ in registry.requests].count(
        f"/schemas/ids/{number}"
    ) == 1


def test_an_unknown_id_is_asked_for_again_only_after_a_while(registry, client):
    now = [0.0]
    ids = RegistryIds(client, SUBJECTS, clock=lambda: now[0])
    for _ in range(3):
        with pytest.raises(AvroError, match="unknown schema id 101 for Text"):
            ids.writer_schema(Text, 101)
    assert len(registry.requests) == 1
    assert registry.add(SUBJECTS[Text], schema_of(Text)) == 101
    now[0] = 31.0
    assert ids.writer_schema(Text, 101) == schema_of(Text)


def test_another_records_schema_is_refused(registry, ids):
    number = registry.add("other", schema_of(FineTuneJob))
    with pytest.raises(
        AvroError, match=r"expected adloom\.Text, got adloom\.FineTuneJ"
    ):
        ids.writer_schema(Text, number)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        (
            {
                "type": "record",
                "name": "adloom.Text",
                "fields": [{"name": "f", "type": {"type": "array", "items": "null"}}],
            },
            "take no bytes",
        ),
        ('"string"', "expected a record"),
        ("{", "is no Avro schema"),
        (
            {"type": "record", "name": "adloom.Text", "fields": [{}]},
            "is no Avro schema",
        ),
    ],
)
def test_a_hostile_schema_is_refused(registry, ids, schema, reason):
    number = registry.add("hostile", schema)
    with pytest.raises(AvroError, match=reason):
        ids.writer_schema(Text, number)


def test_a_registry_that_recovers_is_asked_again(registry, ids):
    registry.broken = [(503, "{}", {}), (500, "no", {})]
    assert ids.id_of(Text) in registry.schemas


def test_a_registry_that_stays_broken_is_no_fault_of_the_record(registry, ids):
    registry.broken = [(503, "{}", {})] * 3
    with pytest.raises(SchemaRegistryError, match="status 503") as caught:
        ids.writer_schema(Text, 101)
    assert not isinstance(caught.value, AvroError)


def test_a_redirect_is_not_followed(registry, client):
    with serve() as other:
        registry.broken = [(307, "", {"Location": f"{other.url}/schemas/ids/1"})]
        with pytest.raises(SchemaRegistryError, match="redirects to http://127"):
            client.get("schemas/ids/1")
        assert other.requests == []


@pytest.mark.parametrize(
    ("status", "content", "reason"),
    [
        (200, "<html>", "expected JSON"),
        (200, "[]", "expected a JSON object, got list"),
        (200, '"' + "x" * (1 << 20) + '"', "longer than"),
        (401, "{}", "expected status 200, got 401"),
    ],
)
def test_an_answer_that_is_no_registrys_is_named(
    registry, client, status, content, reason
):
    registry.broken = [(status, content, {})]
    with pytest.raises(SchemaRegistryError, match=reason):
        client.get("schemas/ids/1")


def test_a_silent_registry_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = RegistryClient(url, timeout_s=0.05, attempts=2, sleep=lambda _: None)
        with pytest.raises(SchemaRegistryError, match="timed out"):
            client.get("schemas/ids/1")


def test_credentials_are_sent_and_never_shown(registry):
    url = registry.url.replace("http://", "http://user:p%40ss@")
    client = RegistryClient(url, attempts=1)
    client.get("schemas/ids/1")
    assert registry.requests[0][2] == "Basic dXNlcjpwQHNz"
    registry.broken = [(503, "{}", {})]
    with pytest.raises(SchemaRegistryError) as caught:
        client.get("schemas/ids/1")
    assert "p%40ss" not in str(caught.value)


@pytest.mark.parametrize("url", ["", "registry:8081", "file:///etc/passwd", "http://"])
def test_an_address_that_is_no_http_url_is_refused(url):
    with pytest.raises(ValueError, match="SCHEMA_REGISTRY_URL"):
        RegistryClient(url)
