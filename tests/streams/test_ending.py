"""Processes end when asked, or are killed."""

import signal
import subprocess
import sys

from streams.local.ending import end

_STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print(flush=True); time.sleep(60)"
)
_WILLING = "import time; print(flush=True); time.sleep(60)"


def started(code):
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    process.stdout.readline()
    return process


def test_a_process_that_does_not_leave_is_killed_and_none_stays():
    processes = [started(_STUBBORN), started(_WILLING), started("print()")]
    processes[2].wait()
    with processes[0], processes[1], processes[2]:
        end(processes, 0.5)
        statuses = [process.returncode for process in processes]
    assert statuses == [-signal.SIGKILL, -signal.SIGTERM, 0]
