"""Seconds -> how many hostile inputs the compiled code took, and whether it crashed.

    python -m tests.fuzz [SECONDS] [--seed N] [--json]

The compiled modules are built once more with gcc's AddressSanitizer and
UndefinedBehaviorSanitizer, into build/fuzz, and fed in a process of their own: a read
or a write beyond a buffer ends it, with a report on stderr and in the exit status.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz.build import ROOT, build, missing, runtime


def main() -> int:
    """Build, run, print the counts; return 1 after a crash."""
    wanted = _arguments()
    if reason := missing():
        print(f"cannot fuzz: {reason}", file=sys.stderr)
        return 2
    ended = _run(build(), wanted.seconds, wanted.seed)
    lines = ended.stdout.splitlines()
    counts = json.loads(lines[-1]) if lines else {}
    counts["crashes"] = int(ended.returncode != 0)
    if wanted.json:
        print(json.dumps(counts))
    else:
        print("\n".join(f"{name:>16} {n:>12,}" for name, n in counts.items()))
    return int(ended.returncode != 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def _run(modules: Path, seconds: float, seed: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child", modules, str(seconds), str(seed)],
        cwd=ROOT,
        env={
            **os.environ,
            "LD_PRELOAD": " ".join(map(runtime, ("libasan.so", "libubsan.so"))),
            # The interpreter itself keeps what it has to the end.
            "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONMALLOC": "malloc",
            "OPENBLAS_NUM_THREADS": "1",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main())
