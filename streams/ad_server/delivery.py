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
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from model_export.space import conditioning
from schemas.avro import AvroError, Codec, SchemaIds
from schemas.records import Creative
from schemas.vocabulary import deployed
from streams.errors import UnavailableError

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
        bootstrap: broker addresses.
        topic: full name of the creative topic.
        ids: where schema ids come from.
        cache: what is kept.
    """

    def __init__(
        self, bootstrap: str, topic: str, ids: SchemaIds, cache: CreativeCache
    ) -> None:
        self.cache = cache
        self.n_read = 0
        self.n_rejected = 0
        self.caught_up = asyncio.Event()
        """Set for good once every partition was read to the end it had."""
        self._topic = topic
        self._codec = Codec(Creative, ids)
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Connect.

        Raises:
            UnavailableError: no broker answers, or the topic does not exist.
        """
        consumer = AIOKafkaConsumer(
            self._topic,  # without a group, aiokafka assigns every partition itself
            bootstrap_servers=self._bootstrap.split(","),
            client_id="adloom-delivery",
            auto_offset_reset="earliest",
            fetch_max_wait_ms=_POLL_MS,
            enable_auto_commit=False,
        )
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            await consumer.stop()
            raise UnavailableError(
                f"cannot read {self._topic}: {error!r}; check KAFKA_BOOTSTRAP_SERVERS, "
                "and make the topics (`adloom topics apply`)"
            ) from error
        self._consumer = consumer

    async def run(self, clock: Callable[[], int]) -> None:
        """Follow the topic until cancelled; `start` comes first.

        Args:
            clock: returns now in epoch milliseconds.
        """
        consumer = self._consumer
        while consumer is not None:
            fetched = await consumer.getmany(timeout_ms=_POLL_MS)
            now = clock()
            for records in fetched.values():
                for record in records:
                    self.take(record, now)
                await asyncio.sleep(0)  # requests are answered between partitions
            if not self.caught_up.is_set() and await _at_the_end(consumer):
                self.caught_up.set()

    async def stop(self) -> None:
        """Disconnect; a broker that is away is not waited for."""
        # aiokafka's close lets the cancellation of its own tasks out: keep it apart.
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        stopping = asyncio.create_task(consumer.stop())
        await asyncio.wait([stopping], timeout=STOP_S)
        if stopping.cancel() or stopping.cancelled() or stopping.exception():
            LOG.warning("consumer_not_stopped", topic=self._topic)

    def take(self, record: "ConsumerRecord[bytes, bytes]", now: int) -> None:
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


async def _at_the_end(consumer: AIOKafkaConsumer) -> bool:
    """Return whether every partition was read to its high watermark.

    The watermark comes with each fetch response; the offsets API is not asked,
    because the local broker answers it with the start of the last batch.
    """
    partitions: set[TopicPartition] = consumer.assignment()
    for partition in partitions:
        end = consumer.highwater(partition)
        if end is None or await consumer.position(partition) < end:
            return False
    return bool(partitions)


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
