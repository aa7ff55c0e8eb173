"""Kernels that a test calls itself, and what its test needs."""

import pytest

from streams.columns.compiled import built, missing

needs_kernels = pytest.mark.skipif(
    bool(missing()),
    reason="needs all kernels: run `python setup.py build_ext --inplace`",
)


def kernel(name):
    """A kernel by its name under `streams`; None where it is not built."""
    return built(f"streams.{name}")
