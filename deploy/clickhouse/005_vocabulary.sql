-- The vocabulary that stored vectors are in; null is the bundled one.
ALTER TABLE preference ADD COLUMN IF NOT EXISTS
    vocabulary LowCardinality(Nullable(String)) AFTER text_offset;

ALTER TABLE creative_request ADD COLUMN IF NOT EXISTS
    vocabulary LowCardinality(Nullable(String)) AFTER tired_of;
