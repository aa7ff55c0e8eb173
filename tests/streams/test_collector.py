"""The door: every error at once, and no raw user id behind it."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, strategies as st

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior
from streams.ad_server.collector import (
    MAX_AHEAD_MS,
    MAX_BATCH,
    Door,
    InvalidRequestError,
    load_or_create_key,
    pseudonym_key,
)
from streams.admission.pseudonym import is_pseudonym, pseudonymise
from streams.errors import ConfigurationError
from streams.settings import LocalSettings, PrivacySettings, Settings

NOW = 1_700_000_000_000
DOOR = Door(b"0123456789abcdef")
EVENT = {"event_id": "e1", "user_id": "anna", "kind": "view", "consent": True}
TEXT = {
    "text_id": "t1",
    "user_id": "anna",
    "kind": "search",
    "text": "跑步鞋",
    "consent": True,
}


def problems(body, read=DOOR.behaviors):
    with pytest.raises(InvalidRequestError) as refused:
        read(json.dumps(body).encode(), NOW)
    return {problem["at"] for problem in refused.value.problems}


def test_an_event_becomes_a_record_under_a_pseudonym():
    sent = {**EVENT, "category": "yoga", "value": 3, "occurred_at": NOW - 5}
    (event,) = DOOR.behaviors(json.dumps([sent]).encode(), NOW)
    assert event.user_id == pseudonymise("anna", DOOR.key)
    assert (event.category, event.value, event.occurred_at) == ("yoga", 3.0, NOW - 5)
    assert Codec(Behavior, LockedIds()).encode(event)


def test_an_event_without_a_time_happened_now():
    (event,) = DOOR.behaviors(json.dumps([EVENT]).encode(), NOW)
    assert event.occurred_at == NOW


def test_all_errors_of_all_events_are_named_at_once():
    bad = {"event_id": "", "user_id": "anna", "kind": "stare", "consent": "yes", "x": 1}
    late = {**EVENT, "occurred_at": NOW + MAX_AHEAD_MS + 1, "category": "nothing"}
    assert problems([EVENT, bad, late]) == {
        "1.event_id",
        "1.kind",
        "1.consent",
        "1.x",
        "2.occurred_at",
        "2.category",
    }


@pytest.mark.parametrize("body", [{}, [], None, "x", [EVENT] * (MAX_BATCH + 1)])
def test_a_body_that_is_no_batch_is_refused(body):
    assert problems(body) == {"body"}


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1", "1e300"])
def test_an_absurd_value_is_refused(value):
    body = json.dumps([EVENT])[:-2] + f', "value": {value}}}]'
    with pytest.raises(InvalidRequestError):
        DOOR.behaviors(body.encode(), NOW)


@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused_and_nothing_else(body):
    with pytest.raises(InvalidRequestError):
        DOOR.behaviors(body, NOW)


def test_a_refusal_does_not_repeat_what_was_sent():
    secret = "anna@example.org"  # noqa: S105 - a user id
    for body in ([{**EVENT, "user_id": [secret]}], [{**EVENT, "item": {"a": secret}}]):
        with pytest.raises(InvalidRequestError) as refused:
            DOOR.behaviors(json.dumps(body).encode(), NOW)
        assert secret not in repr(refused.value) + str(refused.value.problems)
        assert refused.value.__cause__ is None


def test_a_text_becomes_a_record_and_a_long_one_is_refused():
    (text,) = DOOR.texts(json.dumps([TEXT]).encode(), NOW)
    assert (text.text, text.written_at) == ("跑步鞋", NOW)
    assert is_pseudonym(text.user_id)
    assert problems([{**TEXT, "text": "a" * 4_001}], DOOR.texts) == {"0.text"}


def test_a_profile_becomes_a_record():
    body = {"consent": True, "interests": ["yoga"], "age_band": "from_25"}
    profile = DOOR.profile("anna", json.dumps(body).encode(), NOW)
    assert profile.interests == ("yoga",)
    assert profile.user_id == pseudonymise("anna", DOOR.key)


@pytest.mark.parametrize("user_id", ["", "a" * 257])
def test_an_empty_or_endless_user_id_is_refused(user_id):
    with pytest.raises(InvalidRequestError):
        DOOR.pseudonym(user_id)


def test_the_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    folder = tmp_path / "new"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: load_or_create_key(folder), range(32)))
    assert len(keys) == 1
    assert len(next(iter(keys))) == 32
    assert [path.name for path in folder.iterdir()] == ["pseudonym.key"]
    assert stat.S_IMODE((folder / "pseudonym.key").stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "xyz", "abcd"])
def test_a_broken_key_file_is_refused(tmp_path, content):
    (tmp_path / "pseudonym.key").write_text(content)
    with pytest.raises(ConfigurationError, match=r"pseudonym\.key"):
        load_or_create_key(tmp_path)


def test_the_setting_comes_before_the_file(tmp_path):
    local = LocalSettings(folder=tmp_path)
    privacy = PrivacySettings(pseudonym_key="a secret of the company")
    key = pseudonym_key(Settings(local=local, privacy=privacy))
    assert key == b"a secret of the company"
    assert not list(tmp_path.iterdir())
    short = Settings(local=local, privacy=PrivacySettings(pseudonym_key="short"))
    with pytest.raises(ConfigurationError, match="16 to 64"):
        pseudonym_key(short)
