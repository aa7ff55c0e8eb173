"""The vocabulary: what people like, where ads are shown, in which sizes and languages.

A deployment names its own file by the variable ADLOOM_VOCABULARY; without it the
bundled one counts. A process loads it once. Vectors stored under another vocabulary
are mapped by the ids of their columns, which their digest leads to.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from schemas.vocabulary.content import Category, Placement, Size, Vocabulary
from schemas.vocabulary.file import VocabularyError, parse
from schemas.vocabulary.ids import Ids, mapped

__all__ = [
    "BUNDLED_FILE",
    "VARIABLE",
    "Category",
    "Ids",
    "Placement",
    "Size",
    "Vocabulary",
    "VocabularyError",
    "bundled",
    "deployed",
    "ids_of",
    "known_ids",
    "look_up_with",
    "mapped",
    "mark",
    "named_file",
    "parse",
    "read",
]

VARIABLE = "ADLOOM_VOCABULARY"
BUNDLED_FILE = Path(__file__).parent / "default.toml"

_SOURCES: list[Callable[[], Iterable[Ids]]] = []


def read(path: Path) -> Vocabulary:
    """Return the vocabulary in a file.

    Raises:
        VocabularyError: it cannot be read, or is wrong; a line for each mistake.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise VocabularyError(f"{path}: cannot be read: {error}") from error
    return parse(text, str(path))


@cache
def bundled() -> Vocabulary:
    """Return the bundled vocabulary (64 categories)."""
    return read(BUNDLED_FILE)


@cache
def deployed() -> Vocabulary:
    """Return the vocabulary of this process.

    Raises:
        VocabularyError: the deployment's file cannot be read, or is wrong.
    """
    path = named_file()
    return read(path) if path else bundled()


def named_file() -> Path | None:
    """Return the file that the environment names, or `.env`; None: the bundled one."""
    name = os.environ.get(VARIABLE)
    if name is None and Path(".env").is_file():
        from dotenv import dotenv_values  # noqa: PLC0415 - only where there is a .env

        name = dotenv_values(".env").get(VARIABLE)
    return Path(name) if name else None


def mark() -> str | None:
    """Return what a vector is stored with: the digest; None: the bundled vocabulary."""
    own = deployed().digest
    return None if own == bundled().digest else own


def look_up_with(source: Callable[[], Iterable[Ids]]) -> None:
    """Name a place where the ids of earlier vocabularies are kept."""
    _SOURCES[:] = [source]


def known_ids() -> Iterator[Ids]:
    """Yield the ids of this process, the bundled ones, and those that were kept."""
    yield deployed().ids
    yield bundled().ids
    for source in _SOURCES:
        yield from source()


def ids_of(digest: str | None) -> Ids:
    """Return the ids that a stored vector's digest stands for; None is the first one's.

    Raises:
        VocabularyError: nobody knows the digest.
    """
    if digest is None:
        return bundled().ids
    for ids in known_ids():
        if ids.digest == digest:
            return ids
    raise VocabularyError(
        f"stored under the vocabulary {digest!s:.40}, which is not in the model store: "
        "run `adloom vocabulary keep FILE` with the file of that time"
    )
