"""streams/**/*.pyx -> the same modules under AddressSanitizer, apart."""

import shutil
import subprocess
from pathlib import Path

from setuptools import Distribution, Extension

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "fuzz"
SOURCES = tuple(
    sorted(path.relative_to(ROOT) for path in (ROOT / "streams").rglob("*.pyx"))
)
INCLUDED = str(ROOT / "streams" / "columns")
SANITIZERS = "-fsanitize=address,undefined"
FLAGS = (
    SANITIZERS,
    "-fno-sanitize-recover=undefined",
    "-fno-omit-frame-pointer",
    "-ffp-contract=off",
    "-O2",  # after the interpreter's own flags
    "-g1",
    "-w",
)


def missing() -> str | None:
    """Return what the build lacks, or None."""
    if shutil.which("gcc") is None:
        return "gcc is not installed"
    if not Path(runtime("libasan.so")).is_absolute():
        return "libasan is not installed"
    try:
        import Cython  # noqa: F401, PLC0415 - it may be absent
    except ImportError:
        return "Cython is not installed"
    return None


def runtime(library: str) -> str:
    """Return where gcc has a runtime library; its name alone when it has none."""
    asked = ["gcc", f"-print-file-name={library}"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout[:-1]


def build() -> Path:
    """Build the modules; return the folder that holds them."""
    from Cython.Build import cythonize  # noqa: PLC0415 - it may be absent

    extensions = [
        Extension(
            ".".join(source.with_suffix("").parts),
            [str(source)],
            extra_compile_args=list(FLAGS),
            extra_link_args=[SANITIZERS],
        )
        for source in SOURCES
    ]
    distribution = Distribution(
        {
            "name": "adloom-fuzz",
            "ext_modules": cythonize(
                extensions,
                build_dir=str(BUILD / "cython"),
                include_path=[INCLUDED],
                language_level=3,
                quiet=True,
            ),
        }
    )
    command = distribution.get_command_obj("build_ext")
    command.build_lib, command.build_temp = str(BUILD), str(BUILD / "objects")
    command.ensure_finalized()
    command.run()
    return BUILD
