"""Held equal to the ADWIN of river 0.26.1, whose changes were written down: installing
river takes 160 MB, with scipy. `python tests/streams/test_adwin.py` writes them anew
where river is installed."""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from streams.stages.retraining.adwin import Adwin

RECORDED = Path(__file__).with_name("adwin_of_river.json")
N_STREAMS = 60
N_BITS = 5_000


def stream(seed: int) -> tuple[float, Iterator[int]]:
    """Return a confidence, and bits whose rate jumps now and then."""
    generator = random.Random(seed)  # noqa: S311 - the same in every Python
    rates = [generator.random() * generator.choice((0.05, 0.5, 1)) for _ in range(6)]
    lengths = [generator.randrange(N_BITS // 3) for _ in rates]
    bits = (
        int(generator.random() < rate)
        for rate, length in zip(rates, lengths, strict=True)
        for _ in range(length)
    )
    return generator.choice((0.002, 0.02, 0.2, 0.9)), bits


@pytest.mark.parametrize("seed", range(N_STREAMS))
def test_changes_and_windows_are_rivers(seed):
    delta, bits = stream(seed)
    window, found = Adwin(delta), []
    for at, bit in enumerate(bits):
        if window.update(bit):
            found.append([at, int(window.width)])
            window = Adwin(delta)  # as river does

    assert found == json.loads(RECORDED.read_text())[seed]


def test_a_change_leaves_only_what_came_after_it():
    window = Adwin(delta=0.002)
    generator = np.random.default_rng(1)
    assert not any(map(window.update, generator.binomial(1, 0.1, 2_000).tolist()))

    after = generator.binomial(1, 0.6, 1_000).tolist()
    widths = [window.width for bit in after if window.update(bit)]

    assert widths
    assert widths[0] < 500


@pytest.mark.parametrize("bit", [0, 1])
def test_a_constant_stream_has_no_change(bit):
    window = Adwin(delta=0.9)

    assert not any(window.update(bit) for _ in range(3_000))
    assert window.width == 3_000


def changes_of_river(seed: int) -> list[list[int]]:
    """Return bits before each change that river finds, and what its window keeps."""
    from river.drift import ADWIN  # noqa: PLC0415

    delta, bits = stream(seed)
    window, found = ADWIN(delta=delta), []
    for at, bit in enumerate(bits):
        window.update(bit)
        if window.drift_detected:
            found.append([at, int(window.width)])
    return found


if __name__ == "__main__":
    rows = ",\n".join(json.dumps(changes_of_river(seed)) for seed in range(N_STREAMS))
    sys.stdout.write(f"[{rows}]\n")
