"""ClickHouse -> the figures of the report: counts, effect, freshness, releases.

Every function takes any clickhouse-connect client of the migrated database: the engine
in process, its HTTP door, or a server. All instants are epoch milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client

from streams.clickhouse.client import explained

CONTROL = "control"
"""Arm whose people get a random creative."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Counts:
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
class Effect:
    """Click-through rate of one arm and model version, with Wilson's 95 % interval."""

    arm: str
    model_name: str
    model_version: int
    impressions: int
    clicks: int
    ctr: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Lift:
    """Difference of two click-through rates (absolute), with its 95 % interval."""

    difference: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Return True when the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class RefusedCount:
    """Bad records of one topic, as one stage reported them."""

    topic: str
    stage: str
    records: int


@dataclass(frozen=True, slots=True)
class Freshness:
    """Seconds from a request to its creative, and to its first impression.

    A figure is None when nothing was measured.
    """

    creatives: int
    creative_p50_s: float | None
    creative_p99_s: float | None
    shown: int
    shown_p50_s: float | None
    shown_p99_s: float | None


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


def counts(client: Client, placement_prefix: str = "") -> Counts:
    """Return impressions and clicks at placements that begin with a prefix."""
    sql = (
        "SELECT countIf(kind = 'impression'), countIf(kind = 'click') "
        "FROM behavior FINAL WHERE startsWith(ifNull(placement, ''), %(prefix)s)"
    )
    return _typed(client, Counts, sql, prefix=placement_prefix)[0]


def ctr_by_item_position(client: Client, placement_prefix: str = "") -> list[Cell]:
    """Return impressions and clicks of each item at each placement, sorted."""
    sql = (
        "SELECT assumeNotNull(item), ifNull(placement, '') AS place, impressions, "
        "clicks FROM ctr_by_item_position "
        "WHERE startsWith(place, %(prefix)s) ORDER BY item, place"
    )
    return _typed(client, Cell, sql, prefix=placement_prefix)


def effect_by_arm(client: Client) -> list[Effect]:
    """Return the effect of each arm and model version, control first.

    Counted are valid impressions whose outcome is known, by their latest feedback.
    The intervals take impressions as independent; one person's are not quite.
    """
    sql = (
        "SELECT arm, model_name, model_version, impressions, clicks, ctr, low, high "
        "FROM effect_by_arm "
        "ORDER BY arm = %(control)s DESC, arm, model_name, model_version"
    )
    return _typed(client, Effect, sql, control=CONTROL)


def concurrent_control(client: Client) -> dict[tuple[str, int], Effect]:
    """Return, for each (arm, model version), the control arm while it was shown.

    Audiences change by the hour and creatives wear out: an arm that was shown late is
    fairly compared only with the control of the same hours.
    """
    sql = """
        SELECT shown.arm, shown.version, count(),
            countIf(control.outcome IN ('click', 'conversion'))
        FROM (
            SELECT arm, ifNull(model_version, 0) AS version, min(shown_at) AS first,
                max(shown_at) AS last
            FROM feedback FINAL WHERE valid GROUP BY arm, version
        ) AS shown
        CROSS JOIN (
            SELECT shown_at, outcome FROM feedback FINAL
            WHERE valid AND arm = %(control)s
        ) AS control
        WHERE control.shown_at BETWEEN shown.first AND shown.last
        GROUP BY shown.arm, shown.version
    """
    found = {}
    for arm, version, impressions, clicks in rows(client, sql, control=CONTROL):
        low, high = wilson(clicks, impressions)
        ctr = clicks / impressions
        found[arm, version] = Effect(
            CONTROL, "", 0, impressions, clicks, ctr, low, high
        )
    return found


def lift(effect: Effect, control: Effect) -> Lift:
    """Return how much higher `effect`'s rate is than `control`'s.

    R. G. Newcombe, 1998, "Interval estimation for the difference between independent
    proportions", method 10: the two Wilson intervals, joined by squares.
    """
    difference = effect.ctr - control.ctr
    below = sqrt((effect.ctr - effect.low) ** 2 + (control.high - control.ctr) ** 2)
    above = sqrt((effect.high - effect.ctr) ** 2 + (control.ctr - control.low) ** 2)
    return Lift(difference, difference - below, difference + above)


