"""Which compiled modules there are: None where the build had no compiler.

`python -m streams.core.columnar.compiled` fails when one is missing.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType


def _module(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(f"streams.core.columnar.{name}")
    except ImportError:
        return None


DECODE = _module("_decode")
"""The twin of `decode`."""

STATE = _module("_state")
"""The twins of `key_index`, `window`, `fold` and `changelog`."""

KEYS = _module("_keys")
"""The twin of `keys`."""

BATCHES = _module("_batches")
"""The twin of `batches`."""

STRINGS = _module("_strings")
"""The twin of `strings`."""

AVRO_ROWS = _module("_avro_rows")
"""The twin of `avro_rows`."""

DIGESTS = _module("_digests")
"""The twin of `digests`."""

WORTH = _module("_worth")
"""The twin of `worth`."""


_NAMES = sorted(source.stem for source in Path(__file__).parent.glob("*.pyx"))


def missing() -> list[str]:
    """Return the names of the modules that were not built."""
    return [name for name in _NAMES if _module(name) is None]


def main() -> int:
    """Say what is missing; return the exit status."""
    if missing():
        sys.stderr.write(
            f"not built: {', '.join(missing())}; install a C compiler and Python's "
            "headers, then install adloom again\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
