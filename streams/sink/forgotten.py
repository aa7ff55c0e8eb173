"""Arrow rows, who is forgotten -> the rows that may be kept."""

import pyarrow as pa
import pyarrow.compute as pc

from schemas.records import Record
from streams.sink.erasures import Erasures
from streams.sink.tables import instant_names


def admitted(
    erasures: Erasures, record: type[Record], batch: pa.RecordBatch
) -> pa.RecordBatch:
    """Return the rows of a batch that `Erasures.admits`.

    Each person is looked up once a batch, and most of them in a set.
    """
    if not len(erasures):
        return batch
    users = batch.column("user_id").dictionary_encode()
    names = users.dictionary.to_pylist()
    strangers = erasures.strangers(names)
    if len(strangers) == len(names):
        return batch
    doubtful = [number for number, name in enumerate(names) if name not in strangers]
    rows = pc.indices_nonzero(pc.is_in(users.indices, pa.array(doubtful, pa.int32())))
    instants = batch.column(instant_names(record)[0]).cast(pa.int64())
    keep = bytearray(b"\1" * batch.num_rows)
    for row in rows.to_pylist():
        user = names[users.indices[row].as_py()]
        keep[row] = erasures.admits(user, instants[row].as_py())
    return batch.filter(pa.array([bool(flag) for flag in keep]))
