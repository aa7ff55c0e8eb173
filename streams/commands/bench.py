"""`adloom bench …` -> the benchmark programme of the checkout, in a process of its own.

`benchmarks/` is no part of the installed package: it needs the repository, the peers'
sources and room for datasets.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from streams.errors import UnavailableError

CHECKOUT = Path(__file__).resolve().parents[2]


def run(arguments: Sequence[str]) -> int:
    """Run `python -m benchmarks` with these arguments; return its exit status.

    Raises:
        UnavailableError: this installation is no checkout.
    """
    if not (CHECKOUT / "benchmarks" / "__main__.py").exists():
        raise UnavailableError(
            f"no benchmarks in {CHECKOUT}: `adloom bench` runs in a checkout of the "
            "repository, installed with `pip install --editable`"
        )
    return subprocess.run(  # noqa: S603 - our own programme
        [sys.executable, "-m", "benchmarks", *arguments], cwd=CHECKOUT, check=False
    ).returncode
