"""Record batches of a flat record -> Arrow record batches, and what the codec judges.

Flat are records of primitives, enums, arrays of longs and designs: most of the volume.
What the fast decoder does not vouch for goes through the codec, record by record, as it
would without this; so do records that this stage doubts.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.avro import SchemaIds
from schemas.records import Behavior, Feedback, Preference, Record
from schemas.vocabulary import VocabularyError, ids_of
from streams.admission.checks import MAX_CONDITIONS
from streams.columns.columns import Columns
from streams.columns.decoder import Decoder
from streams.columns.payload import Payload
from streams.columns.vocabulary import FIELD
from streams.kafka.batch_header import CorruptBatchError
from streams.kafka.fetched import TP
from streams.kafka.messages import Message, messages
from streams.kafka.record_batches import RecordSet
from streams.sink.arrow import ArrowColumns
from streams.sink.tables import LATEST_INSTANT, instant_names

FLAT: tuple[type[Record], ...] = (Behavior, Preference, Feedback)
"""Records that are read as columns; each is keyed by its user."""

GROUP_RECORDS = 8_192
"""Records decoded at once: their columns stay in the processor's cache."""

GROUP_BYTES = 16 * 1024 * 1024

Flags = npt.NDArray[np.bool_]


@dataclass
class Rows:
    """What came of a record set."""

    batches: list[pa.RecordBatch] = field(default_factory=list)
    """In offset order."""
    odd: list[Message] = field(default_factory=list)
    """What the codec has to judge."""
    n_broken: int = 0
    """Record batches whose records end in nonsense: the rest of each is lost."""


class FlatReader:
    """Reads record sets of one flat record.

    Args:
        record: one of `FLAT`.
        ids: where writer schemas come from.
    """

    def __init__(self, record: type[Record], ids: SchemaIds) -> None:
        self._arrow = ArrowColumns(record)
        self._decoder = Decoder(record, ids, self._arrow.names, key="user_id")
        self._instants = instant_names(record)
        self._doubts = _DOUBTS.get(record, _none)

    def read(self, records: RecordSet, from_offset: int, now: int) -> Rows:
        """Return the rows from an offset on.

        Args:
            records: of one partition.
            from_offset: records before it are left out.
            now: epoch ms.
        """
        rows = Rows()
        for group in _groups(records.payloads):
            columns = self._decoder.decode(group, from_offset, now)
            rows.n_broken += len(columns.malformed)
            for offset, key, value in columns.odd_records():
                rows.odd.append(Message(*records.tp, offset, 0, key, value, []))
            if len(columns):
                self._keep(columns, records.tp, rows)
        return rows

    def _keep(self, columns: Columns, tp: TP, rows: Rows) -> None:
        batch = self._arrow.batch(columns, tp)
        doubts = self._misplaced(columns) | self._doubts(batch)
        if doubts.any():
            offsets = frozenset(columns.offsets[doubts].tolist())
            try:
                rows.odd.extend(_found(columns.payloads, tp, offsets))
            except CorruptBatchError:
                rows.n_broken += 1
            batch = batch.filter(pa.array(~doubts))
        if batch.num_rows:
            rows.batches.append(batch)

    def _misplaced(self, columns: Columns) -> Flags:
        """Return which rows [n] have an instant that fits no column."""
        slots = np.stack([columns.slot(name) for name in self._instants])
        misplaced = (slots < 0) | (slots >= LATEST_INSTANT)  # [instants, n]
        flags: Flags = np.any(misplaced, axis=0)
        return flags


def _groups(payloads: Sequence[Payload]) -> Iterator[list[Payload]]:
    """Yield payloads together until they have enough records."""
    group: list[Payload] = []
    n_records = n_bytes = 0
    for payload in payloads:
        group.append(payload)
        n_records += payload.n_records
        n_bytes += len(payload.records)
        if n_records >= GROUP_RECORDS or n_bytes >= GROUP_BYTES:
            yield group
            group, n_records, n_bytes = [], 0, 0
    if group:
        yield group


def _found(
    payloads: Sequence[Payload], tp: TP, offsets: frozenset[int]
) -> Iterator[Message]:
    """Yield the messages at some offsets; rare, so they are looked for one by one."""
    last = max(offsets)
    for payload in payloads:
        for message in messages(tp, payload, min(offsets)):
            if message.offset in offsets:
                yield message
            if message.offset >= last:
                return


def _none(batch: pa.RecordBatch) -> Flags:
    return np.zeros(batch.num_rows, np.bool_)


def _odd_vectors(batch: pa.RecordBatch) -> Flags:
    """Return which preferences have half-lives or weights that may be refused.

    What the admission asks for: positive half-lives, and for each of them a finite
    float32 per category.
    """
    half_lives = batch.column("half_lives_s")
    bounds = np.asarray(half_lives.offsets)
    n_lengths = np.diff(bounds)
    too_short = np.asarray(half_lives.values) <= 0
    odd: Flags = (n_lengths == 0) | _any_in(too_short, bounds)
    weights = batch.column("weights")
    ends = np.frombuffer(weights.buffers()[1], np.int32)[: batch.num_rows + 1]
    odd |= np.diff(ends) != n_lengths * _widths(batch.column(FIELD)) * 4
    if odd.any():
        return odd
    numbers = np.frombuffer(weights.buffers()[2], "<f4")
    return _any_in(~np.isfinite(numbers), ends // 4)


def _widths(digests: pa.Array) -> npt.NDArray[np.int64]:
    """Return the categories of each row's vocabulary [n]; -1 of unknown ones."""
    if digests.null_count == len(digests):
        return np.full(len(digests), len(ids_of(None).categories))
    known: dict[str | None, int] = {}
    for digest in set(digests.to_pylist()):
        with suppress(VocabularyError):
            known[digest] = len(ids_of(digest).categories)
    return np.array([known.get(one, -1) for one in digests.to_pylist()])


def _odd_conditions(batch: pa.RecordBatch) -> Flags:
    """Return which feedback has a condition that is no finite float32 numbers."""
    content = batch.column("condition")
    ends = np.frombuffer(content.buffers()[1], np.int32)[: batch.num_rows + 1]
    lengths = np.diff(ends)
    odd: Flags = (lengths % 4 != 0) | (lengths > 4 * MAX_CONDITIONS)
    if odd.any():
        return odd | (lengths > 0)
    numbers = np.frombuffer(content.buffers()[2] or b"", "<f4")
    return _any_in(~np.isfinite(numbers), ends // 4)


def _any_in(flags: Flags, bounds: npt.NDArray[np.integer]) -> Flags:
    """Return whether a flag is set between bounds[i] and bounds[i + 1] [n]."""
    counts = np.concatenate([[0], np.cumsum(flags)])
    some: Flags = np.diff(counts[bounds]) > 0
    return some


_DOUBTS: dict[type[Record], Callable[[pa.RecordBatch], Flags]] = {
    Preference: _odd_vectors,
    Feedback: _odd_conditions,
}
