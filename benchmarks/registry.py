"""Name -> figure: the rows of docs/performance.md, each with its one function."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.figures import Row
from benchmarks.learning.real.figure import learning_real
from benchmarks.measures.event_parts import event_parts
from benchmarks.measures.feedback_latency import critic_latency, generator_latency
from benchmarks.measures.fine_tune import fine_tune
from benchmarks.measures.growth import growth_users
from benchmarks.measures.images import images
from benchmarks.measures.join import join
from benchmarks.measures.latency import creative_latency, preference_latency
from benchmarks.measures.memory import memory
from benchmarks.measures.preferences import preferences
from benchmarks.measures.promotion import promotion
from benchmarks.measures.recovery import recovery
from benchmarks.measures.sink_rows import feedback_rows
from benchmarks.measures.stage_worker import attribution, sink
from benchmarks.measures.stages import checkpoint, creatives, texts
from benchmarks.measures.two_workers import two_workers
from benchmarks.measures.variants import (
    compression,
    growth_partitions,
    local,
    pure_python,
)
from benchmarks.session import Session


@dataclass(frozen=True)
class Figure:
    """One entry of `adloom bench`."""

    name: str
    what: str
    measure: Callable[[Session], Iterable[Row]]


FIGURES: dict[str, Figure] = {
    figure.name: figure
    for figure in (
        Figure("preferences", "events/s and CPU, beside every peer", preferences),
        Figure("compression", "preferences from lz4 and zstd topics", compression),
        Figure("pure-python", "preferences by the references in Python", pure_python),
        Figure("local-broker", "preferences on the local broker", local),
        Figure("memory", "resident bytes a user at 5 million users", memory),
        Figure("recovery", "seconds until 1 million users are back", recovery),
        Figure("checkpoint", "CPU of 100,000 dirty users", checkpoint),
        Figure(
            "latency", "event to preference at 100,000 events/s", preference_latency
        ),
        Figure("creative-latency", "event to creative, the same", creative_latency),
        Figure("attribution", "impressions joined with reactions", attribution),
        Figure("join", "the same in process, and what it holds", join),
        Figure("creatives", "requests answered, K = 16, and one alone", creatives),
        Figure("texts", "short texts read", texts),
        Figure("sink", "rows into ClickHouse in process", sink),
        Figure("sink-feedback", "feedback into Arrow blocks", feedback_rows),
        Figure("growth-users", "CPU an event, 10 thousand to 5 million", growth_users),
        Figure("event-parts", "where that CPU goes, in process", event_parts),
        Figure("growth-partitions", "CPU an event, 1 to 64", growth_partitions),
        Figure("two-workers", "two workers beside one", two_workers),
        Figure("fine-tune", "a job of 10,000 examples, and its export", fine_tune),
        Figure("promotion", "right and wrong verdicts of 1,000 canaries", promotion),
        Figure("feedback-latency", "feedback to critic in serving", critic_latency),
        Figure(
            "generator-latency",
            "feedback to tuned generator in serving",
            generator_latency,
        ),
        Figure("learning-real", "policies learnt from real logs", learning_real),
        Figure("images", "drawn clothes beside photographs and PCA", images),
    )
}
