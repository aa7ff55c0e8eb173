-- Styles that a person has seen too often without a click: named by requests, left out
-- of creatives.
ALTER TABLE creative_request ADD COLUMN IF NOT EXISTS
    tired_of Nullable(String) AFTER deadline_at;

ALTER TABLE creative ADD COLUMN IF NOT EXISTS
    receipt_tired_of String AFTER receipt_rejections;
