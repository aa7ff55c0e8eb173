"""The compiled requests kernels: None where the build had no compiler."""

import importlib
from types import ModuleType


def _module() -> ModuleType | None:
    try:
        return importlib.import_module("streams.stages.requests._requests")
    except ImportError:
        return None


REQUESTS = _module()
