"""Rows of people: order, repetition, restores and years change nothing."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Preference
from streams.columns.changelog import FIELDS, varint
from streams.columns.columns import cut
from streams.columns.decoder import Decoder
from streams.columns.frames import frames
from streams.columns.from_records import behavior_columns, preference_columns
from streams.columns.payload import Payload
from streams.columns.rows import tick
from streams.columns.rules import fold_rules
from streams.stages.preferences.partition import NOBODY, encoded_lives
from streams.stages.preferences.user_table import UserTable
from tests.streams.hostile_records import EPOCH, HOUR, NOW, YEAR, behavior, generator
from tests.streams.kernels import kernel, needs_kernels

LIVES = (3_600, 86_400, 1_209_600)
CATEGORIES = ("running", "coffee", "跑步鞋")
CODEC = Codec(Preference, LockedIds())
DECODER = Decoder(Preference, LockedIds(), FIELDS, "user_id")
SEEDS = st.integers(0, 2**48)
SPACES = (0, 1, 500, 60_000, HOUR, 61 * HOUR, 5 * YEAR)
COUNTS = ("as_of", "n_events", "n_unclicked", "consent", "last_click_at")
MARKS = ("withdrawn_at", "unclicked_at", "user_id", "half_lives_s")
SUMS = ("weights", "exposures", "bursts")
KERNEL = kernel("stages.preferences.kernel")
pytestmark = needs_kernels


def table(window=100):
    return UserTable(fold_rules(LIVES, CATEGORIES), window)


def events(rng, n, *, n_users=4, consenting=0.9):
    """Events at one time or years apart, in no order, some of them twice."""
    made, at = [], NOW
    for _ in range(n):
        one = behavior(rng, odd=0)
        at += rng.choice((-1, 1)) * rng.choice(SPACES)
        at = min(max(at, EPOCH), NOW + 9 * YEAR)
        changed = {
            "user_id": rng.choice(("用户", "u", "v" * 100))
            if rng.random() < 0.1
            else f"u{rng.randrange(n_users)}",
            "occurred_at": at + rng.randrange(2),
            "category": rng.choice((None, "unknown", "cof", "coffee2", *CATEGORIES)),
            "consent": rng.random() < consenting,
        }
        made.append(type(one)(**(fields_of(one) | changed)))
        if rng.random() < 0.2:
            made.append(rng.choice(made))
    return made


def fields_of(one):
    return {name: getattr(one, name) for name in one.__dataclass_fields__}


def fold(people, records, first_offset=0):
    numbered = list(enumerate(records, first_offset))
    return people.fold(behavior_columns(numbered))


def written(people, numbers=None, max_bytes=800, **more):
    """Sections of rows, by default of the dirty ones."""
    numbers = people.take_dirty() if numbers is None else numbers
    return KERNEL.sections(
        people.kernel_rules,
        people.index,
        people.rows,
        numbers,
        CODEC.frame,
        encoded_lives(LIVES),
        [NOBODY],
        varint(-1) * 3 + b"\0",
        max_bytes,
        **more,
    )


def restored(sections):
    people = table()
    for records, n in sections:
        columns = DECODER.decode([Payload(records, n, 0, 0)], 0, NOW + 10 * YEAR)
        put(people, columns)
        for _, _, value in columns.odd_records():  # ids that are not ASCII
            put(people, preference_columns(CODEC.decode(value)))
    return people


def put(people, columns):
    people.reserve(len(columns))
    KERNEL.restore(
        people.kernel_rules,
        people.index,
        people.rows,
        columns,
        encoded_lives(LIVES),
        np.zeros((3, len(people.rows)), np.int64),
        np.zeros(len(columns), np.int64),
    )


def state(sections):
    """User id -> Preference; keys are read back through the framing and the codec."""
    found = {}
    for records, n in sections:
        payload = Payload(records, n, 0, 0)
        framed = frames(records, n)
        assert [delta for delta, _, _ in framed] == list(range(n))
        for _, key, value in framed:
            record = CODEC.decode(cut(payload, value))
            assert cut(payload, key) == record.user_id.encode()
            found[record.user_id] = record
    return found


def everyone(people):
    """All rows that are somebody's."""
    return np.flatnonzero(people.rows["key_length"] > 0).astype(np.int64)


def assert_equal_states(got, expected):
    assert got.keys() == expected.keys()
    for user, one in got.items():
        other = expected[user]
        for name in COUNTS + MARKS:
            assert getattr(one, name) == getattr(other, name), (user, name)
        for name in SUMS:
            sums, others = (
                np.frombuffer(getattr(record, name), "<f4").astype(np.float64)
                for record in (one, other)
            )
            # Sums of both signs cancel: what is left is as exact as its parts.
            np.testing.assert_allclose(
                sums, others, rtol=1e-4, atol=1e-5, err_msg=f"{user} {name}"
            )


