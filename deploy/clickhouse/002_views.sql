-- What to query. Each view reads FINAL, so that a plain SELECT is exact at any moment.

CREATE VIEW IF NOT EXISTS impressions AS
SELECT
    coalesce(impression_id, event_id) AS impression_id,
    event_id,
    user_id,
    occurred_at AS shown_at,
    creative_id,
    placement,
    surface,
    category,
    item
FROM behavior FINAL
WHERE kind = 'impression';

CREATE VIEW IF NOT EXISTS clicks AS
SELECT
    event_id,
    impression_id,
    user_id,
    occurred_at AS clicked_at,
    creative_id,
    placement,
    surface,
    category,
    item
FROM behavior FINAL
WHERE kind = 'click';

-- An impression counts as clicked once, however often it was clicked; a click whose
-- impression is unknown counts nowhere.
CREATE VIEW IF NOT EXISTS clicked_impressions AS
SELECT
    impression_id,
    user_id,
    shown_at,
    creative_id,
    placement,
    surface,
    category,
    item,
    impression_id IN (
        SELECT assumeNotNull(impression_id) FROM clicks WHERE impression_id IS NOT NULL
    ) AS clicked
FROM impressions;

CREATE VIEW IF NOT EXISTS ctr_by_item_position AS
SELECT
    item,
    placement,
    count() AS impressions,
    countIf(clicked) AS clicks,
    clicks / impressions AS ctr
FROM clicked_impressions
WHERE item IS NOT NULL
GROUP BY item, placement;

-- Click-through rate of each arm and model version, over valid impressions whose
-- outcome is known, with Wilson's 95 % interval (E. B. Wilson, 1927, "Probable
-- inference, the law of succession, and statistical inference"): z = 1.959964.
CREATE VIEW IF NOT EXISTS effect_by_arm AS
SELECT
    arm,
    model_name,
    model_version,
    impressions,
    clicks,
    ctr,
    greatest(0, (ctr + z2 / (2 * impressions) - spread) / (1 + z2 / impressions))
        AS low,
    least(1, (ctr + z2 / (2 * impressions) + spread) / (1 + z2 / impressions)) AS high
FROM (
    SELECT
        arm,
        ifNull(model_name, '') AS model_name,
        ifNull(model_version, 0) AS model_version,
        count() AS impressions,
        countIf(outcome IN ('click', 'conversion')) AS clicks,
        clicks / impressions AS ctr,
        1.959963984540054 AS z,
        z * z AS z2,
        z * sqrt(ctr * (1 - ctr) / impressions + z2 / (4 * impressions * impressions))
            AS spread
    FROM feedback FINAL
    WHERE valid
    GROUP BY arm, model_name, model_version
);

CREATE VIEW IF NOT EXISTS releases AS
SELECT
    model_name,
    version,
    stage,
    canary_share,
    champion_version,
    base_version,
    job_id,
    sha256,
    released_at
FROM model_release FINAL;

CREATE VIEW IF NOT EXISTS gate_verdicts AS
SELECT
    model_name,
    version,
    stage,
    released_at,
    gate,
    result,
    value,
    threshold,
    low,
    high,
    detail
FROM gate_verdict FINAL;

CREATE VIEW IF NOT EXISTS dead_letters_by_topic AS
SELECT source_topic, stage, count() AS records, max(failed_at) AS last_failed_at
FROM dead_letter FINAL
GROUP BY source_topic, stage;

-- How long a person waited: from the request to its creative, and to the first time
-- that creative was shown.
CREATE VIEW IF NOT EXISTS freshness AS
SELECT
    request.request_id AS request_id,
    request.reason AS reason,
    request.placement AS placement,
    request.requested_at AS requested_at,
    made.created_at AS created_at,
    shown.first_shown_at AS first_shown_at,
    dateDiff('millisecond', requested_at, created_at) AS creative_ms,
    if(isNull(first_shown_at), NULL,
        dateDiff('millisecond', requested_at, first_shown_at)) AS shown_ms
FROM (SELECT * FROM creative_request FINAL) AS request
INNER JOIN (
    SELECT request_id, creative_id, created_at FROM creative FINAL
) AS made ON made.request_id = request.request_id
LEFT JOIN (
    SELECT
        assumeNotNull(creative_id) AS creative_id,
        toNullable(min(shown_at)) AS first_shown_at
    FROM impressions
    WHERE creative_id IS NOT NULL
    GROUP BY creative_id
) AS shown ON shown.creative_id = made.creative_id;
