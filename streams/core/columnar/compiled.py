"""Which compiled modules there are: None where the build had no compiler."""

import importlib
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

STRINGS = _module("_strings")
"""The twin of `strings`."""
