"""Arguments `name=value` -> the job that a Python peer does, and how it is timed.

This file is imported by scripts that run in the peers' own environment: it needs numpy
and fastavro only, nothing of the product.
"""

import json
import os
import sys
import time
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
from numpy.typing import NDArray

_MARKS = (0.1, 0.5, 1.0)

READING = {"fetch.message.max.bytes": "4194304", "fetch.queue.backoff.ms": "5"}
"""How librdkafka reads fast: unless told otherwise it waits a second when its queue is
full, four fifths of the time of a reader that does nothing else."""


@dataclass(frozen=True)
class Job:
    """What to do, as the harness says it."""

    bootstrap: str
    topic: str
    group: str
    n_events: int
    n_partitions: int
    folder: Path
    categories: tuple[str, ...]
    kind_weights: tuple[float, ...]
    """In the order of the schema's symbols."""
    half_life_s: float
    checkpoint_ms: int
    schema: Path

    @staticmethod
    def from_arguments(arguments: list[str] | None = None) -> "Job":
        """Read the command line."""
        given = dict(one.split("=", 1) for one in arguments or sys.argv[1:])
        return Job(
            bootstrap=given["bootstrap"],
            topic=given["topic"],
            group=given["group"],
            n_events=int(given["n_events"]),
            n_partitions=int(given["n_partitions"]),
            folder=Path(given["folder"]),
            categories=tuple(given["categories"].split(",")),
            kind_weights=tuple(map(float, given["kind_weights"].split(","))),
            half_life_s=float(given["half_life_s"]),
            checkpoint_ms=int(given["checkpoint_ms"]),
            schema=Path(given["schema"]),
        )

    @cached_property
    def columns(self) -> dict[str, int]:
        """Category -> column."""
        return {category: n for n, category in enumerate(self.categories)}

    @cached_property
    def weights(self) -> dict[str, float]:
        """Kind -> weight."""
        symbols = self._raw["fields"][2]["type"]["symbols"]
        return dict(zip(symbols, self.kind_weights, strict=True))

    @cached_property
    def _raw(self) -> dict[str, Any]:
        raw: dict[str, Any] = json.loads(self.schema.read_text("utf-8"))
        return raw

    @cached_property
    def _parsed(self) -> Any:
        # Without the logical type the instant stays a number: the fastest that
        # fastavro offers (a datetime costs 0.8 us an event).
        raw = json.loads(json.dumps(self._raw))
        raw["fields"][3]["type"] = "long"
        return fastavro.parse_schema(raw)

    def decode(self, message: bytes) -> dict[str, Any]:
        """Return the fields of a framed event."""
        body = BytesIO(message)
        body.seek(5)
        event: dict[str, Any] = fastavro.schemaless_reader(body, self._parsed, None)
        return event


@dataclass
class Progress:
    """Notes when 10 %, 50 % and all of the events are done, and the CPU by then."""

    n_events: int
    n: int = 0
    _marks: list[tuple[float, float, int]] = field(default_factory=list)

    def add(self, n: int = 1) -> bool:
        """Count events; return True once all are done."""
        self.n += n
        while (
            len(self._marks) < len(_MARKS)
            and self.n >= _MARKS[len(self._marks)] * self.n_events
        ):
            self._marks.append((time.monotonic(), time.process_time(), self.n))
        return self.n >= self.n_events

    def report(self, **facts: Any) -> None:
        """Print the result as one line of JSON, the last one of the output."""
        (t0, c0, n0), (t1, c1, n1), (t2, c2, n2) = self._marks
        result = {
            "events_s": (n2 - n0) / (t2 - t0),
            "cpu_per_million": (c2 - c0) / (n2 - n0) * 1e6,
            "warm_events_s": (n2 - n1) / (t2 - t1) if t2 > t1 else None,
            "warm_cpu_per_million": (c2 - c1) / (n2 - n1) * 1e6 if n2 > n1 else None,
            **facts,
        }
        sys.stdout.write("\n" + json.dumps(result) + "\n")
        sys.stdout.flush()
        os._exit(0)  # some frameworks do not end by themselves


@dataclass
class UserWeights:
    """One user's weights as of an instant, for peers that work event by event."""

    at: int
    values: NDArray[np.float32]

    def add(self, column: int, weight: float, at: int, half_life_ms: float) -> None:
        """Fold one event in, in whatever order it comes."""
        if at > self.at:
            self.values *= np.float32(2.0 ** ((self.at - at) / half_life_ms))
            self.at = at
        elif at < self.at:
            weight *= 2.0 ** ((at - self.at) / half_life_ms)
        self.values[column] += np.float32(weight)

    def to_bytes(self) -> bytes:
        """Return 8 bytes of instant and the weights."""
        return self.at.to_bytes(8, "little") + self.values.tobytes()

    @staticmethod
    def from_bytes(content: bytes) -> "UserWeights":
        """Read what `to_bytes` wrote."""
        values = np.frombuffer(content, "<f4", offset=8).copy()
        return UserWeights(int.from_bytes(content[:8], "little"), values)
