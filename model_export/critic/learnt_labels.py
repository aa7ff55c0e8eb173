"""Impression -> what it was learnt as, so that a correction corrects.

A label may change after it was learnt: a click comes after the window had closed with a
`none`, or a click turns out to be a robot's. Learnt as one more impression it would
count twice. So the label that was learnt is kept for the newest impressions, and the
difference is then learnt instead (`CriticState.after`).

How long each click took is kept too: that tells how many are still to come.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_export.critic.delayed_feedback import Delays, Instants

MOST = 200_000
"""Impressions remembered; of more the oldest go, and their corrections are new rows."""

Keys = NDArray[np.uint64]
Floats = NDArray[np.float32]


def keys_of(impressions: Sequence[str]) -> Keys:
    """Return a number for each impression id: uint64[n], 64 bits of BLAKE2b."""
    digests = (
        hashlib.blake2b(impression.encode(), digest_size=8).digest()
        for impression in impressions
    )
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


@dataclass(frozen=True)
class LearntLabels:
    """Impressions that were learnt, in the order of their keys."""

    key: Keys
    """uint64[n], ascending."""
    clicked: Floats
    """float32[n]: the label that was learnt, 0 or 1."""
    shown_at: Instants
    """int64[n], epoch ms."""
    delay: Instants
    """int64[n], ms from the impression to its click; of a none, anything."""

    @classmethod
    def none(cls) -> "LearntLabels":
        """Return none."""
        instants = np.zeros(0, np.int64)
        return cls(np.zeros(0, np.uint64), np.zeros(0, np.float32), instants, instants)

    def __len__(self) -> int:
        return len(self.key)

    def find(self, key: Keys) -> Floats:
        """Return the label that each impression was learnt with; NaN: it was not."""
        if not len(self):
            return np.full(len(key), np.nan, np.float32)
        place = np.minimum(np.searchsorted(self.key, key), len(self) - 1)
        found = self.clicked[place].copy()
        found[self.key[place] != key] = np.nan
        return found

    def heard(self, now: int) -> Delays:
        """Return which share of clicks comes by which age.

        Args:
            now: the instant up to which clicks have been heard, epoch ms.
        """
        clicks = self.clicked > 0
        return Delays.seen(self.delay[clicks], now - self.shown_at[clicks])

    def after(
        self,
        key: Keys,
        clicked: Floats,
        shown_at: Instants,
        delay: Instants,
        most: int = MOST,
    ) -> "LearntLabels":
        """Return the labels with others that were learnt; they replace older ones.

        Args:
            key: uint64[n], each once.
            clicked: float32[n], 0 or 1.
            shown_at: int64[n], epoch ms.
            delay: int64[n], ms from an impression to its click.
            most: entries kept, those shown last.
        """
        old = ~np.isin(self.key, key)
        keys = np.concatenate([self.key[old], key])
        labels = np.concatenate([self.clicked[old], clicked])
        instants = np.concatenate([self.shown_at[old], shown_at])
        delays = np.concatenate([self.delay[old], delay])
        if len(keys) > most:
            # Ties by key: which entry goes must not depend on the order of arrival.
            newest = np.lexsort([keys, instants])[-most:]
            keys, labels = keys[newest], labels[newest]
            instants, delays = instants[newest], delays[newest]
        order = np.argsort(keys)
        return LearntLabels(keys[order], labels[order], instants[order], delays[order])
