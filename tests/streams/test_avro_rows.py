"""Columns become the bodies that Avro's own writer writes."""

from io import BytesIO

import fastavro
import numpy as np
import pytest
from hypothesis import given, strategies as st

from streams.columns.avro_columns import (
    Blocks,
    Chosen,
    Doubles,
    Longs,
    MaybeDoubles,
    Pieces,
    Remembered,
    Texts,
)
from streams.columns.avro_rows import rows, rows_in_python, text

SCHEMA = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Row",
        "fields": [
            {"name": "name", "type": "string"},
            {"name": "piece", "type": "string"},
            {"name": "chosen", "type": "string"},
            {"name": "long", "type": "long"},
            {"name": "double", "type": "double"},
            {"name": "maybe", "type": ["null", "double"]},
            {"name": "same", "type": "string"},
            {"name": "block", "type": {"type": "fixed", "name": "B", "size": 3}},
        ],
    }
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": TEXTS | TEXTS.map(lambda one: one * 100),
            "piece": TEXTS,
            "chosen": TEXTS,
            "long": st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 300),
            "double": st.floats(allow_nan=False),
            "maybe": st.none() | st.floats(allow_nan=False),
            "same": st.just("as ever"),
            "block": st.binary(min_size=3, max_size=3),
        }
    ),
    max_size=5,
)


def columns_of(records):
    def column(name):
        return [record[name] for record in records]

    table = sorted({text(one) for one in column("chosen")})
    maybe = [np.nan if one is None else one for one in column("maybe")]
    blocks = np.frombuffer(b"".join(column("block")), np.uint8).reshape(-1, 3)
    return [
        Texts(column("name")),
        Pieces([text(one) for one in column("piece")]),
        Chosen(
            table,
            np.array([table.index(text(one)) for one in column("chosen")], np.int64),
        ),
        Longs(np.array(column("long"), np.int64)),
        Doubles(np.array(column("double"), np.float64)),
        MaybeDoubles(np.array(maybe, np.float64)),
        text("as ever"),
        Blocks(blocks),
    ]


@given(ROWS)
def test_bodies_are_those_of_avros_own_writer(records):
    expected = []
    for record in records:
        body = BytesIO()
        fastavro.schemaless_writer(body, SCHEMA, record)
        expected.append(body.getvalue())
    assert rows(len(records), columns_of(records)) == expected
    assert rows_in_python(len(records), columns_of(records)) == expected


def test_no_columns_are_empty_bodies_and_no_rows_none():
    assert rows(2, []) == [b"", b""]
    assert rows(0, [b"x", Texts([])]) == []


@pytest.mark.parametrize(
    "column",
    [
        Texts(["a"]),
        Pieces([b"a"] * 3),
        Longs(np.zeros(1, np.int64)),
        Doubles(np.zeros(3)),
        Blocks(np.zeros((1, 2), np.uint8)),
        Chosen([b"a"], np.array([0, 1])),
        Chosen([b"a"], np.array([0, -1])),
        Chosen([], np.array([0, 0])),
    ],
)
def test_columns_that_do_not_fit_are_refused(column):
    with pytest.raises(ValueError, match=r"expected 2 rows|outside a table"):
        rows(2, [column])


def test_what_is_no_text_is_refused():
    with pytest.raises(UnicodeEncodeError):
        rows(1, [Texts(["\ud800"])])
    with pytest.raises((TypeError, AttributeError)):
        rows(1, [Texts([None])])
    with pytest.raises(TypeError):
        rows(1, [Pieces(["text"])])


def test_pieces_are_made_once_and_never_too_many():
    made = []

    def make(key):
        made.append(key)
        return text(key)

    pieces = Remembered(make, limit=2)
    assert [pieces[key] for key in "aabab"] == [text(key) for key in "aabab"]
    assert made == ["a", "b"]
    assert pieces["c"] == text("c")
    assert len(pieces) == 1