@settings(max_examples=60)
@given(seed=SEEDS)
def test_a_permuted_and_repeated_log_gives_the_same_state(seed):
    rng = generator(seed)
    log = events(rng, rng.randrange(1, 40), consenting=1)
    distinct = list({(one.user_id, one.event_id): one for one in log}.values())
    again = [*distinct, *distinct]
    rng.shuffle(again)
    one, other = (table() for _ in range(2))
    assert fold(one, distinct) == len(distinct)
    cut_at = rng.randrange(len(again) + 1)
    n = fold(other, again[:cut_at]) + fold(other, again[cut_at:], cut_at)
    assert n == len(distinct)
    assert_equal_states(state(written(one)), state(written(other)))


@settings(max_examples=60)
@given(seed=SEEDS)
def test_what_is_refused_counts_in_any_order(seed):
    """All but the weights: a withdrawal that comes late may forget too much of them."""
    rng = generator(seed)
    log = events(rng, rng.randrange(1, 40), consenting=0.5)
    log = list({(one.user_id, one.event_id): one for one in log}.values())
    by_time = sorted(log, key=lambda one: (one.occurred_at, one.consent))
    permuted = rng.sample(log, len(log))
    one, other = (table() for _ in range(2))
    fold(one, by_time)
    fold(other, permuted)
    in_time, late = state(written(one)), state(written(other))
    assert in_time.keys() == late.keys()
    for user, record in late.items():
        for name in COUNTS + MARKS:
            assert getattr(record, name) == getattr(in_time[user], name)
    for user in without_withdrawals(log):
        assert_equal_states({user: late[user]}, {user: in_time[user]})


def without_withdrawals(log):
    return {one.user_id for one in log} - {
        one.user_id for one in log if not one.consent
    }


@settings(max_examples=60)
@given(seed=SEEDS)
def test_sections_restored_and_written_again_are_the_same(seed):
    rng = generator(seed)
    people = table()
    fold(people, events(rng, rng.randrange(1, 60)))
    first = state(written(people))
    back = restored(written(people, everyone(people)))
    assert not len(back.take_dirty())
    second = state(written(back, everyone(back)))
    assert_equal_states(second, first)
    # The sums are written as of the newest event: from then on nothing is rounded.
    twice = restored(written(back, everyone(back)))
    assert_equal_states(state(written(twice, everyone(twice))), second)


def test_who_comes_back_the_next_day_keeps_the_landmark():
    """Moving it touches all of a row, which is not in the cache by then."""
    people, rng = table(), generator(3)
    for i in range(3):
        changed = {"user_id": "u", "event_id": str(i), "kind": "impression"}
        changed |= {"occurred_at": NOW + 24 * i * HOUR, "consent": True}
        one = behavior(rng, odd=0)
        fold(people, [type(one)(**(fields_of(one) | changed))], i)
    assert people.rows["landmark"][0] == tick(NOW)
    assert people.rows["bursts"][0, 0] == 1


def test_a_person_seen_for_twenty_years_is_rescaled_and_loses_nothing():
    """An event an hour for weeks, then one a year: sums stay what decay says."""
    people, rng = table(), generator(5)
    one = behavior(rng, odd=0)
    times = [EPOCH + i * HOUR for i in range(1_000)]
    times += [EPOCH + i * YEAR for i in range(1, 20)]
    changed = {"user_id": "u", "kind": "click", "category": "coffee", "consent": True}
    log = [
        type(one)(
            **(fields_of(one) | changed | {"event_id": str(at), "occurred_at": at})
        )
        for at in times
    ]
    for i, event in enumerate(log):
        fold(people, [event], i)
    record = state(written(people))["u"]
    expected = [
        sum(0.5 ** ((times[-1] - at) / (life * 1_000)) for at in times)
        for life in LIVES
    ]
    weights = np.frombuffer(record.weights, "<f4").reshape(len(LIVES), -1)
    np.testing.assert_allclose(weights[:, 1], expected, rtol=1e-4)
    assert record.n_events == len(times)


def test_a_broken_row_is_refused_not_read():
    people = table()
    fold(people, events(generator(1), 20))
    numbers = everyone(people)
    for name, value in (("profile", 1), ("key_start", 2**32 - 1)):
        good = people.rows[name][numbers[0]]
        people.rows[name][numbers[0]] = value
        with pytest.raises(IndexError, match="is broken"):
            written(people, numbers)
        people.rows[name][numbers[0]] = good
    for number in (-1, len(people.rows)):
        with pytest.raises(IndexError, match="no row"):
            written(people, np.array([number]))
