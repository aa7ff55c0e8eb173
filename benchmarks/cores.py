"""/proc -> who had the machine's cores, second by second (Linux)."""

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.machine import TICKS, cpu_seconds

_IDLE = (3, 4)  # idle and waiting for a disk, of the first line of /proc/stat, proc(5)
_STOLEN = 7
_GUEST = 8  # from here on counted twice


class Cores:
    """Samples what processes use while a block runs.

    Args:
        pids: processes by the name that they are told apart by.
        every_s: seconds between samples.
    """

    def __init__(self, pids: Mapping[str, Sequence[int]], every_s: float = 1.0) -> None:
        self._pids = pids
        self._every_s = every_s
        self._samples: list[tuple[int, dict[str, float]]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def between(self, start_ns: int, end_ns: int) -> dict[str, float]:
        """Return cores used by name, on average between two monotonic instants.

        `others` is the rest of the machine, `stolen` what its host gave to somebody
        else. Instants are rounded to the next sample; nothing is known outside of them.
        """
        first = next((s for s in self._samples if s[0] >= start_ns), None)
        last = next((s for s in self._samples if s[0] >= end_ns), None)
        if first is None or last is None or first[0] == last[0]:
            return {}
        seconds = (last[0] - first[0]) / 1e9
        return {name: (last[1][name] - first[1][name]) / seconds for name in first[1]}

    def _sample(self) -> None:
        while not self._ended.is_set():
            self._samples.append((time.monotonic_ns(), self._used()))
            self._ended.wait(self._every_s)

    def _used(self) -> dict[str, float]:
        used = {name: _alive(pids) for name, pids in self._pids.items()}
        busy, stolen = _machine()
        return used | {"others": busy - sum(used.values()), "stolen": stolen}


def told(cores: Mapping[str, float]) -> str:
    """Return cores used as one line."""
    return ", ".join(f"{name} {used:.2f}" for name, used in cores.items())


def _alive(pids: Sequence[int]) -> float:
    """Return CPU seconds; 0 after an end."""
    try:
        return cpu_seconds(pids)
    except OSError:
        return 0.0


def _machine() -> tuple[float, float]:
    """Return CPU seconds that the machine was busy, and that were stolen from it."""
    first = Path("/proc/stat").read_text("utf-8").partition("\n")[0]
    ticks = [int(field) for field in first.split()[1:]]
    busy = sum(ticks[:_GUEST]) - sum(ticks[n] for n in (*_IDLE, _STOLEN))
    return busy / TICKS, ticks[_STOLEN] / TICKS
