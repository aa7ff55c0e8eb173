"""The compiled modules: built when there is a compiler, else their pure twins run."""

from setuptools import Extension, setup

MODULES = (
    "_decode",
    "_state",
    "_keys",
    "_batches",
    "_impressions",
    "_strings",
    "_requests",
    "_avro_rows",
    "_digests",
    "_worth",
)


def extensions() -> list[Extension]:
    """Return the modules to build; none without Cython."""
    try:
        from Cython.Build import cythonize  # noqa: PLC0415 - it may be absent
    except ImportError:
        return []
    built: list[Extension] = cythonize(
        [
            Extension(
                f"streams.core.columnar.{name}",
                [f"streams/core/columnar/{name}.pyx"],
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
