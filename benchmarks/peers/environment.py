"""var/bench/venv: the Python peers' packages, apart from the product's own.

They disagree about versions among themselves and with us, so they get an environment
of their own, made at the first use and kept.
"""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmarks.figures import UnavailableError

PACKAGES = (
    "bytewax==0.21.1",
    "confluent-kafka",
    "fastavro",
    "faust-streaming==0.15.3",
    "numpy",
    "pathway==0.33.0",
    "quixstreams==3.28.1",
)
"""confluent-kafka is the newest that Quix Streams allows."""


def peer_python(folder: Path, imports: Iterable[str]) -> Path:
    """Return the interpreter of the peers' environment, which has these modules.

    Args:
        folder: of all benchmark data.
        imports: modules that must be importable.

    Raises:
        UnavailableError: a package cannot be installed; names the command.
    """
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        _run([sys.executable, "-m", "venv", str(folder / "venv")])
    missing = [name for name in imports if not _has(python, name)]
    if missing:
        _run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES])
        missing = [name for name in missing if not _has(python, name)]
    if missing:
        raise UnavailableError(
            f"not installed: {', '.join(missing)}; run {python} -m pip install "
            + " ".join(PACKAGES)
        )
    return python


def _has(python: Path, module: str) -> bool:
    check = f"from importlib.util import find_spec as f; exit(f({module!r}) is None)"
    command = [str(python), "-c", check]
    return subprocess.run(command, check=False).returncode == 0


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, stdout=sys.stderr, stderr=sys.stderr)
    if done.returncode:
        raise UnavailableError(f"failed: {' '.join(command)}")
