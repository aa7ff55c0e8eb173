"""Memory that is freed and taken again is not asked of the kernel each time."""

import ctypes
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
from streams.runtime import heap
if sys.argv[1] == "settled":
    heap.settle()
def copies():
    one = bytes(800_000)
    for _ in range(5):
        one = b"".join((one, b"more"))
copies()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(50):
    copies()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def n_faults(how):
    command = [sys.executable, "-c", COUNT_FAULTS, how]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(ended.stdout)


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library"
)
def test_a_settled_heap_takes_few_page_faults():
    assert n_faults("settled") < 1_000
    assert n_faults("as it comes") > 5 * n_faults("settled")
