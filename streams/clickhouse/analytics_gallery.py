"""ClickHouse -> what was generated for whom, why, and what came of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from clickhouse_connect.driver.client import Client

from schemas.preference_vector import from_bytes, mixed
from schemas.records import Asset
from schemas.vocabulary import VocabularyError, ids_of
from streams.clickhouse.queries import rows

N_TOP = 5


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """One creative with its reasons and its reception."""

    creative_id: str
    user_id: str
    placement: str
    surface: str
    language: str
    category: str
    created_at: int
    """Epoch ms."""
    headline: str
    body: str
    cta: str
    disclosure: str
    explanation: str
    arm: str
    model_name: str
    model_version: int
    propensity: float
    design: dict[str, str | float]
    assets: tuple[Asset, ...]
    reason: str
    """Why it was asked for; empty when the request is not known."""
    impressions: int
    clicks: int
    top_preferences: tuple[tuple[str, float], ...]
    """(category, share), strongest first; what is not liked is left out."""


# Which creatives, from narrow columns only: sorting whole rows would hold the assets of
# every creative in memory.
_CHOSEN_SQL = """
SELECT made.creative_id
FROM (
    SELECT creative_id, user_id, created_at FROM creative LIMIT 1 BY creative_id
) AS made
LEFT JOIN (
    SELECT assumeNotNull(creative_id) AS creative_id, count() AS impressions,
        countIf(outcome IN ('click', 'conversion')) AS clicks
    FROM feedback FINAL
    WHERE valid AND creative_id IS NOT NULL GROUP BY creative_id
) AS seen ON seen.creative_id = made.creative_id
ORDER BY seen.clicks DESC, seen.impressions DESC, made.created_at DESC,
    made.creative_id
LIMIT %(per_person)s BY made.user_id
LIMIT %(limit)s
"""

_SQL = """
SELECT
    made.creative_id, made.user_id, made.placement, made.surface, made.language,
    made.category, toUnixTimestamp64Milli(made.created_at),
    made.copy_headline, made.copy_body, made.copy_cta, made.copy_disclosure,
    made.receipt_explanation, made.receipt_arm, made.receipt_model_name,
    made.receipt_model_version, made.receipt_propensity,
    made.design_categorical, made.design_continuous, made.assets,
    ifNull(asked.reason, ''), ifNull(seen.impressions, 0), ifNull(seen.clicks, 0),
    ifNull(asked.snapshot, ''), ifNull(person.weights, ''),
    ifNull(person.n_half_lives, 0),
    ifNull(asked.vocabulary, ''), ifNull(person.vocabulary, '')
FROM (
    SELECT * FROM creative
    WHERE creative_id IN %(chosen)s LIMIT 1 BY creative_id
) AS made
LEFT JOIN (
    SELECT request_id, toString(reason) AS reason, hex(preferences) AS snapshot,
        vocabulary
    FROM creative_request LIMIT 1 BY request_id
) AS asked ON asked.request_id = made.request_id
LEFT JOIN (
    SELECT assumeNotNull(creative_id) AS creative_id, count() AS impressions,
        countIf(outcome IN ('click', 'conversion')) AS clicks
    FROM feedback FINAL
    WHERE valid AND creative_id IN %(chosen)s GROUP BY creative_id
) AS seen ON seen.creative_id = made.creative_id
LEFT JOIN (
    SELECT user_id, hex(weights) AS weights, length(half_lives_s) AS n_half_lives,
        vocabulary
    FROM preference FINAL
) AS person ON person.user_id = made.user_id
"""


def gallery(client: Client, limit: int = 60, per_person: int = 1) -> list[GalleryItem]:
    """Return creatives, the most clicked first.

    Counted are valid impressions whose outcome is known: robots click most. Preferences
    are those of the request when it carried them, else the person's latest.

    Args:
        client: of the migrated database.
        limit: creatives at most.
        per_person: of one person at most, so that the gallery shows many people.

    Raises:
        UnavailableError: ClickHouse does not answer, or took too long.
    """
    ranked = rows(client, _CHOSEN_SQL, limit=limit, per_person=per_person)
    chosen = tuple(creative_id for (creative_id,) in ranked)
    if not chosen:
        return []
    found = {row[0]: row for row in rows(client, _SQL, chosen=chosen)}
    return [_item(list(found[creative_id])) for creative_id in chosen]


def _item(row: list[Any]) -> GalleryItem:
    categorical, continuous, assets, reason, impressions, clicks = row[16:22]
    values = [
        *row[:16],
        {**categorical, **continuous},
        tuple(_asset(asset) for asset in assets),
        reason,
        impressions,
        clicks,
        _top(*row[22:]),
    ]
    return GalleryItem(*values)


def _asset(values: Any) -> Asset:
    if isinstance(values, dict):  # how clickhouse-connect reads a named tuple
        return Asset(**values)
    name, media_type, width_px, height_px, content = values
    return Asset(
        name=name,
        media_type=media_type,
        width_px=width_px,
        height_px=height_px,
        content=content,
    )


def _top(
    snapshot: str, weights: str, n_half_lives: int, asked: str, known: str
) -> tuple[tuple[str, float], ...]:
    """Return the strongest categories of a snapshot, or else of rolling weights.

    The last two are their vocabularies; nothing is told under one that nobody knows.
    """
    try:
        categories = ids_of((asked if snapshot else known) or None).categories
    except VocabularyError:
        return ()
    if snapshot:
        vector = from_bytes(bytes.fromhex(snapshot))
    elif weights:
        vector = mixed(bytes.fromhex(weights), n_half_lives, len(categories))
    else:
        return ()
    order = np.argsort(-vector, kind="stable")[:N_TOP]
    return tuple((categories[i], float(vector[i])) for i in order if vector[i] > 0)
