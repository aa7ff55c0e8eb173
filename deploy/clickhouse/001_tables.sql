-- One table per record of schemas/*.avsc. A record's fields are columns of the same
-- name; a nested record's fields carry its name in front (receipt_arm).
--
-- Every table ends with where the row came from: _topic, _partition, _offset, and when
-- it arrived: _ingested_at. Retention counts from arrival, so a replayed old log stays.
--
-- ReplacingMergeTree keeps one row per ORDER BY key: a record that is delivered twice is
-- one row, also across partitions, in every view of 002_views.sql (they read FINAL).
-- The deduplication window drops a block that is inserted again before it costs a part.

CREATE TABLE IF NOT EXISTS behavior (
    event_id String,
    user_id String,
    kind LowCardinality(String),
    occurred_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    creative_id Nullable(String),
    impression_id Nullable(String),
    placement LowCardinality(Nullable(String)),
    surface LowCardinality(Nullable(String)),
    category LowCardinality(Nullable(String)),
    item Nullable(String),
    value Nullable(Float64),
    consent Bool,
    user_agent LowCardinality(Nullable(String)),
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64 CODEC(Delta, ZSTD),
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD),
    INDEX by_user user_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(occurred_at)
ORDER BY event_id
TTL toDateTime(_ingested_at) + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS profile (
    user_id String,
    updated_at DateTime64(3, 'UTC'),
    age_band LowCardinality(Nullable(String)),
    region LowCardinality(Nullable(String)),
    language LowCardinality(Nullable(String)),
    device LowCardinality(Nullable(String)),
    interests Array(LowCardinality(String)),
    consent Bool,
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64,
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY user_id
TTL toDateTime(_ingested_at) + INTERVAL 25 MONTH
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS text_signal (
    text_id String,
    user_id String,
    kind LowCardinality(String),
    language LowCardinality(String),
    keywords Array(String),
    sentiment Float64,
    shifts Array(Tuple(category LowCardinality(String), weight Float64)),
    written_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    consent Bool,
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64 CODEC(Delta, ZSTD),
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD),
    INDEX by_user user_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(written_at)
ORDER BY text_id
TTL toDateTime(_ingested_at) + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 1000;

-- The latest preferences of each person; weights are float32, little-endian.
CREATE TABLE IF NOT EXISTS preference (
    user_id String,
    as_of DateTime64(3, 'UTC'),
    half_lives_s Array(Int64),
    weights String CODEC(ZSTD),
    n_events Int64,
    n_unclicked Int64,
    consent Bool,
    language LowCardinality(Nullable(String)),
    region LowCardinality(Nullable(String)),
    age_band LowCardinality(Nullable(String)),
    device LowCardinality(Nullable(String)),
    behavior_offset Int64,
    profile_offset Int64,
    text_offset Int64,
    last_click_at DateTime64(3, 'UTC'),
    withdrawn_at DateTime64(3, 'UTC'),
    unclicked_at String,
    exposures String,
    bursts String,
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64,
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY user_id
TTL toDateTime(_ingested_at) + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS creative_request (
    request_id String,
    user_id String,
    reason LowCardinality(String),
    placement LowCardinality(String),
    surface LowCardinality(String),
    language LowCardinality(String),
    category LowCardinality(Nullable(String)),
    preferences Nullable(String) CODEC(ZSTD),
    requested_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    deadline_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64 CODEC(Delta, ZSTD),
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD),
    INDEX by_user user_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(requested_at)
ORDER BY request_id
TTL toDateTime(_ingested_at) + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 1000;

-- The rendered assets are the bulk of a row: they go after three months, the receipt
-- stays, and from the receipt the same creative can be made again.
CREATE TABLE IF NOT EXISTS creative (
    creative_id String,
    request_id String,
    user_id String,
    placement LowCardinality(String),
    surface LowCardinality(String),
    language LowCardinality(String),
    category LowCardinality(String),
    created_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    expires_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    design_categorical Map(LowCardinality(String), String),
    design_continuous Map(LowCardinality(String), Float64),
    copy_headline String,
    copy_body String,
    copy_cta String,
    copy_spoken String,
    copy_disclosure String,
    assets Array(Tuple(
        name String, media_type String, width_px Int32, height_px Int32, content String
    )) CODEC(ZSTD(3)) TTL toDateTime(_ingested_at) + INTERVAL 3 MONTH,
    receipt_arm LowCardinality(String),
    receipt_model_name LowCardinality(String),
    receipt_model_version Int32,
    receipt_model_sha256 LowCardinality(String),
    receipt_seed Int64,
    receipt_n_candidates Int32,
    receipt_n_rejected Int32,
    receipt_rejections Array(LowCardinality(String)),
    receipt_propensity Float64,
    receipt_score Nullable(Float64),
    receipt_condition String CODEC(ZSTD),
    receipt_shadow_version Nullable(Int32),
    receipt_explanation String,
    receipt_ai_generated Bool,
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64 CODEC(Delta, ZSTD),
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD),
    INDEX by_user user_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(created_at)
ORDER BY creative_id
TTL toDateTime(_ingested_at) + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 1000;

-- One row per impression: the highest revision wins.
CREATE TABLE IF NOT EXISTS feedback (
    feedback_id String,
    impression_id String,
    revision Int32,
    user_id String,
    outcome LowCardinality(String),
    reward Float64,
    value Nullable(Float64),
    valid Bool,
    shown_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    decided_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD),
    delay_ms Nullable(Int64),
    creative_id Nullable(String),
    placement LowCardinality(Nullable(String)),
    surface LowCardinality(Nullable(String)),
    category LowCardinality(Nullable(String)),
    item Nullable(String),
    arm LowCardinality(String),
    model_name LowCardinality(Nullable(String)),
    model_version Nullable(Int32),
    propensity Nullable(Float64),
    condition Nullable(String) CODEC(ZSTD),
    design_categorical Map(LowCardinality(String), String),
    design_continuous Map(LowCardinality(String), Float64),
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64 CODEC(Delta, ZSTD),
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') CODEC(Delta, ZSTD),
    INDEX by_user user_id TYPE bloom_filter GRANULARITY 4
)
ENGINE = ReplacingMergeTree(revision)
PARTITION BY toYYYYMM(shown_at)
ORDER BY impression_id
TTL toDateTime(_ingested_at) + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS finetune_job (
    job_id String,
    model_name LowCardinality(String),
    base_version Int32,
    reason LowCardinality(String),
    ranges Array(Tuple(topic String, partition Int32, start Int64, end Int64)),
    n_examples Int64,
    seed Int64,
    created_at DateTime64(3, 'UTC'),
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64,
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY job_id
SETTINGS non_replicated_deduplication_window = 1000;

CREATE TABLE IF NOT EXISTS model_release (
    model_name LowCardinality(String),
    version Int32,
    sha256 String,
    stage LowCardinality(String),
    canary_share Float64,
    champion_version Int32,
    champion_sha256 String,
    base_version Nullable(Int32),
    job_id Nullable(String),
    released_at DateTime64(3, 'UTC'),
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64,
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (model_name, version, stage, released_at)
SETTINGS non_replicated_deduplication_window = 1000;

-- The verdicts of a model release, one row each.
CREATE TABLE IF NOT EXISTS gate_verdict (
    model_name LowCardinality(String),
    version Int32,
    stage LowCardinality(String),
    released_at DateTime64(3, 'UTC'),
    gate LowCardinality(String),
    result LowCardinality(String),
    value Float64,
    threshold Float64,
    low Nullable(Float64),
    high Nullable(Float64),
    detail String,
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64,
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (model_name, version, stage, released_at, gate)
SETTINGS non_replicated_deduplication_window = 1000;

-- What was refused, and why. The refused bytes stay in the dead-letter topic: they may
-- hold what a person wrote, or somebody else's id. Several stages may refuse the same
-- record; it is one row. The digest tells apart the records of two brokers that gave
-- them the same offset.
CREATE TABLE IF NOT EXISTS dead_letter (
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    stage LowCardinality(String),
    reason String,
    key String,
    n_bytes Int64,
    digest String,
    failed_at DateTime64(3, 'UTC'),
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64,
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (source_topic, source_partition, source_offset, digest)
TTL toDateTime(_ingested_at) + INTERVAL 3 MONTH
SETTINGS non_replicated_deduplication_window = 1000;

-- People who asked to be forgotten, by a digest of their pseudonym: rows of theirs that
-- still arrive are dropped. returned_at: when they came back with a new profile.
CREATE TABLE IF NOT EXISTS erasure (
    user_digest String,
    returned_at Nullable(DateTime64(3, 'UTC')),
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY user_digest
SETTINGS non_replicated_deduplication_window = 1000;