def pooled(effects: Sequence[Effect], arm: str) -> Effect | None:
    """Return the effect of an arm over all its model versions; None without any.

    The interval is Wilson's, computed from the sums.
    """
    chosen = [effect for effect in effects if effect.arm == arm]
    n = sum(effect.impressions for effect in chosen)
    if n == 0:
        return None
    clicks = sum(effect.clicks for effect in chosen)
    low, high = wilson(clicks, n)
    latest = max(chosen, key=lambda effect: effect.model_version)
    return Effect(
        arm, latest.model_name, latest.model_version, n, clicks, clicks / n, low, high
    )


def wilson(successes: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Return Wilson's score interval of a proportion (E. B. Wilson, 1927).

    >>> low, high = wilson(10, 100)
    >>> round(low, 4), round(high, 4)
    (0.0552, 0.1744)
    """
    rate, z2 = successes / n, z * z
    centre = rate + z2 / (2 * n)
    spread = z * sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    scale = 1 + z2 / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def dead_letters(client: Client) -> list[RefusedCount]:
    """Return how many bad records each stage reported, by their topic."""
    return _typed(
        client,
        RefusedCount,
        "SELECT source_topic, stage, records FROM dead_letters_by_topic "
        "ORDER BY source_topic, stage",
    )


def freshness(client: Client) -> Freshness:
    """Return how long requests waited for their creative and its first impression."""
    sql = (
        "SELECT count(), quantileExactOrNull(0.5)(creative_ms) / 1000, "
        "quantileExactOrNull(0.99)(creative_ms) / 1000, count(shown_ms), "
        "quantileExactOrNull(0.5)(shown_ms) / 1000, "
        "quantileExactOrNull(0.99)(shown_ms) / 1000 FROM freshness"
    )
    return _typed(client, Freshness, sql)[0]


def event_to_creative(client: Client) -> Latency:
    """Return how long it took from what a person did to the creative it led to.

    Counted are creatives that a person's first or changed preferences asked for, from
    the newest event or text before the request.
    """
    sql = """
        SELECT count(), quantileExact(0.5)(ms) / 1000, quantileExact(0.99)(ms) / 1000
        FROM (
            SELECT dateDiff('millisecond', event.at, made.created_at) AS ms
            FROM (
                SELECT request_id, user_id, requested_at FROM creative_request FINAL
                WHERE reason IN ('new_user', 'preference_shift')
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
        )
    """
    n, p50_s, p99_s = rows(client, sql)[0]
    return Latency(n, p50_s, p99_s) if n else Latency(0, None, None)


def releases(client: Client, model_name: str = "") -> list[Release]:
    """Return releases, oldest first; of one model when it is named."""
    sql = (
        "SELECT model_name, version, stage, canary_share, champion_version, "
        "base_version, job_id, sha256, toUnixTimestamp64Milli(released_at) AS at "
        "FROM releases WHERE %(name)s IN ('', model_name) ORDER BY at, version"
    )
    return _typed(client, Release, sql, name=model_name)


def gate_verdicts(client: Client, model_name: str = "") -> list[GateVerdict]:
    """Return gate verdicts, oldest first; of one model when it is named."""
    sql = (
        "SELECT model_name, version, stage, toUnixTimestamp64Milli(released_at) AS at, "
        "gate, result, value, threshold, low, high, detail "
        "FROM gate_verdicts WHERE %(name)s IN ('', model_name) "
        "ORDER BY at, version, gate"
    )
    return _typed(client, GateVerdict, sql, name=model_name)


def rows(client: Client, sql: str, **parameters: Any) -> Sequence[Sequence[Any]]:
    """Return the rows of a query.

    Raises:
        UnavailableError: ClickHouse does not answer, or took too long.
        StateError: ClickHouse refused the query.
    """
    with explained():
        return client.query(sql, parameters=parameters or None).result_rows


def _typed(client: Client, row: type[T], sql: str, **parameters: Any) -> list[T]:
    return [row(*values) for values in rows(client, sql, **parameters)]
