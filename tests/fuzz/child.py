"""Folder of sanitized modules, seconds, seed -> `feed`, which then uses them.

The process that `__main__` starts: the package's path is changed before anything of the
hot path is imported.
"""

import importlib
import sys

from tests.fuzz.build import MODULES


def main(folder: str, seconds: float, seed: int) -> None:
    """Feed the modules in a folder.

    Raises:
        RuntimeError: others were loaded.
    """
    package = importlib.import_module("streams.core.columnar")
    package.__path__.insert(0, folder)
    for name in MODULES:
        module = importlib.import_module(f"streams.core.columnar.{name}")
        if not str(module.__file__).startswith(folder):
            raise RuntimeError(f"expected a module of {folder}, got {module}")
    importlib.import_module("tests.fuzz.feed").main(seconds, seed)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
