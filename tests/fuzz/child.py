"""Folder of sanitized modules, seconds, seed -> `feed`, which then uses them.

The process that `__main__` starts: the package's path is changed before anything of the
hot path is imported.
"""

import importlib
import sys

from tests.fuzz.build import SOURCES


def main(folder: str, seconds: float, seed: int) -> None:
    """Feed the modules in a folder.

    Raises:
        RuntimeError: others were loaded.
    """
    for source in SOURCES:
        package = importlib.import_module(".".join(source.parent.parts))
        package.__path__.insert(0, f"{folder}/{source.parent}")
        module = importlib.import_module(".".join(source.with_suffix("").parts))
        if not str(module.__file__).startswith(folder):
            raise RuntimeError(f"expected a module of {folder}, got {module}")
    importlib.import_module("tests.fuzz.feed").main(seconds, seed)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
