"""Backward compatibility of Avro schemas: what a new reader makes of old bytes."""

import json
from typing import Any

from avro.compatibility import (
    ReaderWriterCompatibilityChecker,
    SchemaCompatibilityType,
)
from avro.schema import parse


def incompatibilities(reader: dict[str, Any], writer: dict[str, Any]) -> list[str]:
    """Return why `reader` cannot read what `writer` wrote; empty when it can.

    Rules: Avro specification, "Schema Resolution".
    """
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]
    result = checker.get_compatibility(
        parse(json.dumps(reader)), parse(json.dumps(writer))
    )
    if result.compatibility is SchemaCompatibilityType.compatible:
        return []
    return [
        f"{message} (at {location or '/'})"
        for message, location in zip(
            sorted(result.messages), sorted(result.locations), strict=False
        )
    ]
