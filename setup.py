"""The compiled modules: built when there is a compiler, else their pure twins run."""

from pathlib import Path

from setuptools import Extension, setup

PACKAGE = Path("streams", "core", "columnar")
MODULES = sorted(source.stem for source in PACKAGE.glob("*.pyx"))


def extensions() -> list[Extension]:
    """Return the modules to build; none without Cython."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - it may be absent
    except ImportError:
        return []
    built: list[Extension] = cythonize(
        [
            Extension(
                ".".join((*PACKAGE.parts, name)),
                [str(PACKAGE / f"{name}.pyx")],
                extra_compile_args=["-O3", "-ffp-contract=off"],
                optional=True,
            )
            for name in MODULES
        ],
        build_dir="build/cython",
        language_level=3,
    )
    return built


setup(ext_modules=extensions())
