from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from streams.columns.columns import span
from streams.columns.payload import Payload
from streams.columns.plan import NULL
from streams.columns.strings import gather, gather_each
from tests.streams.kernels import kernel, needs_kernels

STRINGS = kernel("columns._strings")


@st.composite
def a_column(draw):
    """Payloads, and spans inside them."""
    contents = draw(st.lists(st.binary(max_size=40), min_size=1, max_size=4))
    starts, spans = [0], []
    for content in contents:
        for _ in range(draw(st.integers(0, 4))):
            first = draw(st.integers(0, len(content)))
            length = draw(st.integers(0, len(content) - first))
            spans.append(draw(st.sampled_from([span(first, length), NULL])))
        starts.append(len(spans))
    payloads = [Payload(content, 0, 0, 0) for content in contents]
    return payloads, np.array(starts, np.int64), np.array(spans, np.int64)


def texts(gathered):
    offsets, content = gathered
    return [content[start:end].tobytes() for start, end in pairwise(offsets)]


@given(a_column())
def test_a_column_holds_what_its_spans_point_at(column):
    payloads, starts, spans = column

    rows = iter(spans.tolist())
    expected = []
    for index, payload in enumerate(payloads):
        for _ in range(starts[index + 1] - starts[index]):
            one = next(rows)
            first, length = (0, 0) if one == NULL else (one >> 24, one & 0xFFFFFF)
            expected.append(payload.records[first : first + length])
    assert texts(gather_each(*column)) == expected


@needs_kernels
@given(a_column())
def test_the_compiled_column_is_the_same(column):
    ours, pure = STRINGS.gather(*column), gather_each(*column)

    assert ours[0].tolist() == pure[0].tolist()
    assert ours[1].tobytes() == pure[1].tobytes()


@pytest.mark.parametrize("one", [span(3, 2), span(5, 0), span(2**30, 1)])
@pytest.mark.parametrize("look", [gather, gather_each])
def test_a_span_outside_its_payload_is_refused(one, look):
    payloads = [Payload(b"abcd", 1, 0, 0)]

    with pytest.raises(ValueError, match="outside"):
        look(payloads, np.array([0, 2]), np.array([span(0, 1), one]))


@needs_kernels
@pytest.mark.parametrize("starts", [[0, 3], [1, 2], [0, 1, 2], [0]])
def test_rows_that_do_not_fit_the_payloads_are_refused(starts):
    with pytest.raises(ValueError, match="expected"):
        STRINGS.gather(
            [Payload(b"abcd", 1, 0, 0)], np.array(starts), np.array([span(0, 1)] * 2)
        )
