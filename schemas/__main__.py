"""`python -m schemas [--check]`: pin changed schemas in `schemas.lock`.

A changed .avsc gets a new id once it is backward compatible with every earlier
version; `--check` changes nothing and fails when the lock is behind (CI runs that).
"""

import json
import sys
from typing import Any

from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas.avro import pinned_schema_of
from schemas.compatibility import incompatibilities
from schemas.lock import LOCK_FILE
from schemas.records import RECORDS


def fingerprint_of(schema: dict[str, Any]) -> str:
    """Return the SHA-256 fingerprint of the canonical form (Avro specification)."""
    return fingerprint(to_parsing_canonical_form(schema), "SHA-256")


def updated(lock: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the lock with new versions added, and the reasons against them."""
    problems: list[str] = []
    result = {name: list(versions) for name, versions in lock.items()}
    next_id = 1 + max(
        (version["id"] for versions in lock.values() for version in versions),
        default=0,
    )
    for record in RECORDS:
        schema = pinned_schema_of(record)
        versions = result.setdefault(record.__name__, [])
        if versions and versions[-1]["fingerprint"] == fingerprint_of(schema):
            continue
        for version in versions:
            problems += [
                f"{record.__name__} is not backward compatible with id "
                f"{version['id']}: {problem}"
                for problem in incompatibilities(schema, version["schema"])
            ]
        versions.append(
            {"id": next_id, "fingerprint": fingerprint_of(schema), "schema": schema}
        )
        next_id += 1
    return result, problems


def main(arguments: list[str]) -> int:
    """Update or check the lock file; return the exit status."""
    lock = json.loads(LOCK_FILE.read_text("utf-8")) if LOCK_FILE.exists() else {}
    result, problems = updated(lock)
    if problems:
        sys.stderr.write("\n".join(problems) + "\n")
        return 1
    if "--check" in arguments:
        if result != lock:
            sys.stderr.write("schemas.lock is behind: run python -m schemas\n")
        return int(result != lock)
    LOCK_FILE.write_text(
        json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
