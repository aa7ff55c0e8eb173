"""Real Open Bandit log -> ads.behavior.v1, with disorder and duplicates.

The log: impressions of a fashion site's campaign "men", 24-30 November 2019, shown by
two policies, random and Bernoulli Thompson sampling (bts); Y. Saito and others, "Open
Bandit Dataset and Pipeline", NeurIPS 2021. The two files hash their item features
differently, so a cell of one policy is never joined with a cell of the other.
"""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from schemas.avro import Codec, SchemaIds
from schemas.lock import LockedIds
from schemas.records import Behavior
from streams.admission.pseudonym import pseudonymise
from streams.columns.ids import derived_id
from streams.errors import ConfigurationError
from streams.kafka.connection import Connection
from streams.kafka.producer import KafkaError, start_producer
from streams.kafka.refusals import refusal
from streams.kafka.topics import BEHAVIOR

POLICIES = ("random", "bts")
DUPLICATE_SHARE = 0.05
DISORDER_MS = 60_000
"""An event arrives up to this long after its event time; a duplicate up to twice."""

PUBLIC_KEY = b"open bandit: a public log"
"""The log's users are anonymous already; the key only gives them our form of id."""

Cell = tuple[str, str, int]
"""(policy, item, position)"""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_USER_COLUMNS = tuple(f"user_feature_{index}" for index in range(4))
_CLICK_DELAY_MS = (500, 30_000)
"""The log has no click times: a delay in this range is drawn for each click."""
_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class ReplayCounts:
    """What was sent; impressions and clicks are counted once each."""

    impressions: int
    clicks: int
    duplicates_sent: int

    @property
    def sent(self) -> int:
        """Records sent in all."""
        return self.impressions + self.clicks + self.duplicates_sent


def bundled_log() -> Path:
    """Return the folder of the slice that the package carries: 8,000 impressions."""
    return Path(__file__).parent / "data"


def placement_of(policy: str, position: int) -> str:
    """Return the placement that stands for a position under a policy."""
    return f"obd-{policy}-position-{position}"


def replay_events(folder: Path, seed: int) -> list[Behavior]:
    """Return the log as events in order of arrival, duplicates included.

    The same folder contents and seed give the same list, ids included. A click may
    come before its impression: the disorder is up to a minute of event time.

    Args:
        folder: holds obd_men_random.csv.gz and obd_men_bts.csv.gz.
        seed: of the disorder, the choice of duplicates and the click delays.

    Raises:
        ConfigurationError: a file is missing or is not an Open Bandit log.
    """
    rng = Random(seed)  # noqa: S311 - a simulation, not a secret
    arrivals: list[tuple[float, int, Behavior]] = []
    for policy in POLICIES:
        for event in _events_of(_file(folder, policy), policy, rng):
            at = event.occurred_at + rng.uniform(0, DISORDER_MS)
            arrivals.append((at, len(arrivals), event))
            if rng.random() < DUPLICATE_SHARE:
                at += rng.uniform(0, DISORDER_MS)
                arrivals.append((at, len(arrivals), event))
    arrivals.sort(key=lambda arrival: arrival[:2])
    return [event for _, _, event in arrivals]


def expected_cells(folder: Path) -> dict[Cell, tuple[int, int]]:
    """Return (impressions, clicks) of each cell, counted by pandas from the files.

    Shares no code with `replay_events`: it is what the analytics are checked against.

    Raises:
        ConfigurationError: a file is missing, or pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigurationError(
            'pandas is not installed: run pip install "adloom[local]"'
        ) from error
    cells: dict[Cell, tuple[int, int]] = {}
    for policy in POLICIES:
        log = pd.read_csv(_file(folder, policy))
        clicks = log.groupby(["item_id", "position"])["click"].agg(["size", "sum"])
        for (item, position), row in clicks.iterrows():
            cell = (policy, str(item), int(position))
            cells[cell] = (int(row["size"]), int(row["sum"]))
    return cells


async def replay(
    connection: Connection,
    events: Sequence[Behavior],
    *,
    ids: SchemaIds | None = None,
    topic: str = BEHAVIOR.name,
    on_progress: Callable[[int, int], None] | None = None,
) -> ReplayCounts:
    """Produce events as fast as the broker acknowledges them (acks=all).

    Args:
        connection: how to connect.
        events: in order of arrival; a repeated event id is a duplicate.
        ids: where schema ids come from; the lock file when None.
        topic: full topic name, prefix included.
        on_progress: called with (sent, total) now and then, and at the end.

    Raises:
        UnavailableError: the broker cannot be reached or refuses the records.
    """
    codec = Codec(Behavior, ids or LockedIds())
    producer = await start_producer(connection, client_id="adloom-replay", linger_ms=10)
    try:
        for start in range(0, len(events), _CHUNK):
            chunk = events[start : start + _CHUNK]
            acks = [
                await producer.send(topic, codec.encode(event), event.user_id.encode())
                for event in chunk
            ]
            for ack in acks:
                await ack
            if on_progress is not None:
                on_progress(start + len(chunk), len(events))
    except KafkaError as error:
        where = f"{connection.bootstrap}, topic {topic}"
        raise refusal(error, where, connection.security) from error
    finally:
        await producer.stop()
    return counts_of(events)


def counts_of(events: Sequence[Behavior]) -> ReplayCounts:
    """Return what a list of events amounts to once duplicates are taken out."""
    kinds = {event.event_id: event.kind for event in events}
    clicks = sum(kind == "click" for kind in kinds.values())
    return ReplayCounts(len(kinds) - clicks, clicks, len(events) - len(kinds))


def _file(folder: Path, policy: str) -> Path:
    path = folder / f"obd_men_{policy}.csv.gz"
    if not path.is_file():
        raise ConfigurationError(
            f"no Open Bandit log: expected {path.name} in {folder}; leave the folder "
            "out to replay the bundled slice"
        )
    return path


def _events_of(path: Path, policy: str, rng: Random) -> Iterator[Behavior]:
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                yield from _events_of_row(row, policy, rng)
    except (KeyError, ValueError, TypeError, EOFError, OSError) as error:
        raise ConfigurationError(
            f"{path.name} is not an Open Bandit log: expected a gzip file of rows with "
            f"timestamp, item_id, position, click and user features, got {error!r}"
        ) from error


def _events_of_row(row: dict[str, str], policy: str, rng: Random) -> Iterator[Behavior]:
    name = f"obd_men_{policy}"
    number = int(row[""])  # timestamps repeat; the row number does not
    shown_at = _milliseconds(row["timestamp"])
    person = "|".join(row[column] for column in _USER_COLUMNS)
    impression = Behavior(
        event_id=derived_id(name, number, "impression"),
        user_id=pseudonymise(f"obd|{person}", PUBLIC_KEY),
        kind="impression",
        occurred_at=shown_at,
        impression_id=derived_id(name, number, "impression"),
        placement=placement_of(policy, int(row["position"])),
        item=str(int(row["item_id"])),
        consent=True,
    )
    yield impression
    if int(row["click"]):
        yield Behavior(
            event_id=derived_id(name, number, "click"),
            user_id=impression.user_id,
            kind="click",
            occurred_at=shown_at + rng.randint(*_CLICK_DELAY_MS),
            impression_id=impression.impression_id,
            placement=impression.placement,
            item=impression.item,
            consent=True,
        )


def _milliseconds(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // timedelta(milliseconds=1)
