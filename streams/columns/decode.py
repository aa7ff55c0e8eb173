"""Payloads -> columns, record by record: what the compiled decoder does at once.

Every message goes through the codec and the admission. The compiled decoder may leave
more to them (`Columns.odd`), and lets nothing through that they refuse.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from schemas.avro import AvroError, Codec
from schemas.records import Record
from streams.admission.records import reason_to_reject
from streams.columns.columns import Columns, cut
from streams.columns.frames import frames
from streams.columns.from_records import record_columns
from streams.columns.payload import Payload
from streams.columns.plan import NULL


class RecordDecoder:
    """Decodes messages of a flat record.

    Args:
        record: type of the record.
        codec: of the record.
        wanted: fields that become slots, in this order.
        key: field that must equal the message key.
    """

    def __init__(
        self,
        record: type[Record],
        codec: Codec[Record],
        wanted: Sequence[str],
        key: str | None,
    ) -> None:
        self._record, self._codec = record, codec
        self._wanted, self._key = wanted, key

    def decode(
        self, payloads: Sequence[Payload], from_offset: int, now: int
    ) -> Columns:
        """Return the columns of payloads; records before `from_offset` are left out.

        What the slots point into is a payload of its own, behind the given ones.

        Args:
            payloads: of one partition, in offset order.
            from_offset: first offset that counts.
            now: epoch ms, for instants that cannot be.
        """
        records: list[tuple[int, Record]] = []
        odd, malformed = [], []
        for index, payload in enumerate(payloads):
            found = frames(bytes(payload.records), payload.n_records)
            if len(found) < payload.n_records:
                malformed.append((index, len(found)))
            for delta, key, value in found:
                offset = payload.base_offset + delta
                if offset < from_offset:
                    continue
                record = self._admitted(cut(payload, key), cut(payload, value), now)
                if record is None:
                    odd.append((index, offset, key, value))
                else:
                    records.append((offset, record))
        columns = record_columns(self._record, records, self._wanted)
        return replace(
            columns,
            payloads=(*payloads, *columns.payloads),
            row_starts=np.array([0] * len(payloads) + [0, len(records)], np.int64),
            odd=np.array(odd, np.int64).reshape(-1, 4),
            malformed=tuple(malformed),
        )

    def _admitted(
        self, key: bytes | None, value: bytes | None, now: int
    ) -> Record | None:
        """Return the record in a message; None for what is odd."""
        try:
            record = None if value is None else self._codec.decode(value)
        except AvroError:
            return None
        if record is None or reason_to_reject(record, now) is not None:
            return None
        if any(getattr(record, name) == NULL for name in self._wanted):
            return None  # no slot can say it
        if self._key and key != getattr(record, self._key).encode():
            return None
        return record
