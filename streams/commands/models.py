"""`adloom models …`: versions of a model, what they are, and which one serves.

Promotion and rollback are written to the registry's append-only log first and announced
on ads.model-release.v1 after; workers follow the topic, so the swap is live. Killed
between the two, the command is simply given again: what is logged is not logged twice,
and announced once more.
"""

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_export.store.champion import in_force
from model_export.store.model_files import POSTERIOR
from model_export.store.registry import LogEntry, Registry, RegistryError, Version
from schemas.records import ModelRelease
from streams.errors import StateError
from streams.kafka.connection import Connection, checked_connection
from streams.kafka.producer import BlockingProducer, Sent
from streams.kafka.schema_ids import wire_of
from streams.kafka.topics import MODEL_RELEASE
from streams.runtime.clock import now_ms
from streams.settings import Settings

_COMPARED = (
    "kind",
    "parent_version",
    "created_at",
    "adloom",
    "opset",
    "space",
    "space_sha256",
    "taste",
    "seed",
    "n_examples",
    "n_clicks",
    "calibration_shift",
    "honesty",
    "ranges",
    "learnt_to",
    "metrics",
    "passed",
)
"""Fields of the model card that `diff` compares."""


@dataclass(frozen=True)
class Difference:
    """One thing in which two versions differ."""

    what: str
    before: Any
    after: Any


class Models:
    """The versions of the model that the settings name.

    Args:
        settings: which model, which registry, which broker.

    Raises:
        StateError: the registry cannot be opened.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = settings.model.name
        try:
            self._registry = Registry(settings.model.store)
        except RegistryError as error:
            raise StateError(str(error)) from error

    def listed(self) -> list[dict[str, Any]]:
        """Return a row for each version, oldest first."""
        try:
            log = self._registry.log(self._name)
            return [
                self._row(version, log)
                for version in self._registry.versions(self._name)
            ]
        except RegistryError as error:
            raise StateError(str(error)) from error

    def shown(self, version: int) -> dict[str, Any]:
        """Return a version's model card with its lineage, newest first.

        Raises:
            StateError: no such version, or it cannot be trusted.
        """
        card = self._card(version)
        lineage = [version]
        while (parent := self._card(lineage[-1])["parent_version"]) is not None:
            lineage.append(parent)
        digest = self._registry.find(self._name, version).sha256
        return {**card, "sha256": digest, "lineage": lineage}

    def differences(self, before: int, after: int) -> list[Difference]:
        """Return what differs from one version to another.

        Raises:
            StateError: no such version, or it cannot be trusted.
        """
        cards = [self._card(version) for version in (before, after)]
        found = [
            Difference(field, *(card.get(field) for card in cards))
            for field in _COMPARED
            if cards[0].get(field) != cards[1].get(field)
        ]
        verdicts = [
            {one["gate"]: one["result"] for one in card["verdicts"]} for card in cards
        ]
        found += [
            Difference(f"gate {gate}", *(one.get(gate) for one in verdicts))
            for gate in verdicts[0] | verdicts[1]
            if verdicts[0].get(gate) != verdicts[1].get(gate)
        ]
        files = [card["files"] for card in cards]
        found += [
            Difference(file, *(one.get(file, "")[:12] for one in files))
            for file in files[0] | files[1]
            if files[0].get(file) != files[1].get(file)
        ]
        moved = self._posterior_moved(before, after)
        if moved:
            found.append(Difference("critic's weights, relative change", 0.0, moved))
        return found

    def imported(self, folder: Path, name: str | None, seed: int) -> dict[str, Any]:
        """Add a folder's generator.onnx as a version; return what the gates said.

        A process of its own does it: it needs onnx and torch, which serving does not.

        Raises:
            StateError: it cannot be used; a line for each reason.
        """
        command = [sys.executable, "-m", "model_export", "import", str(folder)]
        command += ["--store", self._settings.model.store, "--seed", str(seed)]
        command += ["--model", name or self._name]
        if self._settings.model.space:
            command += ["--space", str(self._settings.model.space)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
        if done.returncode:
            raise StateError(done.stderr.strip() or "the import wrote no reason")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def promote(self, version: int, reason: str) -> LogEntry | None:
        """Make a version the champion, live; None when it was logged before.

        Raises:
            StateError: no such version, or a gate refused it.
            ConfigurationError, UnavailableError: there is no broker to announce it on.
        """
        connection = checked_connection(self._settings)  # before anything is written
        try:
            champion = self._registry.champion(self._name)
            entry = None
            if champion is None or champion.version != version:
                entry = self._registry.promote(
                    self._name, version, at=now_ms(), reason=reason
                )
            self._announce(self._registry.find(self._name, version), connection)
        except RegistryError as error:
            raise StateError(str(error)) from error
        return entry

    def roll_back(self, reason: str) -> LogEntry:
        """Make the champion before this one the champion again, live.

        Raises:
            StateError: there was none before.
            ConfigurationError, UnavailableError: there is no broker to announce it on.
        """
        connection = checked_connection(self._settings)
        try:
            entry = self._registry.rollback(self._name, at=now_ms(), reason=reason)
            self._announce(Version(self._name, entry.version, entry.sha256), connection)
        except RegistryError as error:
            raise StateError(str(error)) from error
        return entry

    def _row(self, version: int, log: list[LogEntry]) -> dict[str, Any]:
        card = self._registry.card(self._name, version)
        return {
            "version": version,
            "stage": _stage(version, card, log),
            "created_at": card["created_at"],
            "parent_version": card["parent_version"],
            "n_examples": card["n_examples"],
            "n_clicks": card["n_clicks"],
            "passed": card["passed"],
            "sha256": self._registry.find(self._name, version).sha256,
        }

    def _card(self, version: int) -> dict[str, Any]:
        try:
            return self._registry.card(self._name, version)
        except RegistryError as error:
            raise StateError(str(error)) from error

    def _posterior_moved(self, before: int, after: int) -> float | None:
        """Return |after - before| / |before| of the mean draws, where they compare."""
        try:
            files = [self._registry.read(self._name, v) for v in (before, after)]
        except RegistryError as error:
            raise StateError(str(error)) from error
        one, other = (np.frombuffer(each[POSTERIOR], "<f4") for each in files)
        if one.shape != other.shape:
            return None
        length = float(np.linalg.norm(one))
        return float(np.linalg.norm(other - one)) / length if length else None

    def _announce(self, champion: Version, connection: Connection) -> None:
        wire = wire_of(self._settings)
        release = in_force(champion, now_ms())
        value = wire.codec(ModelRelease).encode(release)
        with closing(BlockingProducer(connection, "adloom-models")) as producer:
            producer.send(Sent(wire.name(MODEL_RELEASE), self._name.encode(), value))


def _stage(version: int, card: dict[str, Any], log: list[LogEntry]) -> str:
    """Return champion, former champion, refused or candidate."""
    if log and log[-1].version == version:
        return "champion"
    if any(entry.version == version for entry in log):
        return "former champion"
    return "candidate" if card["passed"] else "refused"
