"""Which compiled modules there are: None where the build had no compiler.

`python -m streams.columns.compiled` fails when one is missing.
"""

import importlib
import sys
from pathlib import Path
from types import ModuleType


def module(name: str) -> ModuleType | None:
    """Return a compiled module by its full name, None when it was not built."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


DECODE = module("streams.columns._decode")
"""The twin of `decode`."""

KEYS = module("streams.columns._keys")
"""The twin of `keys`."""

BATCHES = module("streams.columns._batches")
"""The twin of `batches`."""

STRINGS = module("streams.columns._strings")
"""The twin of `strings`."""

AVRO_ROWS = module("streams.columns._avro_rows")
"""The twin of `avro_rows`."""

DIGESTS = module("streams.columns._digests")
"""The twin of `digests`."""

# Modules of stages come last: their packages import those above.
STATE = module("streams.stages.preferences._state")
"""The twins of `key_index`, `window`, `fold` and `changelog`."""

WORTH = module("streams.stages.creatives._worth")
"""The twin of `worth`."""


PACKAGE = Path(__file__).parent.parent
_NAMES = sorted(
    ".".join(source.relative_to(PACKAGE.parent).with_suffix("").parts)
    for source in PACKAGE.rglob("*.pyx")
)


def missing() -> list[str]:
    """Return the names of the modules that were not built."""
    return [name for name in _NAMES if module(name) is None]


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
