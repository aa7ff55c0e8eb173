"""ads.preference.v1 -> the rows of a partition: its own changelog, read back."""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from schemas.avro import AvroError, Codec
from schemas.records import Preference, Record
from schemas.vocabulary import VocabularyError, ids_of
from streams.admission.records import reason_to_reject
from streams.columns.changelog import FIELDS, sized
from streams.columns.columns import Columns, Flags, Ints, cut
from streams.columns.decoder import Decoder
from streams.columns.from_records import preference_columns
from streams.columns.payload import Payload
from streams.columns.plan import NULL
from streams.columns.vocabulary import FIELD, translated_record
from streams.errors import StateError
from streams.stages.preferences.partition import PreferencePartition
from streams.stages.preferences.reference import ANY_TIME

_PROFILE_FIELDS = ("language", "region", "age_band", "device")


class Restoring:
    """Takes people back from Preference records.

    Args:
        codec: of the records.
        lives: half-lives as Avro (`encoded_lives`); others are not taken over.
    """

    def __init__(self, codec: Codec[Preference], lives: bytes) -> None:
        self._codec, self._lives = codec, lives
        self._decoder = Decoder(Preference, codec.ids, FIELDS, "user_id", strict=True)

    def restore(
        self,
        state: PreferencePartition,
        payloads: Sequence[Payload],
        from_offset: int,
    ) -> None:
        """Take people back from record batches of the changelog, in offset order.

        A batch is restored up to its first odd record (a tombstone), then that record,
        then the rest: later records win. Weights under another vocabulary are mapped.

        Raises:
            StateError: nobody knows the vocabulary of a record.
        """
        try:
            self._restore(state, payloads, from_offset)
        except VocabularyError as error:
            raise StateError(f"changelog of preferences: {error}") from error

    def _restore(
        self,
        state: PreferencePartition,
        payloads: Sequence[Payload],
        from_offset: int,
    ) -> None:
        for payload in payloads:
            columns = self._decoder.decode([payload], from_offset, ANY_TIME)
            if not len(columns.odd):
                self.put(state, columns)
                continue
            start = from_offset
            for offset, key, value in columns.odd_records():
                before = (columns.offsets >= start) & (columns.offsets < offset)
                self.put(state, _only(columns, before))
                self._restore_odd(state, (key or b"").decode(errors="replace"), value)
                start = offset + 1
            self.put(state, _only(columns, columns.offsets >= start))

    def put(self, state: PreferencePartition, columns: Columns) -> None:
        """Put Preference columns into the rows: later ones win."""
        if not len(columns):
            return
        table = state.table
        table.reserve(len(columns))
        state.make_room_for_replayed()
        table.kernel.restore(
            table.kernel_rules,
            table.index,
            table.rows,
            columns,
            self._lives,
            state.replayed,
            _profile_numbers(state, columns),
        )

    def _restore_odd(
        self, state: PreferencePartition, user_id: str, value: bytes | None
    ) -> None:
        if value is None:
            state.table.remove(user_id)
            return
        with suppress(AvroError):  # nobody here wrote it: the requests stage says so
            record: Record = self._codec.decode(value)
            ids_of(getattr(record, FIELD))  # unknown: the state would be half-read
            if reason_to_reject(record, ANY_TIME) is None:
                self.put(state, preference_columns(translated_record(record)))


def _only(columns: Columns, chosen: Flags) -> Columns:
    """Return some rows of the columns of one payload."""
    return Columns(
        payloads=columns.payloads,
        row_starts=np.array([0, int(chosen.sum())], np.int64),
        offsets=columns.offsets[chosen],
        keys=columns.keys[chosen],
        slots=np.ascontiguousarray(columns.slots[:, chosen]),
        names=columns.names,
        odd=columns.odd[:0],
    )


def _profile_numbers(state: PreferencePartition, columns: Columns) -> Ints:
    """Return the number of each record's profile [n]."""
    numbers = np.zeros(len(columns), np.int64)
    spans = np.stack([columns.slot(name) for name in _PROFILE_FIELDS])
    for i in np.flatnonzero((spans != NULL).any(0)).tolist():
        at = int(np.searchsorted(columns.row_starts, i, side="right")) - 1
        suffix = b"".join(
            b"\0" if value is None else b"\2" + sized(value)
            for value in (cut(columns.payloads[at], int(s)) for s in spans[:, i])
        )
        numbers[i] = state.profile_number(suffix)
    return numbers
