"""Child processes -> gone: asked first, then killed."""

import subprocess
import time
from collections.abc import Sequence
from typing import Any

_LEAST_S = 0.1


def end(processes: Sequence[subprocess.Popen[Any]], patience_s: float) -> None:
    """Ask processes to leave, in this order, and return once all are gone.

    Args:
        processes: those that have ended already are left alone.
        patience_s: how long they may take together before they are killed.
    """
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + patience_s
    for process in processes:
        try:
            process.wait(max(_LEAST_S, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
