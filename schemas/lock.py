"""Schema ids without a registry: `schemas.lock` pins every version ever written."""

import json
from pathlib import Path
from typing import Any

from schemas.avro import FOLDER, AvroError
from schemas.records import Record

LOCK_FILE = FOLDER / "schemas.lock"


class LockedIds:
    """Schema ids from the lock file."""

    def __init__(self, path: Path = LOCK_FILE) -> None:
        self._versions: dict[str, dict[int, dict[str, Any]]] = {
            name: {version["id"]: version["schema"] for version in versions}
            for name, versions in json.loads(path.read_text("utf-8")).items()
        }

    def id_of(self, record: type[Record]) -> int:
        """Return the id of the newest pinned version."""
        return max(self._versions[record.__name__])

    def writer_schema(self, record: type[Record], schema_id: int) -> dict[str, Any]:
        """Return the pinned version with that id, or raise `AvroError`."""
        versions = self._versions[record.__name__]
        if schema_id not in versions:
            raise AvroError(
                f"unknown schema id {schema_id} for {record.__name__}: "
                f"expected one of {sorted(versions)}"
            )
        return versions[schema_id]
