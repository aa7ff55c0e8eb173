"""What a worker measures of itself, in base units (seconds, counts)."""

from prometheus_client import Counter, Histogram

RECORDS_IN = Counter("adloom_stage_records_in", "Records folded in.", ["stage"])
RECORDS_OUT = Counter("adloom_stage_records_out", "Records sent.", ["stage"])
DEAD_LETTERS = Counter(
    "adloom_stage_dead_letters",
    "Records sent to a dead-letter topic.",
    ["stage", "topic"],
)
STEP_SECONDS = Histogram(
    "adloom_stage_step_seconds",
    "Time to fold one batch in.",
    ["stage"],
    buckets=(0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5),
)
CHECKPOINT_SECONDS = Histogram(
    "adloom_stage_checkpoint_seconds",
    "Time from taking the state to the committed offset.",
    ["stage"],
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
)
