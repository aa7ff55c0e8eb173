"""Record type -> what its fields may hold on the fast path.

The same bounds as `streams.admission.records`, as data:
tests/streams/test_columnar_decode.py holds that nothing gets through here which the
admission refuses. Only vectors are not judged, half-lives and weights of a Preference
and the condition of a Feedback: `restore` takes those that have our shape, and the sink
judges them itself.
"""

from dataclasses import fields
from typing import Any, cast

from schemas.records import (
    Behavior,
    CreativeRequest,
    Feedback,
    Preference,
    Record,
)
from streams.admission.checks import BIG, DAY_MS, EARLIEST, MAX_ID_CHARACTERS
from streams.admission.records import MAX_AGENT_CHARACTERS, MAX_STYLES_CHARACTERS
from streams.columns.plan import Check, Limits

_INSTANT = Limits(Check.INSTANT, low=EARLIEST, high=DAY_MS)
_COUNT = Limits(Check.RANGE, low=0, high=BIG)
_INT = Limits(Check.RANGE, low=0, high=2**31 - 1)
_OFFSET = Limits(Check.RANGE, low=-1, high=BIG)

_OWN: dict[type[Record], dict[str, Limits]] = {
    Behavior: {
        "user_agent": Limits(Check.TEXT, limit=MAX_AGENT_CHARACTERS),
        "occurred_at": _INSTANT,
        "value": _COUNT,
    },
    CreativeRequest: {
        "tired_of": Limits(Check.TEXT, limit=MAX_STYLES_CHARACTERS),
    },
    Feedback: {
        "shown_at": _INSTANT,
        "decided_at": Limits(Check.RANGE, low=EARLIEST - DAY_MS, high=BIG),
        "reward": Limits(Check.RANGE, low=-1, high=1),
        "value": _COUNT,
        "delay_ms": _COUNT,
        "revision": _INT,
        "model_version": _INT,
        "propensity": Limits(Check.RANGE, low=5e-324, high=1),  # above 0
    },
    Preference: {
        "as_of": _INSTANT,
        "n_events": _COUNT,
        "n_unclicked": _COUNT,
        "behavior_offset": _OFFSET,
        "profile_offset": _OFFSET,
        "text_offset": _OFFSET,
    },
}


def limits_of(record: type[Record]) -> dict[str, Limits]:
    """Return the limits of a flat record's fields: strings are names by default."""
    names = {
        field.name: Limits(Check.NAME, limit=MAX_ID_CHARACTERS)
        for field in fields(cast("Any", record))
        if field.type in {str, str | None}
    }
    user = {"user_id": Limits(Check.USER, limit=MAX_ID_CHARACTERS)}
    return names | user | _OWN.get(record, {})
