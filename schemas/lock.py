"""Schema ids without a registry: `schemas.lock` pins every version ever written.

A vocabulary with surfaces of its own has schemas of its own: the pinned ones with other
symbols, under ids that follow from them.
"""

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from schemas.avro import FOLDER, AvroError, with_surfaces
from schemas.records import Record
from schemas.vocabulary import bundled, deployed, known_ids

LOCK_FILE = FOLDER / "schemas.lock"

_FIRST_OWN_ID = 1 << 30
"""Ids from here on are of pinned versions with a deployment's surfaces."""


class LockedIds:
    """Schema ids from the lock file."""

    def __init__(self, path: Path = LOCK_FILE) -> None:
        self._versions: dict[str, dict[int, dict[str, Any]]] = {
            name: {version["id"]: version["schema"] for version in versions}
            for name, versions in json.loads(path.read_text("utf-8")).items()
        }

    def id_of(self, record: type[Record]) -> int:
        """Return the id of the newest pinned version, with the surfaces of here."""
        newest = max(self._versions[record.__name__])
        return self._with_surfaces(record, newest, deployed().surfaces)[0]

    def writer_schema(self, record: type[Record], schema_id: int) -> dict[str, Any]:
        """Return the pinned version with that id, or raise `AvroError`."""
        versions = self._versions[record.__name__]
        if schema_id in versions:
            return versions[schema_id]
        if schema_id >= _FIRST_OWN_ID:
            for surfaces in {ids.surfaces for ids in known_ids()}:
                for version in versions:
                    found, schema = self._with_surfaces(record, version, surfaces)
                    if found == schema_id:
                        return schema
        raise AvroError(
            f"unknown schema id {schema_id} for {record.__name__}: "
            f"expected one of {sorted(versions)}, or of a vocabulary that was kept "
            "(`adloom vocabulary keep FILE`)"
        )

    def _with_surfaces(
        self, record: type[Record], version: int, surfaces: Sequence[str]
    ) -> tuple[int, dict[str, Any]]:
        """Return a version's schema with these surfaces, and its id."""
        pinned = self._versions[record.__name__][version]
        schema: dict[str, Any] = with_surfaces(pinned, surfaces)
        if schema == pinned or tuple(surfaces) == bundled().surfaces:
            return version, pinned
        content = json.dumps([version, list(surfaces)]).encode()
        return _FIRST_OWN_ID | zlib.crc32(content) & (_FIRST_OWN_ID - 1), schema
