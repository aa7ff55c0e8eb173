"""User ids -> rows, event ids -> seen or not: against a dict and a list."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from streams.columns.rows import row_dtype
from streams.stages.preferences.reference import SeenIds
from tests.streams.kernels import kernel, needs_kernels

DTYPE = row_dtype(1, 1)
KERNEL = kernel("stages.preferences.kernel")
pytestmark = needs_kernels
N_SLOTS = 1_024
STEPS = settings(
    max_examples=40,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow],
)


def crowded():
    """Ids that want one slot of an index of 1,024 slots, or one of its last two."""
    places = defaultdict(list)
    for one in (b"user-%d" % i for i in range(60_000)):
        places[hashed(one) >> 32 & N_SLOTS - 1].append(one)
    return [*places[5][:8], *places[6][:8], *places[N_SLOTS - 1][:8], *places[0][:4]]


def hashed(key):
    """The kernel's hash: words of 8 bytes, each folded in."""
    mixed = mix(len(key))
    for at in range(0, len(key), 8):
        mixed = mix(mixed ^ int.from_bytes(key[at : at + 8], "little"))
    return mix(mixed)


def mix(bits):
    bits = bits * 0x9E3779B97F4A7C15 & 2**64 - 1
    return bits ^ bits >> 32


KEYS = [*crowded(), "用户".encode(), b"x" * 512, b"a", b"b", b"\0", b"\0\0"]


class OneRowEach(RuleBasedStateMachine):
    """An index of user ids is a dict, however many there are and whoever leaves."""

    @initialize()
    def begin(self):
        self.index = KERNEL.KeyIndex()
        self.rows = np.zeros(8_192, DTYPE)
        self.model = {}
        self.n_more = 0

    @rule(key=st.sampled_from(KEYS))
    def add(self, key):
        if key not in self.model:
            number = self.index.add(key, self.rows)
            assert number not in self.model.values()
            self.model[key] = number

    @rule(key=st.sampled_from(KEYS))
    def remove(self, key):
        number = self.index.remove(key, self.rows)
        assert number == self.model.pop(key, -1)
        if number >= 0:
            self.rows[number] = np.zeros((), DTYPE)

    @precondition(lambda self: self.n_more < 6_000)
    @rule(n=st.sampled_from([1, 700, 1_500]))
    def grow(self, n):
        for i in range(self.n_more, self.n_more + n):
            key = b"more-%d" % i
            self.model[key] = self.index.add(key, self.rows)
        self.n_more += n

    @invariant()
    def is_the_dict(self):
        for key in KEYS:
            found = self.index.find(key, self.rows)
            assert found == self.model.get(key, -1)
        for i in range(0, self.n_more, 97):
            key = b"more-%d" % i
            found = self.index.find(key, self.rows)
            assert found == self.model[key]
        assert len(self.index) == len(self.model)

    @invariant()
    def rows_know_their_ids(self):
        for key in KEYS:
            if key in self.model:
                row = self.rows[self.model[key]]
                start, length = int(row["key_start"]), int(row["key_length"])
                assert self.index.key(start, length) == key


class LastSeen(RuleBasedStateMachine):
    """A window knows its last `size` ids, and calls no id seen that never was."""

    @initialize(size=st.sampled_from([1, 2, 5, 40, 3_000]))
    def begin(self, size):
        self.size = size
        self.window = KERNEL.Window(size)
        self.reference = SeenIds(size)
        self.recent = []
        self.ever = set()
        self.next = 2**63

    def see(self, ids):
        answers = self.window.add(np.array(ids, np.uint64)).tolist()
        assert answers == [self.reference.is_new(one) for one in ids]
        for one, is_new in zip(ids, answers, strict=True):
            if one not in self.ever:
                assert is_new, "an id that never was is called a duplicate"
            if one in self.recent[-self.size :]:
                assert not is_new, f"forgotten within {self.size} ids"
            if is_new:
                self.recent.append(one)
            self.ever.add(one)

    @rule(ids=st.lists(st.integers(0, 30).map(lambda one: one * N_SLOTS + 1)))
    def crowd_one_slot(self, ids):
        self.see(ids)

    @rule(ids=st.lists(st.integers(1, 2**64 - 1), max_size=20))
    def any_ids(self, ids):
        self.see(ids)

    @rule(n=st.sampled_from([10, 600, 4_000]))
    def many_new(self, n):
        n = min(n, 50 * self.size)  # fifty generations are enough
        self.see(range(self.next, self.next + n))
        self.next += n

    @precondition(lambda self: self.recent)
    @rule(back=st.integers(1, 100))
    def again(self, back):
        self.see([self.recent[-min(back, len(self.recent))]])

    @invariant()
    def is_bounded(self):
        assert len(self.window) < 2 * self.size + 1
        assert len(set(self.window.ids().tolist())) == len(self.window)

    @rule()
    def write_and_read_back(self):
        """Ids go into a new window in their order: what was known is known again."""
        other = KERNEL.Window(2 * self.size)
        assert other.add(self.window.ids()).all()
        assert set(other.ids().tolist()) >= set(self.window.ids().tolist())


TestOneRowEach = OneRowEach.TestCase
TestOneRowEach.settings = STEPS
TestLastSeen = LastSeen.TestCase
TestLastSeen.settings = STEPS


def test_a_window_of_nothing_is_refused():
    with pytest.raises(ValueError, match="1 event or more"):
        KERNEL.Window(0)


def test_nobody_is_found_where_there_is_no_row():
    index, rows = KERNEL.KeyIndex(), np.zeros(0, DTYPE)
    assert index.find(b"u", rows) == -1
    assert index.remove(b"u", rows) == -1


def test_rows_of_a_snapshot_come_back_with_their_ids_over_those_that_are_there():
    """More than two blocks of the compiled loader, forgotten people among them."""
    ids = [b"user-%d" % i for i in range(1_000)]
    written, rows = KERNEL.KeyIndex(), np.zeros(1_000, DTYPE)
    for one in ids:
        rows["n_events"][written.add(one, rows)] = int(one[5:]) + 1
    gone = ids[::7]
    for one in gone:
        rows[written.remove(one, rows)] = np.zeros((), DTYPE)
    kept = sorted(set(ids) - set(gone), key=ids.index)
    index, target = KERNEL.KeyIndex(), np.zeros(2_000, DTYPE)
    target["n_events"][index.add(kept[3], target)] = 9_999
    KERNEL.put_rows(index, target, rows.tobytes(), b"".join(kept))
    found = {one: target["n_events"][index.find(one, target)] for one in kept}
    assert found == {one: int(one[5:]) + 1 for one in kept}
    assert all(index.find(one, target) == -1 for one in gone)
    with pytest.raises(ValueError, match="end too early"):
        KERNEL.put_rows(
            KERNEL.KeyIndex(),
            np.zeros(2_000, DTYPE),
            rows.tobytes(),
            b"".join(kept)[:-1],
        )
