"""ClickHouse -> the figures of the report: counts, freshness, releases.

Every function takes any clickhouse-connect client of the migrated database: the engine
in process, its HTTP door, or a server. All instants are epoch milliseconds.
"""

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from streams.clickhouse.queries import rows, typed


@dataclass(frozen=True, slots=True)
class BehaviorCounts:
    """Behaviour, each event once."""

    impressions: int
    clicks: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One item at one placement."""

    item: str
    placement: str
    impressions: int
    clicks: int


@dataclass(frozen=True, slots=True)
class RefusedCount:
    """Bad records of one topic, as one stage reported them."""

    topic: str
    stage: str
    records: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds; None when nothing was measured."""

    n: int
    p50_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True)
class Release:
    """Where a model version stood at an instant."""

    model_name: str
    version: int
    stage: str
    canary_share: float
    champion_version: int
    base_version: int | None
    job_id: str | None
    sha256: str
    released_at: int


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """One gate's answer about a release."""

    model_name: str
    version: int
    stage: str
    released_at: int
    gate: str
    result: str
    value: float
    threshold: float
    low: float | None
    high: float | None
    detail: str


def counts(client: Client, placement_prefix: str = "") -> BehaviorCounts:
    """Return impressions and clicks at placements that begin with a prefix."""
    sql = (
        "SELECT countIf(kind = 'impression'), countIf(kind = 'click') "
        "FROM behavior FINAL WHERE startsWith(ifNull(placement, ''), %(prefix)s)"
    )
    return typed(client, BehaviorCounts, sql, prefix=placement_prefix)[0]


def ctr_by_item_position(client: Client, placement_prefix: str = "") -> list[Cell]:
    """Return impressions and clicks of each item at each placement, sorted."""
    sql = (
        "SELECT assumeNotNull(item), ifNull(placement, '') AS place, impressions, "
        "clicks FROM ctr_by_item_position "
        "WHERE startsWith(place, %(prefix)s) ORDER BY item, place"
    )
    return typed(client, Cell, sql, prefix=placement_prefix)


def dead_letters(client: Client) -> list[RefusedCount]:
    """Return how many bad records each stage reported, by their topic."""
    return typed(
        client,
        RefusedCount,
        "SELECT source_topic, stage, records FROM dead_letters_by_topic "
        "ORDER BY source_topic, stage",
    )


def event_to_creative(client: Client, cooldown_s: float) -> Latency:
    """Return how long it took from what a person did to the creative it led to.

    Counted are creatives that a person's first or changed preferences asked for, from
    the newest event or text before the request. What happens within the cooldown of a
    placement waits by design for its end, and is not counted.

    Args:
        client: ClickHouse.
        cooldown_s: `requests.cooldown_s` of the workers.
    """
    sql = """
        SELECT count(), quantileExact(0.5)(ms) / 1000, quantileExact(0.99)(ms) / 1000
        FROM (
            SELECT dateDiff('millisecond', event.at, made.created_at) AS ms
            FROM (
                SELECT request_id, user_id, requested_at, reason,
                    lagInFrame(toNullable(requested_at)) OVER (
                        PARTITION BY user_id, placement ORDER BY requested_at
                    ) AS asked_before
                FROM creative_request FINAL
            ) AS request
            ASOF INNER JOIN (
                SELECT user_id, occurred_at AS at FROM behavior
                WHERE kind != 'impression'
                UNION ALL
                SELECT user_id, written_at AS at FROM text_signal
            ) AS event
            ON request.user_id = event.user_id AND request.requested_at >= event.at
            INNER JOIN (SELECT request_id, created_at FROM creative FINAL) AS made
            ON made.request_id = request.request_id
            WHERE request.reason IN ('new_user', 'preference_shift')
                AND ifNull(dateDiff('millisecond', request.asked_before, event.at)
                    >= %(cooldown_ms)s, 1)
        )
    """
    found = rows(client, sql, cooldown_ms=round(cooldown_s * 1000))
    n, p50_s, p99_s = found[0]
    return Latency(n, p50_s, p99_s) if n else Latency(0, None, None)


def releases(client: Client, model_name: str = "") -> list[Release]:
    """Return releases, oldest first; of one model when it is named."""
    sql = (
        "SELECT model_name, version, stage, canary_share, champion_version, "
        "base_version, job_id, sha256, toUnixTimestamp64Milli(released_at) AS at "
        "FROM releases WHERE %(name)s IN ('', model_name) ORDER BY at, version"
    )
    return typed(client, Release, sql, name=model_name)


def gate_verdicts(client: Client, model_name: str = "") -> list[GateVerdict]:
    """Return gate verdicts, oldest first; of one model when it is named."""
    sql = (
        "SELECT model_name, version, stage, toUnixTimestamp64Milli(released_at) AS at, "
        "gate, result, value, threshold, low, high, detail "
        "FROM gate_verdicts WHERE %(name)s IN ('', model_name) "
        "ORDER BY at, version, gate"
    )
    return typed(client, GateVerdict, sql, name=model_name)
