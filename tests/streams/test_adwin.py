import numpy as np
import pytest
from hypothesis import given, strategies as st
from river.drift import ADWIN

from streams.stages.retraining.adwin import Adwin


@given(
    seed=st.integers(0, 2**32),
    delta=st.sampled_from([0.002, 0.02, 0.2, 0.9]),
    rates=st.lists(st.floats(0, 1), min_size=1, max_size=4),
)
def test_windows_and_changes_are_rivers(seed, delta, rates):
    generator = np.random.default_rng(seed)
    theirs, ours = ADWIN(delta=delta), Adwin(delta)
    for rate in rates:
        for bit in generator.binomial(1, rate, generator.integers(1_000)).tolist():
            theirs.update(bit)
            changed = ours.update(bit)
            assert (changed, ours.width) == (theirs.drift_detected, theirs.width)
            if changed:  # river starts anew
                ours = Adwin(delta)


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
