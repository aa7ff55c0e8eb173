"""The preferences kernel says what the reference says, whatever comes."""

import dataclasses

import numpy as np
from hypothesis import given, settings, strategies as st

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, CategoryShift, Preference, Profile, TextSignal
from schemas.vocabulary import deployed
from streams.engine.stage import Incoming
from streams.settings import PreferencesSettings
from streams.stages.preferences.reference import ReferencePreferences
from streams.stages.preferences.stage import Preferences
from tests.streams.hostile_records import EPOCH, HOUR, NOW, YEAR
from tests.streams.kernels import needs_kernels

pytestmark = needs_kernels

CODEC = Codec(Preference, LockedIds())
CATEGORIES = (None, "unknown", *deployed().categories[:3])
SUMS = ("weights", "exposures", "bursts")

users = st.sampled_from(["u", "v", "用户", "w" * 100])
instants = st.one_of(
    st.integers(NOW - 3 * 60_000, NOW),
    st.integers(NOW - 90 * HOUR, NOW),
    st.integers(EPOCH, EPOCH + YEAR),
    st.sampled_from([NOW, NOW - HOUR, NOW - 5 * YEAR, EPOCH]),
)
consents = st.sampled_from([True, True, True, False])
numbers = st.integers(0, 30)
behaviors = st.builds(
    Behavior,
    event_id=numbers.map("e{}".format),
    user_id=users,
    kind=st.sampled_from(
        ["impression", "click", "conversion", "view", "search", "dismiss"]
    ),
    occurred_at=instants,
    category=st.sampled_from(CATEGORIES),
    surface=st.sampled_from([None, *deployed().surfaces[:4]]),
    consent=consents,
)
profiles = st.builds(
    Profile,
    user_id=users,
    updated_at=instants,
    interests=st.lists(st.sampled_from(CATEGORIES[1:]), max_size=3).map(tuple),
    region=st.sampled_from([None, "SH"]),
    language=st.sampled_from([None, "zh"]),
    consent=consents,
)
signals = st.builds(
    TextSignal,
    text_id=numbers.map("t{}".format),
    user_id=users,
    kind=st.just("review"),
    language=st.just("en"),
    keywords=st.just(()),
    sentiment=st.just(0.5),
    shifts=st.lists(
        st.builds(
            CategoryShift,
            category=st.sampled_from(CATEGORIES[1:]),
            weight=st.floats(-1, 1),
        ),
        max_size=3,
    ).map(tuple),
    written_at=instants,
    consent=consents,
)
sources = (Behavior, Profile, TextSignal)
rounds = st.lists(
    st.one_of(
        st.lists(behaviors, min_size=1, max_size=12),
        st.lists(profiles, min_size=1, max_size=3),
        st.lists(signals, min_size=1, max_size=3),
        users,  # who asks to be erased
        st.sampled_from(["checkpoint", "restart"]),
    ),
    max_size=14,
)


class Worker:
    """A stage, its offsets and what it has written."""

    def __init__(self, make, window):
        settings = PreferencesSettings(duplicate_window=window)
        self._make = lambda: make(settings, deployed(), CODEC)
        self.stage = self._make()
        self.written = {}
        self._offsets = dict.fromkeys(sources, 0)

    def take(self, records):
        """Fold records of one source in."""
        incoming = [
            Incoming(type(one), one.user_id, one, 0, self._next(type(one)))
            for one in records
        ]
        self.stage.step(incoming, NOW)

    def erase(self, user):
        self.stage.step([Incoming(Profile, user, None, 0, self._next(Profile))], NOW)

    def checkpoint(self):
        for row in self.stage.take_dirty():
            self.written[row.key] = row
        return {row.key: row.value for row in self.written.values()}

    def restart(self, other=None):
        """Go on from what was written, by this worker or another one."""
        self.checkpoint()
        written = (other or self).written
        self.stage = self._make()
        self.stage.restore(list(written.values()))

    def _next(self, source):
        self._offsets[source] += 1
        return self._offsets[source]


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for user, value in got.items():
        if value is None or expected[user] is None:
            assert value == expected[user], user
            continue
        one, other = CODEC.decode(value), CODEC.decode(expected[user])
        for name in SUMS:
            sums = (np.frombuffer(getattr(r, name), "<f4") for r in (one, other))
            # Sums of both signs cancel: what is left is as exact as its parts.
            np.testing.assert_allclose(*sums, rtol=1e-4, atol=1e-5, err_msg=name)
        nothing = dict.fromkeys(SUMS, b"")
        assert dataclasses.replace(one, **nothing) == dataclasses.replace(
            other, **nothing
        )


@settings(max_examples=300)
@given(steps=rounds, window=st.sampled_from([1, 7, 1_000]), crossing=st.booleans())
def test_kernel_and_reference_write_the_same_people(steps, window, crossing):
    """With restarts, each from its own changelog or from the other one's."""
    kernel = Worker(Preferences, window)
    reference = Worker(ReferencePreferences, window)
    workers = (kernel, reference)
    for step in steps:
        if step == "restart":
            written = [one.checkpoint() for one in workers]
            assert_equal(*written)
            kernel.restart(reference if crossing else None)
            reference.restart(kernel if crossing else None)
        elif step == "checkpoint":
            assert_equal(*(one.checkpoint() for one in workers))
        else:
            for worker in workers:
                worker.erase(step) if isinstance(step, str) else worker.take(step)
    assert_equal(*(one.checkpoint() for one in workers))
