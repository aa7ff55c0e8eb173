"""What the ad server measures of itself, in base units (seconds, counts, bytes)."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class AdServerMetrics:
    """The ad server's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.ads = Counter(
            "adloom_ads_served",
            "Ads handed out.",
            ["placement", "outcome"],
            registry=self.registry,
        )
        self.ad_seconds = Histogram(
            "adloom_ad_seconds",
            "Time to answer an ad request, inside the server.",
            buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25),
            registry=self.registry,
        )
        self.clicks = Counter(
            "adloom_ad_clicks",
            "Clicks followed.",
            ["placement"],
            registry=self.registry,
        )
        self.records = Counter(
            "adloom_ad_server_records",
            "Records to Kafka: sent, dropped (full) or lost (refused).",
            ["topic", "outcome"],
            registry=self.registry,
        )
        self.refused = Counter(
            "adloom_door_requests_refused",
            "Requests at the door that were wrong.",
            registry=self.registry,
        )
        self.pending = Gauge(
            "adloom_ad_server_records_pending",
            "Records that no broker has acknowledged yet.",
            registry=self.registry,
        )
        self.creatives = Gauge(
            "adloom_creatives_cached", "Creatives in memory.", registry=self.registry
        )
        self.creative_bytes = Gauge(
            "adloom_creatives_cached_bytes",
            "Memory of the creatives' records.",
            registry=self.registry,
        )
        self.rejected = Gauge(
            "adloom_creatives_rejected",
            "Records of the creative topic that could not be read.",
            registry=self.registry,
        )
