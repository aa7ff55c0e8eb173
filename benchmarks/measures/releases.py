"""One model release -> a record batch: what the trainer and the rollout would send."""

import numpy as np

from benchmarks.dataset import cells
from benchmarks.dataset.batches import batch_of
from schemas.avro import Codec
from schemas.lock import LockedIds
from schemas.records import ModelRelease


def release_batch(release: ModelRelease) -> bytes:
    """Return the release as a batch of one record, keyed by the model's name."""
    value = Codec(ModelRelease, LockedIds()).encode(release)
    key = release.model_name.encode()
    body = b"\0\0\0" + _sized(key) + _sized(value) + b"\0"
    return batch_of(_varint(len(body)) + body, 1)


def _sized(content: bytes) -> bytes:
    return _varint(len(content)) + content


def _varint(value: int) -> bytes:
    return cells.varints(np.array([value])).content.tobytes()
