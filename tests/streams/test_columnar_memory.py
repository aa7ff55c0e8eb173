"""The memory of rows and of written sections: it grows in place, and is used again."""

import subprocess
import sys

import numpy as np
import pytest

from streams.columns.rules import fold_rules
from streams.stages.preferences.user_table import UserTable
from tests.conftest import ROOT
from tests.streams.kernels import kernel, needs_kernels
from tests.streams.test_columnar_state import written

KERNEL = kernel("stages.preferences.kernel")
pytestmark = needs_kernels


def table(n_users):
    people = UserTable(fold_rules((86_400,), ("a", "b")), 100)
    for i in range(n_users):
        number = people.find_or_add(f"user-{i}")
        people.rows["n_events"][number] = i
        people.touch(number)
    return people


def address(array):
    return array.__array_interface__["data"][0]


def test_a_region_grows_where_it_is_and_what_is_new_is_zero():
    region = KERNEL.Region(1 << 30)
    assert len(region) == 0
    region.grow(100)
    before = np.frombuffer(region, np.uint8)
    before[:] = 7
    for size in (101, 65_537, (2 << 20) + 1, (64 << 20) + 12_345):
        region.grow(size)
        now = np.frombuffer(region, np.uint8)
        assert address(now) == address(before)
        assert len(now) == len(region) == size
        assert not now[100:].any()
    assert (before == 7).all()
    region.grow(5)
    assert len(region) == len(now)


def test_a_region_says_when_it_is_full():
    region = KERNEL.Region(2 << 20)
    region.grow(2 << 20)
    with pytest.raises(MemoryError, match="expected at most 2097152"):
        region.grow((2 << 20) + 1)


def test_rows_outlive_their_table():
    rows = table(5).rows
    assert rows["n_events"][:5].tolist() == [0, 1, 2, 3, 4]


def test_rows_stay_where_they_are_while_people_come():
    people = table(1)
    before = address(people.rows)
    people.reserve(1_000_000)
    assert address(people.rows) == before
    assert people.rows["n_events"][0] == 0
    assert people.user_id(0) == "user-0"


REFUSED = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
from tests.streams.test_columnar_memory import address, table
people = table(100)
before = address(people.rows)
people.reserve(200_000)
assert address(people.rows) != before, "it had address space to grow in"
for i in range(100, 50_000):
    number = people.find_or_add(f"user-{i}")
    people.rows["n_events"][number] = i
for i in range(50_000):
    assert people.find_or_add(f"user-{i}") == i and people.user_id(i) == f"user-{i}"
assert people.rows["n_events"][:50_000].tolist() == list(range(50_000))
assert not people.rows["n_events"][50_000:].any()
"""


def test_rows_move_where_address_space_is_refused():
    run = [sys.executable, "-c", REFUSED]
    ended = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def sections_of(people, blocks, numbers=None):
    numbers = np.arange(len(people)) if numbers is None else numbers
    return written(people, numbers, 10_000, blocks=blocks)


def test_sections_that_are_looked_at_are_not_written_over():
    people, blocks = table(5_000), KERNEL.Blocks()
    kept = sections_of(people, blocks)
    copies = [bytes(records) for records, _ in kept]
    people.rows["n_events"] += 1
    for _ in range(3):
        blocks.turn()
        assert [bytes(r) for r, _ in sections_of(people, blocks)] != copies
    assert [bytes(records) for records, _ in kept] == copies


def test_a_checkpoint_is_written_to_the_memory_of_the_one_before():
    people, blocks = table(5_000), KERNEL.Blocks()
    places = set()
    for _ in range(5):
        blocks.turn()
        found = sections_of(people, blocks)
        places.add(address(np.frombuffer(found[0][0], np.uint8)))
        assert sum(n for _, n in found) == 5_000
        del found
    assert len(places) == 1
    assert len(blocks) == 4 << 20


def test_memory_that_is_not_needed_is_given_back():
    people, blocks = table(60_000), KERNEL.Blocks()
    found = sections_of(people, blocks)
    assert len(blocks) > 4 << 20
    del found
    for _ in range(2):
        blocks.turn()
        sections_of(people, blocks, np.arange(10))
    assert len(blocks) == 4 << 20
    blocks.turn()
    blocks.turn()
    assert len(blocks) == 0
