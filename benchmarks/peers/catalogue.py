"""Peers by name -> how each is started, what it needs, what it reported."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.brokers import ROOT
from benchmarks.dataset.events import KINDS
from benchmarks.dataset.reference import HALF_LIFE_S, Reference
from benchmarks.figures import UnavailableError
from benchmarks.peers.environment import peer_python
from benchmarks.peers.java import java_command
from benchmarks.session import Loaded, Options
from benchmarks.timing import Rates
from benchmarks.workers import CHECKPOINT_MS
from schemas.vocabulary import deployed
from streams.columns.rules import KIND_WEIGHTS
from streams.runtime import die_with_parent

LIMIT_S = 900
TOTAL_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Peer:
    """One alternative."""

    name: str
    command: Callable[[Options], list[str]]
    """Raises UnavailableError when something is missing."""
    max_events: int | None = None
    """Of a peer that is too slow for the whole dataset."""
    keeps_state: bool = True


@dataclass(frozen=True)
class PeerRun:
    """What a peer did."""

    rates: Rates
    facts: dict[str, Any]


def python_peer(module: str, *packages: str) -> Callable[[Options], list[str]]:
    """Return how a script of `benchmarks.peers` runs in the peers' environment."""

    def command(options: Options) -> list[str]:
        python = peer_python(options.folder, packages)
        return [str(python), "-m", f"benchmarks.peers.{module}"]

    return command


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("flink", lambda options: java_command("flink", options.folder)),
        Peer(
            "kafka-streams",
            lambda options: java_command("kafka-streams", options.folder),
        ),
        Peer("pathway", python_peer("pathway_peer", "pathway")),
        Peer("bytewax", python_peer("bytewax_peer", "bytewax", "confluent_kafka")),
        Peer("quix-streams", python_peer("quix_peer", "quixstreams")),
        Peer("confluent-kafka-loop", python_peer("loop_peer", "confluent_kafka")),
        Peer("faust", python_peer("faust_peer", "faust"), max_events=20_000),
        Peer(
            "consume-only",
            python_peer("consume_peer", "confluent_kafka"),
            keeps_state=False,
        ),
    )
}


def run_peer(
    peer: Peer, loaded: Loaded, options: Options, folder: Path, expected: Reference
) -> PeerRun:
    """Run a peer on a loaded dataset and check the state that it ends with.

    Raises:
        UnavailableError: something that it needs is missing.
        RuntimeError: it failed, or its state is not the reference.
    """
    command = [*peer.command(options), *_arguments(loaded, folder)]
    executable = shutil.which(command[0])
    if executable is None:
        raise UnavailableError(f"{peer.name}: no {command[0]}")
    log = folder / "peer.log"
    with log.open("wb") as errors:
        done = subprocess.run(
            die_with_parent.command(executable, *command[1:]),
            cwd=folder,
            env={**_environment(), "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            timeout=LIMIT_S,
            check=False,
        )
    lines = done.stdout.decode().strip().splitlines()
    if done.returncode or not lines or not lines[-1].startswith("{"):
        raise RuntimeError(f"{peer.name} failed ({done.returncode}); see {log}")
    facts = json.loads(lines[-1])
    if peer.keeps_state:
        _check(peer.name, facts, expected)
    names = ("events_s", "cpu_per_million", "warm_events_s", "warm_cpu_per_million")
    return PeerRun(Rates(*(facts.pop(name) for name in names)), facts)


def _check(name: str, facts: dict[str, Any], expected: Reference) -> None:
    """Compare the number of users and the sum of their weights."""
    allowed = TOTAL_TOLERANCE * max(1.0, abs(expected.total))
    differs = abs(facts["total"] - expected.total) > allowed
    if facts["n_users"] != expected.n_users or differs:
        raise RuntimeError(
            f"{name}: expected {expected.n_users:,} users of {expected.total:.3f} in "
            f"all, got {facts['n_users']:,} of {facts['total']:.3f}"
        )


def _arguments(loaded: Loaded, folder: Path) -> Sequence[str]:
    weights = ",".join(str(KIND_WEIGHTS[kind]) for kind in KINDS)
    return (
        f"bootstrap={loaded.bootstrap}",
        f"topic={loaded.topic}",
        f"group={folder.name}",
        f"n_events={loaded.dataset.spec.n_events}",
        f"n_partitions={loaded.dataset.spec.n_partitions}",
        f"folder={folder}",
        f"categories={','.join(deployed().categories)}",
        f"kind_weights={weights}",
        f"half_life_s={HALF_LIFE_S}",
        f"checkpoint_ms={CHECKPOINT_MS}",
        f"schema={ROOT / 'schemas' / 'behavior.avsc'}",
    )


def _environment() -> dict[str, str]:
    hidden = ("ADLOOM_", "KAFKA_")
    return {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
