"""The wall clock, as every record tells time."""

import time


def now_ms() -> int:
    """Return now in epoch milliseconds."""
    return time.time_ns() // 1_000_000
