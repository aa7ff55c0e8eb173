"""ClickHouse -> click-through rates by arm and model version, and how they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from streams.clickhouse.queries import rows, typed
from streams.outcomes.intervals import Interval, subtracted, wilson

CONTROL = "control"
"""Arm whose people get a random creative."""


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
    return typed(client, Effect, sql, control=CONTROL)


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
    """Return how much higher `effect`'s rate is than `control`'s."""
    ours, theirs = (Interval(one.ctr, one.low, one.high) for one in (effect, control))
    return Lift(*subtracted(ours, theirs))


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
