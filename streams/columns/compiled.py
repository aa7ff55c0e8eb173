"""Which kernels run: the compiled ones, or the references where they are not built.

`ADLOOM_KERNELS=off` has the references run although the kernels are built.
`python -m streams.columns.compiled` fails when one is missing.
"""

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType

VARIABLE = "ADLOOM_KERNELS"

PACKAGE = Path(__file__).parent.parent
_NAMES = sorted(
    ".".join(source.relative_to(PACKAGE.parent).with_suffix("").parts)
    for source in PACKAGE.rglob("*.pyx")
)


def built(name: str) -> ModuleType | None:
    """Return a kernel by its module's full name; None where its reference has to run.

    Raises:
        ValueError: the environment says neither auto nor off.
    """
    return None if is_off() else _built(name)


def is_off() -> bool:
    """Return whether the environment asks for the references."""
    asked = os.environ.get(VARIABLE, "auto")
    if asked not in {"auto", "off"}:
        raise ValueError(f"{VARIABLE}: expected auto or off, got {asked!r:.40}")
    return asked == "off"


def missing() -> list[str]:
    """Return the names of the kernels that do not run."""
    return [name for name in _NAMES if built(name) is None]


def _built(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None


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
