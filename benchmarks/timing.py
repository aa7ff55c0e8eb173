"""Samples of (instant, records, CPU) -> rates over parts of a run.

The first tenth is left out, because it is start-up: both ours and the peers are timed
from 10 % to 100 % of the records, and over the second half ("warm").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

START, HALF = 0.1, 0.5


@dataclass(frozen=True)
class Sample:
    """Where a run was at an instant."""

    at: float
    """Seconds of a monotonic clock."""
    n: float
    """Records so far."""
    cpu: float
    """CPU seconds of the process so far."""


@dataclass(frozen=True)
class Rates:
    """Speed and cost of one run."""

    events_s: float
    cpu_per_million: float
    warm_events_s: float
    warm_cpu_per_million: float


def rates(samples: Sequence[Sample], n_events: int) -> Rates:
    """Return the rates of a run.

    Args:
        samples: in order; the last one is of the end. Between two, progress is taken
            as even.
        n_events: on the topic; the counter of the samples may leave some out (repeats,
            dead letters), so it is read as a share.

    Raises:
        ValueError: the run did not progress.
    """
    counts = np.array([sample.n for sample in samples])
    if len(counts) < 2 or counts[-1] <= 0:  # noqa: PLR2004 - two ends
        raise ValueError("no progress was sampled")
    # The first sample at the end ends the run; later ones only wait for the commit.
    end = int(np.argmax(counts >= counts[-1])) + 1
    counts = counts[:end]
    at = np.array([sample.at for sample in samples[:end]])
    cpu = np.array([sample.cpu for sample in samples[:end]])
    wanted = np.array([START, HALF, 1.0]) * counts[-1]
    t0, t1, t2 = np.interp(wanted, counts, at)
    c0, c1, c2 = np.interp(wanted, counts, cpu)
    n, half = n_events * (1 - START), n_events * (1 - HALF)
    return Rates(
        events_s=n / (t2 - t0),
        cpu_per_million=(c2 - c0) / n * 1e6,
        warm_events_s=half / (t2 - t1),
        warm_cpu_per_million=(c2 - c1) / half * 1e6,
    )
