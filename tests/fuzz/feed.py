"""Hostile payloads -> every compiled module, until the time is over.

The process that `__main__` starts. Counts are written at every second: the last line of
stdout says how far it came, crash or not.
"""

import json
import sys
import time
from collections import Counter

from tests.fuzz.attribution_feed import AttributionFeed
from tests.fuzz.feedback_feed import FeedbackFeed
from tests.fuzz.preferences_feed import PreferencesFeed
from tests.fuzz.requests_feed import RequestsFeed
from tests.fuzz.rows_feed import RowsFeed
from tests.fuzz.score_feed import ScoreFeed
from tests.fuzz.strings_feed import StringsFeed
from tests.streams.hostile_records import generator

FEEDS = (
    PreferencesFeed,
    RequestsFeed,
    AttributionFeed,
    StringsFeed,
    FeedbackFeed,
    RowsFeed,
    ScoreFeed,
)


def main(seconds: float, seed: int) -> None:
    """Feed the modules until the time is over; each feed has as much CPU time."""
    counts: Counter[str] = Counter()
    rng = generator(seed)
    feeds = [feed(rng, counts) for feed in FEEDS]
    used = dict.fromkeys(feeds, 0.0)
    until, told = time.monotonic() + seconds, time.monotonic()
    while time.monotonic() < until:
        feed = min(feeds, key=used.__getitem__)
        started = time.process_time()
        feed.round()
        used[feed] += time.process_time() - started
        if time.monotonic() - told > 1:
            told = time.monotonic()
            _tell(counts)
    _tell(counts)


def _tell(counts: Counter[str]) -> None:
    sys.stdout.write(json.dumps(counts) + "\n")
    sys.stdout.flush()
