"""A spec -> its log on disk, one file of record batches a partition; made once."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.dataset.batches import n_records, partition_batches, split
from benchmarks.dataset.events import Columns, Spec, generate


@dataclass(frozen=True)
class Dataset:
    """A cached dataset."""

    spec: Spec
    folder: Path

    @cached_property
    def events(self) -> Columns:
        """The same events as columns; generated again, the log stays on disk."""
        return generate(self.spec)

    @cached_property
    def n_bytes(self) -> int:
        """Size of all record batches."""
        return sum(path.stat().st_size for path in self.folder.glob("*.log"))

    def batches(self, partition: int) -> Iterator[memoryview]:
        """Yield the batches of a partition, not stamped yet."""
        yield from split(memoryview((self._path(partition)).read_bytes()))

    @cached_property
    def ends(self) -> list[int]:
        """Offset after the last record, by partition."""
        counts: list[int] = json.loads((self.folder / "ends.json").read_text())
        return counts

    def _path(self, partition: int) -> Path:
        return self.folder / f"{partition}.log"


def dataset(spec: Spec, root: Path) -> Dataset:
    """Return a dataset, made when it is not in the cache."""
    made = Dataset(spec, root / f"{spec.n_events}-{spec.codec}-{spec.digest}")
    if (made.folder / "spec.json").exists():
        return made
    shutil.rmtree(made.folder, ignore_errors=True)
    made.folder.mkdir(parents=True)
    ends = []
    for partition in range(spec.n_partitions):
        end = 0
        with (made.folder / f"{partition}.log").open("wb") as log:
            for batch in partition_batches(made.events, partition):
                log.write(batch)
                end += n_records(memoryview(batch))
        ends.append(end)
    (made.folder / "ends.json").write_text(json.dumps(ends))
    # Last, so that a folder that was left unfinished is made again.
    (made.folder / "spec.json").write_text(json.dumps(asdict(spec), indent=1))
    return made
