"""ads.creative.v1 -> the latest creative of each person and placement, in memory.

Every ad server reads the whole topic, so there is no consumer group: the topic is the
database, and a restart reads it again from the beginning.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass

import structlog

from model_export.space import conditioning
from schemas.avro import AvroError, Codec, SchemaIds
from schemas.records import Creative
from schemas.vocabulary import deployed
from streams.errors import UnavailableError
from streams.kafka.connection import Connection
from streams.kafka.fetch_cluster import EARLIEST
from streams.kafka.fetcher import Fetcher
from streams.kafka.messages import Message
from streams.kafka.producer import KafkaError
from streams.kafka.record_batches import parse

LOG = structlog.get_logger(__name__)

MAX_ENTRIES = 200_000
MAX_BYTES = 512 * 1024 * 1024
"""Creatives carry their assets, so their number alone does not bound the memory."""

STOP_S = 2.0

_POLL_MS = 100
"""Longest wait of a fetch: an empty topic is known to be empty this soon."""

_PREFERENCE_BYTES = 4 * len(deployed().categories)
"""The condition vector begins with the preferences, float32 each."""


@dataclass(frozen=True, slots=True)
class ReadyCreative:
    """A creative as the ad server needs it: what is sent is encoded already."""

    creative_id: str
    placement: str
    surface: str
    language: str
    category: str | None
    created_at: int
    expires_at: int
    explanation: str
    arm: str
    is_contextual: bool
    """True when no personal preference went into it."""
    is_fallback: bool
    json_fields: bytes
    """Its part of the ad's JSON, without braces: `"creative_id":...`."""
    message: bytes
    """The record as it came: the assets are read from it when somebody asks."""


class CreativeCache:
    """The latest creative of each (user, placement); the least used leave first."""

    def __init__(
        self, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES
    ) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[str, str], ReadyCreative] = OrderedDict()
        self.n_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, user_id: str, placement: str, now: int) -> ReadyCreative | None:
        """Return the creative to show now; an expired one is forgotten instead."""
        key = (user_id, placement)
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires_at <= now:
            self._remove(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def put(self, user_id: str, entry: ReadyCreative, now: int) -> None:
        """Keep a creative unless it has expired or an equally new one is there."""
        key = (user_id, entry.placement)
        before = self._entries.get(key)
        if entry.expires_at <= now or (before and before.created_at > entry.created_at):
            return
        self._remove(key)
        self._entries[key] = entry
        self.n_bytes += len(entry.message)
        while len(self._entries) > self._max_entries or self.n_bytes > self._max_bytes:
            self._remove(next(iter(self._entries)))

    def withdraw(self, user_id: str, placement: str) -> None:
        """Forget a creative; forgetting what is not there changes nothing."""
        self._remove((user_id, placement))

    def _remove(self, key: tuple[str, str]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.n_bytes -= len(entry.message)


class Delivery:
    """Follows the creative topic and keeps the cache.

    Args:
        connection: how to connect.
        topic: full name of the creative topic.
        ids: where schema ids come from.
        cache: what is kept.
    """

    def __init__(
        self, connection: Connection, topic: str, ids: SchemaIds, cache: CreativeCache
    ) -> None:
        self.cache = cache
        self.n_read = 0
        self.n_rejected = 0
        self.caught_up = asyncio.Event()
        """Set for good once every partition was read to the end it had."""
        self._topic = topic
        self._codec = Codec(Creative, ids)
        self._fetcher = Fetcher(connection, max_wait_ms=_POLL_MS)

    async def start(self) -> None:
        """Connect.

        Raises:
            UnavailableError: no broker answers, or the topic does not exist.
        """
        await self._fetcher.start()
        try:
            partitions = await self._fetcher.partitions_of(self._topic)
        except (KafkaError, OSError) as error:
            raise UnavailableError(
                f"cannot read {self._topic}: {error!r}; check KAFKA_BOOTSTRAP_SERVERS"
            ) from error
        if not partitions:
            raise UnavailableError(
                f"cannot read {self._topic}: expected a topic of that name, came none; "
                "make the topics (`adloom topics apply`)"
            )
        self._fetcher.assign(dict.fromkeys(partitions, EARLIEST))

    async def run(self, clock: Callable[[], int]) -> None:
        """Follow the topic until cancelled; `start` comes first.

        Args:
            clock: returns now in epoch milliseconds.
        """
        while True:
            for fetched in await self._fetcher.fetch(_POLL_MS / 1000):
                now = clock()
                for message in parse(fetched).messages(fetched.position):
                    self.take(message, now)
                await asyncio.sleep(0)  # requests are answered between partitions
            if not self.caught_up.is_set() and self._is_at_the_end():
                self.caught_up.set()

    async def stop(self) -> None:
        """Disconnect; a broker that is away is not waited for."""
        try:
            async with asyncio.timeout(STOP_S):
                await self._fetcher.stop()
        except TimeoutError:
            LOG.warning("reader_not_stopped", topic=self._topic)

    def _is_at_the_end(self) -> bool:
        """Return whether every partition was read to its high watermark.

        The watermark comes with each fetch response; the offsets API is not asked,
        because the local broker answers it with the start of the last batch.
        """
        marks = {
            tp: self._fetcher.high_watermark(tp) for tp in self._fetcher.assignment()
        }
        return all(
            mark is not None and self._fetcher.position(tp) >= mark
            for tp, mark in marks.items()
        )

    def take(self, record: Message, now: int) -> None:
        """Fold one record of the topic into the cache; count and skip a bad one."""
        self.n_read += 1
        try:
            if record.value is None:
                user_id, _, placement = (record.key or b"").decode().rpartition("|")
                self.cache.withdraw(user_id.strip(), placement.strip())
                return
            creative = self._codec.decode(record.value)
        except (AvroError, UnicodeDecodeError) as error:
            self.n_rejected += 1
            LOG.warning(
                "creative_rejected",
                topic=self._topic,
                partition=record.partition,
                offset=record.offset,
                reason=str(error),
            )
            return
        entry = ready(creative, record.value)
        self.cache.put(creative.user_id, entry, now)


def ready(
    creative: Creative, message: bytes, *, fallback: bool = False
) -> ReadyCreative:
    """Return a creative with its JSON encoded, ready to be sent."""
    receipt = creative.receipt
    fields = {
        "creative_id": creative.creative_id,
        "placement": creative.placement,
        "surface": creative.surface,
        "language": creative.language,
        "category": None if fallback else creative.category,
        "copy": asdict(creative.copy),
        "design": asdict(creative.design),
        "expires_at": creative.expires_at,
        "ai_generated": receipt.ai_generated,
        "explanation": receipt.explanation,
        "arm": receipt.arm,
        "model_name": receipt.model_name,
        "model_version": receipt.model_version,
        "fallback": fallback,
    }
    encoded = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
    return ReadyCreative(
        creative_id=creative.creative_id,
        placement=creative.placement,
        surface=creative.surface,
        language=creative.language,
        category=None if fallback else creative.category,
        created_at=creative.created_at,
        expires_at=creative.expires_at,
        explanation=receipt.explanation,
        arm=receipt.arm,
        is_contextual=_is_contextual(receipt.condition),
        is_fallback=fallback,
        json_fields=encoded[1:-1],
        message=message,
    )


def _is_contextual(condition: bytes) -> bool:
    """Return whether no preference of the person's went into a condition."""
    try:
        return not conditioning.from_bytes(condition)[: conditioning.N_CATEGORIES].any()
    except ValueError:  # of the control arm's fallback, or of no vocabulary we know
        return not any(condition[:_PREFERENCE_BYTES])
