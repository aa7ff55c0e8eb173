"""Name -> a public data set's file: kept outside the repository, never downloaded."""

import os
from pathlib import Path

from benchmarks.brokers import ROOT
from benchmarks.figures import UnavailableError


def data_file(name: str) -> Path:
    """Return a file of ../shared/data, or of the folder that ADLOOM_BENCH_DATA names.

    Raises:
        UnavailableError: it is not there.
    """
    folder = os.environ.get("ADLOOM_BENCH_DATA")
    path = (Path(folder) if folder else ROOT.parent / "shared" / "data") / name
    if not path.is_file():
        raise UnavailableError(
            f"no {name}: expected it in {path.parent}, or set ADLOOM_BENCH_DATA"
        )
    return path
