"""Ids of every vocabulary that was ever used <-> the model store.

    <store>/vocabularies/<digest>.json    created once, never changed

A stored vector carries the digest of its vocabulary; here is what it stands for.
"""

from collections.abc import Iterator

from model_export.store.object_store import Objects, RegistryError
from schemas.vocabulary import Ids

__all__ = ["RegistryError", "Vocabularies"]

_FOLDER = "vocabularies"


class Vocabularies:
    """The kept vocabularies of a store.

    Args:
        store: a folder, or an address that obstore knows, such as s3://bucket/models.

    Raises:
        RegistryError: the address cannot be opened.
    """

    def __init__(self, store: str) -> None:
        self._objects = Objects(store)
        self._read: dict[str, Ids] = {}

    def keep(self, ids: Ids) -> None:
        """Keep the ids of a vocabulary; what is there already stays as it is."""
        path = f"{_FOLDER}/{ids.digest}.json"
        self._objects.try_create(path, ids.to_json().encode())

    def all(self) -> Iterator[Ids]:
        """Yield what was kept.

        Raises:
            RegistryError: an object is not what was kept under its name.
        """
        for path in sorted(self._objects.paths(_FOLDER)):
            if path not in self._read:
                self._read[path] = self._get(path)
            yield self._read[path]

    def _get(self, path: str) -> Ids:
        try:
            ids = Ids.from_json(self._objects.get(path).decode())
        except ValueError as error:
            raise RegistryError(f"{path}: no vocabulary: {error}") from error
        if path != f"{_FOLDER}/{ids.digest}.json":
            raise RegistryError(
                f"{path}: holds the vocabulary {ids.digest}; it was changed, restore it"
            )
        return ids
