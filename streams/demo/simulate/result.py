"""What a simulated audience did and got, counted as it happens."""

from array import array
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ArmResult:
    """People (not robots) who saw ads of one arm."""

    impressions: int
    clicks: int
    expected_clicks: float
    """Sum of the hidden click probabilities: what the clicks are a sample of."""


@dataclass(frozen=True, slots=True)
class AudienceResult:
    """One look at the tally."""

    requests: int
    """Ad requests."""
    failed: int
    """Requests of any kind that got no answer, or another one than they should."""
    fallbacks: int
    p50_s: float
    p99_s: float
    """Time from asking for an ad to having it, seconds."""
    impressions: int
    clicks: int
    """Clicks of people and robots, as the server answered them."""
    dismissals: int
    conversions: int
    texts: int
    events: int
    """Events sent through the door: views, searches, dismissals, conversions."""
    http_requests: int
    people: int
    """Different people who came."""
    arms: dict[str, ArmResult]
    failures: dict[str, int]
    """Reason -> how often."""


@dataclass(slots=True)
class AudienceCounts:
    """Counts while the audience runs."""

    n_ad_requests: int = 0
    n_ads: int = 0
    n_fallbacks: int = 0
    n_clicks: int = 0
    n_dismissals: int = 0
    n_conversions: int = 0
    n_texts: int = 0
    n_events: int = 0
    n_http: int = 0
    ad_seconds: "array[float]" = field(default_factory=lambda: array("d"))
    seen: set[int] = field(default_factory=set)
    """Numbers of the people who came."""
    failures: Counter[str] = field(default_factory=Counter)
    shown: Counter[str] = field(default_factory=Counter)
    clicked: Counter[str] = field(default_factory=Counter)
    expected: dict[str, float] = field(default_factory=dict)

    def look(self, arm: str, chance: float, *, clicks: bool) -> None:
        """Count that a person saw an ad, and whether they will click it."""
        self.shown[arm] += 1
        self.clicked[arm] += clicks
        self.expected[arm] = self.expected.get(arm, 0.0) + chance

    def result(self) -> AudienceResult:
        """Return the counts as they are now."""
        return AudienceResult(
            requests=self.n_ad_requests,
            failed=self.failures.total(),
            fallbacks=self.n_fallbacks,
            p50_s=self._quantile(0.5),
            p99_s=self._quantile(0.99),
            impressions=self.n_ads,
            clicks=self.n_clicks,
            dismissals=self.n_dismissals,
            conversions=self.n_conversions,
            texts=self.n_texts,
            events=self.n_events,
            http_requests=self.n_http,
            people=len(self.seen),
            arms={
                arm: ArmResult(n, self.clicked[arm], self.expected[arm])
                for arm, n in sorted(self.shown.items())
            },
            failures=dict(self.failures),
        )

    def _quantile(self, share: float) -> float:
        """Return the nearest-rank quantile of the ad latencies; 0 without any."""
        ordered = sorted(self.ad_seconds)
        return ordered[int(share * (len(ordered) - 1))] if ordered else 0.0
