"""Objects in a folder or a bucket: listed, read, created once, deleted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError
from obstore.store import LocalStore, ObjectStore, from_url

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Longest file that is read: a bound on what a store can make us allocate."""


class RegistryError(Exception):
    """The store does not hold what was asked, or it cannot be trusted."""


class Objects:
    """The objects of a store; every method raises RegistryError when it fails.

    Args:
        store: a folder, or an address that obstore knows, such as s3://bucket/models.

    Raises:
        RegistryError: the address cannot be opened.
    """

    def __init__(self, store: str) -> None:
        self._store = _open(store)

    def numbers(self, name: str) -> list[int]:
        """Return the folders of a folder whose names are numbers."""
        try:
            listing = obstore.list_with_delimiter(self._store, f"{name}/")
        except NotFoundError:
            return []
        except BaseError as error:
            raise RegistryError(f"cannot list {name}: {error}") from error
        folders = (prefix.rstrip("/").split("/")[-1] for prefix in _prefixes(listing))
        return [int(folder) for folder in folders if folder.isdecimal()]

    def paths(self, folder: str) -> list[str]:
        """Return the paths of all objects under a folder."""
        return [meta["path"] for meta in self.metas(folder)]

    def metas(self, folder: str) -> list[Any]:
        """Return path, size and last_modified of all objects under a folder."""
        try:
            pages = obstore.list(self._store, f"{folder}/")
            return [meta for page in pages for meta in page]
        except NotFoundError:
            return []
        except BaseError as error:
            raise RegistryError(f"cannot list {folder}: {error}") from error

    def exists(self, path: str) -> bool:
        """Return whether there is such an object."""
        try:
            obstore.head(self._store, path)
        except (NotFoundError, FileNotFoundError):
            return False
        except BaseError as error:
            raise RegistryError(f"cannot read {path}: {_said(error)}") from error
        return True

    def get(self, path: str) -> bytes:
        """Return an object, of `MAX_FILE_BYTES` at most."""
        try:
            found = obstore.get(self._store, path)
            if found.meta["size"] > MAX_FILE_BYTES:
                raise RegistryError(
                    f"{path}: {found.meta['size']} bytes, expected "
                    f"{MAX_FILE_BYTES} at most"
                )
            return bytes(found.bytes())
        except (NotFoundError, FileNotFoundError) as error:
            raise RegistryError(f"{path}: not in the model store") from error
        except (BaseError, OSError) as error:
            raise RegistryError(f"cannot read {path}: {_said(error)}") from error

    def create(self, path: str, content: bytes) -> None:
        """Write an object that must not be there."""
        if not self.try_create(path, content):
            raise RegistryError(f"{path} exists already; versions never change")

    def try_create(self, path: str, content: bytes) -> bool:
        """Write an object; return False, and change nothing, when it is there."""
        try:
            obstore.put(self._store, path, content, mode="create")
        except (AlreadyExistsError, FileExistsError):
            return False
        except (BaseError, OSError) as error:
            raise RegistryError(f"cannot write {path}: {_said(error)}") from error
        return True

    def delete(self, paths: Sequence[str]) -> None:
        """Delete objects."""
        try:
            obstore.delete(self._store, paths)
        except (BaseError, OSError) as error:
            raise RegistryError(f"cannot delete: {_said(error)}") from error


def _open(store: str) -> ObjectStore:
    try:
        if "://" in store:
            return from_url(store)
        return LocalStore(Path(store).absolute(), mkdir=True)
    except (BaseError, OSError, ValueError) as error:
        raise RegistryError(
            f"cannot open the model store {store}: {_said(error)}"
        ) from error


def _said(error: Exception) -> str:
    """Return the first paragraph of an error: obstore appends its internals."""
    return str(error).split("\n\n", maxsplit=1)[0]


def _prefixes(listing: Any) -> list[str]:
    return list(listing["common_prefixes"])
