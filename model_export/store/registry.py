"""Model versions <-> object store: immutable files, digests, append-only promotion log.

    <store>/<name>/<version>/card.json …      written first: it claims the number
    <store>/<name>/<version>/MANIFEST.sha256  written last: without it, no version
    <store>/<name>/log/00000001.json          promotions and rollbacks, never changed
    <store>/<name>/<version>/learnt/<sha256>  posteriors that its critic came to later

Every object is created once and never written again, so a kill between any two writes
leaves either a whole version or an unused number. Versions are read only through their
manifest, and every byte is checked against it before it is used.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal

from model_export.store.champion import LogEntry, Version
from model_export.store.object_store import Objects, RegistryError

__all__ = ["LogEntry", "Registry", "RegistryError", "Version"]

MANIFEST = "MANIFEST.sha256"
CARD = "card.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_MANIFEST_LINE = re.compile(r"([0-9a-f]{64})  (\S+)")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LEARNT = "learnt"
_MAX_TRIES = 100


class Registry:
    """The model registry in a folder or a bucket.

    Args:
        store: a folder, or an address that obstore knows, such as s3://bucket/models.

    Raises:
        RegistryError: the address cannot be opened.
    """

    def __init__(self, store: str) -> None:
        self._objects = Objects(store)

    def versions(self, name: str) -> list[int]:
        """Return the complete versions of a model, oldest first."""
        return sorted(
            number
            for number in self._objects.numbers(_valid_name(name))
            if self._objects.exists(f"{name}/{number}/{MANIFEST}")
        )

    def add(
        self, name: str, files: Mapping[str, bytes], card: Mapping[str, Any]
    ) -> Version:
        """Store a new version and return it.

        The card gets the model's name, the version number and the digest of each
        file. Two writers at once get two numbers.

        Raises:
            RegistryError: a name is not allowed, or the store failed.
        """
        _valid_name(name)
        for file in files:
            if file in (MANIFEST, CARD) or not _FILE.fullmatch(file):
                raise RegistryError(f"{file!r}: not a file name for a model version")
        digests = {file: _sha256(content) for file, content in sorted(files.items())}
        number, card_bytes = self._claim(name, {**card, "files": digests})
        folder = f"{name}/{number}"
        for file, content in files.items():
            self._objects.create(f"{folder}/{file}", content)
        digests[CARD] = _sha256(card_bytes)
        manifest = "".join(
            f"{digest}  {file}\n" for file, digest in sorted(digests.items())
        ).encode()
        self._objects.create(f"{folder}/{MANIFEST}", manifest)
        return Version(name, number, _sha256(manifest))

    def find(self, name: str, version: int) -> Version:
        """Return a complete version.

        Raises:
            RegistryError: there is no such version.
        """
        return Version(name, version, _sha256(self._manifest(name, version)))

    def read(
        self, name: str, version: int, expected_sha256: str | None = None
    ) -> dict[str, bytes]:
        """Return the files of a version, each checked against its digest.

        Args:
            name: model.
            version: version number.
            expected_sha256: digest that the manifest must have; None accepts any.

        Raises:
            RegistryError: no such version, or a byte of it is not what was added.
        """
        manifest = self._manifest(name, version)
        digest = _sha256(manifest)
        if expected_sha256 is not None and digest != expected_sha256:
            raise RegistryError(
                f"{name} {version}: expected the manifest {expected_sha256}, got "
                f"{digest}; the version was changed after its release, do not use it"
            )
        files = {}
        for line in manifest.decode("ascii", "replace").splitlines():
            match = _MANIFEST_LINE.fullmatch(line)
            if match is None or not _FILE.fullmatch(match[2]):
                raise RegistryError(f"{name} {version}: bad manifest line {line!r}")
            content = self._objects.get(f"{name}/{version}/{match[2]}")
            if _sha256(content) != match[1]:
                raise RegistryError(
                    f"{name} {version}: {match[2]} does not have the digest "
                    f"{match[1]} of its manifest; do not use it"
                )
            files[match[2]] = content
        return files

    def add_posterior(self, name: str, version: int, content: bytes) -> str:
        """Keep what a version's critic has come to; return its digest.

        Raises:
            RegistryError: the store failed.
        """
        digest = _sha256(content)
        self._objects.try_create(_posterior(name, version, digest), content)
        return digest

    def posterior(self, name: str, version: int, sha256: str) -> bytes:
        """Return what `add_posterior` was given.

        Raises:
            RegistryError: it is not there any more, or not what was added.
        """
        if not _DIGEST.fullmatch(sha256):
            raise RegistryError(f"{sha256[:80]!r}: expected a SHA-256 digest")
        content = self._objects.get(_posterior(name, version, sha256))
        digest = _sha256(content)
        if digest != sha256:
            raise RegistryError(
                f"{name} {version}: expected the posterior {sha256}, got {digest}; it "
                "was changed after it was announced, do not use it"
            )
        return content

    def forget_posteriors(self, name: str, before: int) -> int:
        """Delete the posteriors of all versions that are older; return how many.

        Args:
            name: model.
            before: epoch ms.
        """
        instant = datetime.fromtimestamp(before / 1000, UTC)
        old = [
            meta["path"]
            for number in self._objects.numbers(_valid_name(name))
            for meta in self._objects.metas(f"{name}/{number}/{_LEARNT}")
            if meta["last_modified"] < instant
        ]
        self._objects.delete(old)
        return len(old)

    def card(self, name: str, version: int) -> dict[str, Any]:
        """Return a version's model card; every file is checked on the way.

        Raises:
            RegistryError: no such version, or it cannot be trusted.
        """
        try:
            card: dict[str, Any] = json.loads(self.read(name, version)[CARD])
        except (KeyError, ValueError) as error:
            raise RegistryError(f"{name} {version}: no readable {CARD}") from error
        return card

    def log(self, name: str) -> list[LogEntry]:
        """Return the promotion log, oldest first.

        Raises:
            RegistryError: an entry cannot be read.
        """
        entries = []
        for path in sorted(self._objects.paths(f"{_valid_name(name)}/log")):
            try:
                entries.append(LogEntry(**json.loads(self._objects.get(path))))
            except (TypeError, ValueError) as error:
                raise RegistryError(f"{path}: not a log entry: {error}") from error
        return entries

    def champion(self, name: str) -> Version | None:
        """Return the version that serves, or None when none was promoted."""
        entries = self.log(name)
        if not entries:
            return None
        return Version(name, entries[-1].version, entries[-1].sha256)

    def promote(
        self, name: str, version: int, *, at: int, reason: str, first: bool = False
    ) -> LogEntry:
        """Make a version the champion.

        Args:
            name: model.
            version: version number.
            at: epoch ms.
            reason: in words.
            first: only when there is no champion yet.

        Raises:
            RegistryError: no such version, its card says that a gate refused it, or
                `first` and there is a champion.
        """
        found = self.find(name, version)
        if self.card(name, version).get("passed") is False:
            raise RegistryError(
                f"{name} {version}: a gate refused it; see its {CARD}, promote another"
            )
        return self._append(name, "promote", found, at, reason, first=first)

    def rollback(self, name: str, *, at: int, reason: str) -> LogEntry:
        """Make the champion before this one the champion again.

        Raises:
            RegistryError: there was none before.
        """
        reigns: list[Version] = []
        for entry in self.log(name):
            if entry.action == "promote":
                reigns.append(Version(name, entry.version, entry.sha256))
            else:
                reigns.pop()
        if len(reigns) < 2:  # noqa: PLR2004  # this champion and the one before
            raise RegistryError(f"{name}: no champion before this one to go back to")
        return self._append(name, "rollback", reigns[-2], at, reason)

    def _append(
        self,
        name: str,
        action: Literal["promote", "rollback"],
        version: Version,
        at: int,
        reason: str,
        *,
        first: bool = False,
    ) -> LogEntry:
        for _ in range(_MAX_TRIES):
            number = 1 + len(self._objects.paths(f"{name}/log"))
            if first and number > 1:
                raise RegistryError(f"{name}: has a champion already")
            entry = LogEntry(
                number, action, version.version, version.sha256, at, reason
            )
            content = json.dumps(asdict(entry)).encode()
            if self._objects.try_create(f"{name}/log/{number:08d}.json", content):
                return entry
        raise RegistryError(f"{name}: the promotion log is too busy; try again")

    def _claim(self, name: str, card: Mapping[str, Any]) -> tuple[int, bytes]:
        """Create the card of the next free number: who creates it owns the number."""
        for _ in range(_MAX_TRIES):
            number = 1 + max(self._objects.numbers(name), default=0)
            full = {"name": name, "version": number, **card}
            content = json.dumps(full, indent=2, ensure_ascii=False).encode()
            if self._objects.try_create(f"{name}/{number}/{CARD}", content):
                return number, content
        raise RegistryError(f"{name}: too many writers at once; try again")

    def _manifest(self, name: str, version: int) -> bytes:
        if version < 1:
            raise RegistryError(f"{name} {version}: versions count from 1")
        return self._objects.get(f"{_valid_name(name)}/{version}/{MANIFEST}")


def _valid_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise RegistryError(
            f"{name!r}: expected a model name of lower-case letters, digits and dashes"
        )
    return name


def _posterior(name: str, version: int, sha256: str) -> str:
    return f"{_valid_name(name)}/{int(version)}/{_LEARNT}/{sha256}"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
