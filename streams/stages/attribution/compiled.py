"""The compiled table of impressions: None where the build had no compiler."""

import importlib
from typing import Any


def _table() -> Any:
    try:
        module = importlib.import_module("streams.stages.attribution._impressions")
    except ImportError:
        return None
    return module.Impressions


IMPRESSIONS = _table()
"""The twin of `impressions.Impressions`."""
