"""`/metrics` of the workers -> records in and out of each stage, model swaps."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

PROBE_S = 2.0


@dataclass
class StageCounts:
    """What the workers counted since they started."""

    stages: dict[str, dict[str, int]] = field(default_factory=dict)
    swaps: int = 0


def read_counts(ports: Mapping[str, int]) -> StageCounts:
    """Return the counts of the workers that answer on loopback."""
    counts = StageCounts()
    for port in ports.values():
        for name, labels, value in _samples(port):
            if name == "adloom_model_swaps":
                counts.swaps = max(counts.swaps, int(value))
            direction = {
                "adloom_stage_records_in_total": "in",
                "adloom_stage_records_out_total": "out",
            }.get(name)
            if direction is not None:
                stage = counts.stages.setdefault(labels["stage"], {"in": 0, "out": 0})
                stage[direction] += int(value)
    return counts


def _samples(port: int) -> list[tuple[str, Mapping[str, str], float]]:
    try:
        url = f"http://127.0.0.1:{port}/metrics"
        with urllib.request.urlopen(url, timeout=PROBE_S) as response:
            text = response.read().decode()
    except (urllib.error.URLError, OSError):
        return []
    return [
        (sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
