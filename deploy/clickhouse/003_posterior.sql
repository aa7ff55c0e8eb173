-- What the critics of serving versions learn between two versions, and by which of it
-- a creative was picked.
ALTER TABLE creative ADD COLUMN IF NOT EXISTS
    receipt_posterior_sha256 LowCardinality(String) AFTER receipt_model_sha256;

CREATE TABLE IF NOT EXISTS posterior_update (
    model_name LowCardinality(String),
    version Int32,
    revision Int64,
    sha256 String,
    ranges Array(Tuple(topic String, partition Int32, start Int64, end Int64)),
    n_examples Int64,
    n_clicks Int64,
    n_held Int64,
    newest_at DateTime64(3, 'UTC'),
    made_at DateTime64(3, 'UTC'),
    _topic LowCardinality(String),
    _partition Int32,
    _offset Int64,
    _ingested_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree
PARTITION BY toYYYYMM(made_at)
ORDER BY (model_name, version, revision)
TTL toDateTime(_ingested_at) + INTERVAL 13 MONTH
SETTINGS non_replicated_deduplication_window = 1000;
