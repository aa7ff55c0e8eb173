"""Hostile payloads -> decode, fold, sections, restore, until the time is over.

The process that `__main__` starts. A payload is an array of its exact size, so that
reading one byte too many is seen. Counts are written at every second: the last line of
stdout says how far it came, crash or not.
"""

import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np

from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import Behavior, Preference, Profile, Record
from schemas.taxonomy import taxonomy
from streams.core.columnar.changelog import FIELDS
from streams.core.columnar.columns import Columns
from streams.core.columnar.decoder import Decoder
from streams.core.columnar.from_records import FOLDED
from streams.core.columnar.payload import Payload
from streams.core.preference.preferences import Preferences
from streams.core.stage import Incoming
from streams.settings import PreferencesSettings
from tests.streams.hostile_records import (
    NOW,
    behavior,
    broken,
    framed,
    generator,
    mutated,
    preference,
)

N_RECORDS = 256
"""Records of a payload."""
N_SPOILT = 60
"""Times that one payload's bytes are spoilt again, each time the whole of it."""
N_ALONE = 128
"""Records that are fed alone, cut anywhere: nothing follows what is read last."""
N_USERS = 60


def main(seconds: float, seed: int) -> None:
    """Feed the modules until the time is over."""
    counts: Counter[str] = Counter()
    feed = Feed(generator(seed), counts)
    until, told = time.monotonic() + seconds, time.monotonic()
    while time.monotonic() < until:
        feed.round()
        if time.monotonic() - told > 1:
            told = time.monotonic()
            _tell(counts)
    _tell(counts)


def _tell(counts: Counter[str]) -> None:
    sys.stdout.write(json.dumps(counts) + "\n")
    sys.stdout.flush()


class Feed:
    """The decoders and stages under test, and what they are fed with."""

    def __init__(self, rng: random.Random, counts: Counter[str]) -> None:
        self._rng = rng
        self._bytes = np.random.default_rng(rng.getrandbits(64))
        self._counts = counts
        ids = LockedIds()
        self._codecs: dict[type[Record], Codec[Any]] = {
            record: Codec(record, ids) for record in (Behavior, Preference)
        }
        self._decoders = {
            Behavior: Decoder(Behavior, ids, FOLDED, "user_id"),
            Preference: Decoder(Preference, ids, FIELDS, "user_id"),
        }
        self._stage = self._new_stage()
        self._offset = 0

    def _new_stage(self) -> Preferences:
        window = self._rng.choice([1, 50, 3_000])
        settings = PreferencesSettings(duplicate_window=window, half_lives_s=(60, 600))
        return Preferences(settings, taxonomy(), self._codecs[Preference])

    def round(self) -> None:
        """Take one payload of each kind through everything, spoilt in many ways."""
        if self._rng.random() < 0.1:
            self._stage = self._new_stage()
        for content, n in self._variants(Behavior, behavior):
            self._behave(content, n)
        for content, n in self._variants(Preference, preference):
            self._restore(content, n)

    def _behave(self, content: memoryview, n: int) -> None:
        columns = self._decode(Behavior, content, n)
        self._stage.fold(Behavior, self._rng.randrange(2), columns, NOW)
        self._offset += n
        if self._rng.random() < 0.1:
            self._stage.recall(Behavior, 0, columns)
            self._forget()
            self._write()

    def _decode(self, record: type[Record], content: memoryview, n: int) -> Columns:
        payload = Payload(content, n, self._offset, NOW)
        columns = self._decoders[record].decode([payload], 0, NOW)
        self._counts["payloads"] += 1
        self._counts["inputs"] += len(columns) + len(columns.odd)
        self._counts["broken framings"] += len(columns.malformed)
        self._counts["admitted"] += len(columns)
        return columns

    def _write(self) -> None:
        """Take what has changed, bring it back into a stage of its own."""
        other = self._new_stage()
        for section in self._stage.take_sections():
            payload = Payload(_exact(section.records), section.n_records, 0, 0)
            self._counts["written"] += section.n_records
            other.restore_payloads(section.partition, [payload], 0)

    def _restore(self, content: memoryview, n: int) -> None:
        """Bring people back as hostile records say they were."""
        columns = self._decode(Preference, content, n)
        state = self._stage._partition(0)
        self._stage._restore(state, columns)
        if self._rng.random() < 0.1:
            state.restored([self._offset] * 3)
            for number in range(0, state.table.index.n_rows, 7):
                state.table.touch(number)
            self._write()

    def _forget(self) -> None:
        for _ in range(self._rng.randrange(20)):
            user = f"user-{self._rng.randrange(N_USERS)}"
            self._stage.step([Incoming(Profile, user, None, 0, self._offset)], NOW)
            self._counts["erased"] += 1

    def _variants(
        self, record: type[Record], make: Callable[..., Any]
    ) -> Iterator[tuple[memoryview, int]]:
        """Yield (records section, number of records): good, spoilt, cut, lying."""
        section, spans = self._section(record, make)
        yield _exact(section), N_RECORDS
        good = np.frombuffer(section, np.uint8)
        for _ in range(N_SPOILT):
            yield memoryview(self._spoilt(good, spans)), N_RECORDS
        for _ in range(N_SPOILT // 4):
            yield _exact(broken(self._rng, section)), N_RECORDS
        short = section[: self._rng.randrange(len(section))]
        yield _exact(short), self._rng.choice([0, 1, N_RECORDS])
        for start, end in spans[:N_ALONE].tolist():
            yield self._alone(section[start:end]), 1

    def _alone(self, value: bytes) -> memoryview:
        """Return a record whose last field ends where its buffer ends."""
        value = value[: self._rng.randrange(len(value) + 1)] or b"\0"
        return _exact(framed(0, b"user-1", value, tail=b""))

    def _section(
        self, record: type[Record], make: Callable[..., Any]
    ) -> tuple[bytes, Any]:
        """Return a records section and where its messages are [n, 2]."""
        rng, records, spans, at = self._rng, [], [], 0
        for i in range(N_RECORDS):
            one = make(rng, odd=0.1)
            value = self._codecs[record].encode(one)
            if rng.random() < 0.3:
                value = mutated(rng, value)
            records.append(framed(i, one.user_id.encode(), value))
            at += len(records[-1])
            spans.append((at - 1 - len(value), at - 1))
        return b"".join(records), np.array(spans)

    def _spoilt(self, good: Any, spans: Any) -> Any:
        """Return the section with a byte or more of every message changed."""
        content = good.copy()
        for _ in range(self._rng.randrange(1, 4)):
            wide = np.maximum(spans[:, 1] - spans[:, 0], 1)
            # Headers and lengths lie in front: half of the changes go there.
            reach = np.where(self._bytes.random(len(wide)) < 0.5, 60, wide)
            at = spans[:, 0] + self._bytes.integers(0, np.minimum(reach, wide))
            new = self._bytes.integers(0, 256, len(at), dtype=np.uint8)
            flip = np.uint8(1) << self._bytes.integers(0, 8, len(at), dtype=np.uint8)
            is_flip = self._bytes.random(len(at)) < 0.5
            at = np.minimum(at, len(content) - 1)
            content[at] = np.where(is_flip, content[at] ^ flip, new)
        return content


def _exact(content: bytes) -> memoryview:
    """Return the bytes in a buffer that ends where they end."""
    return memoryview(cast("Any", np.frombuffer(content, np.uint8).copy()))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
