"""The ids that vectors are kept by, and a vector's way from one order to another."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

DIGEST_CHARACTERS = 12


@dataclass(frozen=True)
class Ids:
    """Ids in column order: what decides the meaning of a stored vector."""

    categories: tuple[str, ...]
    surfaces: tuple[str, ...]
    placements: tuple[str, ...]

    @cached_property
    def digest(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the ids in order."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:DIGEST_CHARACTERS]

    def to_json(self) -> str:
        """Return what `from_json` reads."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "Ids":
        """Return the ids that `to_json` wrote.

        Raises:
            ValueError: it is something else.
        """
        try:
            lists = json.loads(text)
            return cls(**{name: tuple(map(str, ids)) for name, ids in lists.items()})
        except (TypeError, AttributeError) as error:
            raise ValueError(
                f"expected lists of categories, surfaces and placements: {error}"
            ) from error


def mapped(
    vectors: npt.NDArray[Any],
    given: Sequence[str],
    wanted: Sequence[str],
    maps: Mapping[str, str] = MappingProxyType({}),
) -> npt.NDArray[Any]:
    """Return vectors [..., len(given)] in the order of `wanted`: [..., len(wanted)].

    Entries that both name keep their value. What is not wanted any more is added to
    the entry that `maps` names for it, or left out; what is new is zero.

    Args:
        vectors: last axis in the order of `given`.
        given: ids of the vectors.
        wanted: ids of the answer.
        maps: retired id -> its home.

    >>> mapped(np.float32([1, 2]), ("a", "b"), ("new", "b", "c"), {"a": "c"})
    array([0., 2., 1.], dtype=float32)
    """
    columns = {name: column for column, name in enumerate(wanted)}
    homes = dict(maps)
    out = np.zeros((*vectors.shape[:-1], len(wanted)), vectors.dtype)
    for column, name in enumerate(given):
        home = columns.get(name if name in columns else homes.get(name, ""))
        if home is not None:
            out[..., home] += vectors[..., column]
    return out
