"""What the sink measures of itself, in base units."""

from prometheus_client import Counter, Gauge, Histogram

ROWS = Counter("adloom_sink_rows", "Rows written to ClickHouse.", ["table"])
SKIPPED = Counter("adloom_sink_skipped", "Records that could not be used.", ["topic"])
LAG = Gauge("adloom_sink_lag_records", "Records on the topics that are not read yet.")
FLUSH_SECONDS = Histogram(
    "adloom_sink_flush_seconds",
    "Time to write what is pending and commit its offsets.",
    buckets=(0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10),
)
