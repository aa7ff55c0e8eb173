"""The compiled code under AddressSanitizer: no read or write beyond a buffer."""

import json
import subprocess
import sys

import pytest

from tests.fuzz.build import ROOT, missing

LACKING = missing()


@pytest.mark.slow
@pytest.mark.skipif(LACKING is not None, reason=f"AddressSanitizer: {LACKING}")
def test_hostile_inputs_never_leave_their_buffers():
    asked = [sys.executable, "-m", "tests.fuzz", "60", "--json", "--seed", "20"]
    ended = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4_000:]
    counts = json.loads(ended.stdout)
    assert counts["crashes"] == 0
    assert counts["inputs"] > 10_000
    reached = (
        *("admitted", "written", "erased", "requests", "feedback", "strings"),
        *("design entries", "messages", "bodies", "scores", "best designs"),
    )
    assert min(counts[name] for name in reached) > 100
    assert min(counts["snapshots"], counts["changelogs refused"]) > 0
