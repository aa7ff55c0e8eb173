"""Records, messages and a store for the tests of the sink and of the analytics."""

from dataclasses import dataclass, field

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import (
    Behavior,
    Creative,
    CreativeRequest,
    Feedback,
    Preference,
    Profile,
    Record,
)
from streams.kafka.topics import TOPICS
from tests.streams.creative_records import a_creative

NOW = 1_700_000_000_000
IDS = LockedIds()
_TOPIC_OF = {topic.record: topic.name for topic in TOPICS}


@dataclass
class Message:
    """What a Kafka consumer gives, as far as the sink looks at it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    timestamp: int = NOW


def message(record: Record, offset=0, partition=0, key=None) -> Message:
    value = Codec(type(record), IDS).encode(record)
    key = (key or getattr(record, "user_id", "k")).encode()
    return Message(_TOPIC_OF[type(record)], partition, offset, key, value)


def tombstone(user_id, offset=0) -> Message:
    return Message("ads.profile.v1", 0, offset, user_id.encode(), None)


def an_impression(number=0, user_id="u_1", at=NOW, **changes) -> Behavior:
    fields = {
        "event_id": f"i{number}",
        "user_id": user_id,
        "kind": "impression",
        "occurred_at": at,
        "impression_id": f"i{number}",
        "placement": "feed-card",
        "item": "7",
        "consent": True,
    }
    return Behavior(**{**fields, **changes})


def a_click(number=0, of=0, **changes) -> Behavior:
    return an_impression(
        **{"event_id": f"c{number}", "impression_id": f"i{of}", "kind": "click"}
        | changes
    )


def a_profile(user_id="u_1", at=NOW) -> Profile:
    return Profile(user_id=user_id, updated_at=at, interests=("yoga",), consent=True)


def a_request(request_id="r1", user_id="u_1", at=NOW, **changes) -> CreativeRequest:
    fields = {
        "request_id": request_id,
        "user_id": user_id,
        "reason": "preference_shift",
        "placement": "feed-card",
        "surface": "social",
        "language": "en",
        "requested_at": at,
        "deadline_at": at + 30_000,
    }
    return CreativeRequest(**{**fields, **changes})


def a_made_creative(creative_id="c1", user_id="u_1", at=NOW, **changes) -> Creative:
    return a_creative(
        user_id,
        creative_id=creative_id,
        created_at=at,
        expires_at=at + 3_600_000,
        **changes,
    )


def a_preference(user_id="u_1", **changes) -> Preference:
    fields = {
        "user_id": user_id,
        "as_of": NOW,
        "half_lives_s": (3_600,),
        "weights": b"\0\0\x80?" + bytes(63 * 4),
        "n_events": 1,
        "n_unclicked": 0,
        "consent": True,
        "behavior_offset": 0,
        "profile_offset": -1,
        "text_offset": -1,
    }
    return Preference(**{**fields, **changes})


def a_feedback(number=0, outcome="none", arm="champion", **changes) -> Feedback:
    rewards = {"none": 0.0, "click": 1.0, "conversion": 1.0, "dismiss": -1.0}
    fields = {
        "feedback_id": f"f{number}-{changes.get('revision', 0)}",
        "impression_id": f"i{number}",
        "revision": 0,
        "user_id": "u_1",
        "outcome": outcome,
        "reward": rewards[outcome],
        "valid": True,
        "shown_at": NOW,
        "decided_at": NOW + 1_000,
        "arm": arm,
        "model_name": None if arm == "control" else "creative-gan",
        "model_version": None if arm == "control" else 1,
    }
    return Feedback(**{**fields, **changes})
