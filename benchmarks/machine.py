"""/proc -> what this machine is, and what a process has used of it (Linux)."""

import os
import platform
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12  # after the command's name, proc(5)


def describe() -> str:
    """Return one line on the machine: processor, cores, memory, versions."""
    return (
        f"{processor()}, {os.cpu_count()} cores, {memory_gib():.0f} GiB, "
        f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    )


def memory_gib() -> float:
    """Return the memory that the machine has."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def processor() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.split(":", 1)[1] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.machine()


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return user and system time of processes, all their threads included."""
    ticks = 0
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat").read_text("utf-8")
        fields = stat.rpartition(")")[2].split()
        ticks += int(fields[_UTIME]) + int(fields[_STIME])
    return ticks / TICKS


def resident_bytes(pid: int, *, peak: bool = False) -> int:
    """Return the resident memory of a process, now or at its highest."""
    wanted = "VmHWM:" if peak else "VmRSS:"
    for line in Path(f"/proc/{pid}/status").read_text("utf-8").splitlines():
        if line.startswith(wanted):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(f"process {pid} has ended")


def busy() -> float:
    """Return the load average of the last minute, by core."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)
