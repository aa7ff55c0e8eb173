"""The compiled kernels: built when there is a compiler, else their references run."""

from pathlib import Path

from setuptools import Extension, setup

SOURCES = sorted(Path("streams").rglob("*.pyx"))
INCLUDED = ["streams/columns"]
"""Folders of parts that several kernels include."""


def extensions() -> list[Extension]:
    """Return the modules to build; none without Cython."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - it may be absent
    except ImportError:
        return []
    built: list[Extension] = cythonize(
        [
            Extension(
                ".".join(source.with_suffix("").parts),
                [str(source)],
                extra_compile_args=["-O3", "-ffp-contract=off"],
                optional=True,
            )
            for source in SOURCES
        ],
        build_dir="build/cython",
        include_path=INCLUDED,
        language_level=3,
    )
    return built


setup(ext_modules=extensions())
