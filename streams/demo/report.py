"""A demo run and ClickHouse -> one report: an object for machines, lines for people."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client

from streams.clickhouse import analytics
from streams.clickhouse.effects import Effect, concurrent_control, effect_by_arm, lift
from streams.clickhouse.queries import rows
from streams.demo.gallery.page import write_gallery
from streams.demo.replay import Cell, ReplayCounts
from streams.demo.simulate.audience import AudienceResult
from streams.kafka.dead_letters import dead_letter_topic
from streams.local.stage_counts import StageCounts

REPLAYED = "obd-"
"""How the placements of the replayed log begin."""

N_SHOWN = 60
SIMULATED = "The people here are simulated; the replayed log is real."


@dataclass(frozen=True)
class DemoRun:
    """What the demo itself knows; ClickHouse knows the rest."""

    replayed: ReplayCounts
    expected: Mapping[Cell, tuple[int, int]]
    audience: AudienceResult
    counts: StageCounts
    cooldown_s: float
    """Between two requests for one placement."""
    gallery: Path


@dataclass(frozen=True)
class DemoReport:
    """The report; the fields are the keys of `adloom demo --json`."""

    replay: dict[str, int]
    serving: dict[str, float]
    learning: dict[str, Any]
    freshness: dict[str, float | None]
    stages: dict[str, dict[str, int]]
    dead_letters: dict[str, int]
    gallery: str
    verdicts: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the object that `--json` prints."""
        return asdict(self)

    def failures(self) -> list[str]:
        """Return what is not as it must be; empty when the demo succeeded."""
        sent, stored = self.replay["impressions_sent"], self.replay["impressions"]
        clicked, counted = self.replay["clicks_sent"], self.replay["clicks"]
        cells, equal = self.replay["cells"], self.replay["cells_equal"]
        failed = self.serving["failed"]
        tunes, swaps = self.learning["fine_tunes"], self.learning["swaps"]
        found = {
            f"replayed impressions: sent {sent}, in ClickHouse {stored}": sent
            != stored,
            f"replayed clicks: sent {clicked}, in ClickHouse {counted}": clicked
            != counted,
            f"cells: {equal} of {cells} equal pandas": cells != equal,
            f"requests failed: {failed:.0f}": bool(failed),
            f"fine-tunes in ClickHouse: expected 2, came {tunes}": tunes < 2,  # noqa: PLR2004 - the demo's aim
            "no model was swapped in, says ClickHouse": swaps < 1,
        }
        return [name for name, failed in found.items() if failed]


def summarise(run: DemoRun, clickhouse: Client) -> DemoReport:
    """Read the effect back, write the gallery, return the report.

    Raises:
        UnavailableError, StateError: ClickHouse does not answer as it should.
    """
    effects = effect_by_arm(clickhouse)
    report = DemoReport(
        replay=_replay(run, clickhouse),
        serving={
            "requests": run.audience.requests,
            "failed": run.audience.failed,
            "fallbacks": run.audience.fallbacks,
            "p50_s": run.audience.p50_s,
            "p99_s": run.audience.p99_s,
        },
        learning=_learning(effects, clickhouse),
        freshness=_freshness(clickhouse, run.cooldown_s),
        stages=run.counts.stages,
        dead_letters={
            dead_letter_topic(refused.topic): refused.records
            for refused in analytics.dead_letters(clickhouse)
        },
        gallery=str(run.gallery),
        verdicts=[asdict(v) for v in analytics.gate_verdicts(clickhouse)],
    )
    write_gallery(
        run.gallery, clickhouse, report.as_json(), limit=N_SHOWN, note=SIMULATED
    )
    return report


def _replay(run: DemoRun, clickhouse: Client) -> dict[str, int]:
    stored = analytics.counts(clickhouse, REPLAYED)
    cells = {
        (cell.item, cell.placement): (cell.impressions, cell.clicks)
        for cell in analytics.ctr_by_item_position(clickhouse, REPLAYED)
    }
    expected = {
        (str(item), f"{REPLAYED}{policy}-position-{position}"): counts
        for (policy, item, position), counts in run.expected.items()
    }
    equal = sum(cells.get(cell) == counts for cell, counts in expected.items())
    surplus = len(set(cells) - set(expected))
    return {
        "impressions": stored.impressions,
        "clicks": stored.clicks,
        "duplicates_sent": run.replayed.duplicates_sent,
        "cells": len(expected) + surplus,
        "cells_equal": equal,
        "impressions_sent": run.replayed.impressions,
        "clicks_sent": run.replayed.clicks,
    }


def _learning(effects: list[Effect], clickhouse: Client) -> dict[str, Any]:
    releases = analytics.releases(clickhouse)
    tuned = {r.version for r in releases if r.job_id and r.sha256}
    champions = {r.version for r in releases if r.stage == "champion"}
    served = {
        version
        for (version,) in rows(
            clickhouse, "SELECT DISTINCT receipt_model_version FROM creative"
        )
    }
    controls = concurrent_control(clickhouse)
    shown = [e for e in effects if e.arm in {"control", "champion", "canary"}]
    return {
        "fine_tunes": len(tuned),
        "swaps": len(tuned & champions & served),
        "arms": [
            _arm(effect, controls.get((effect.arm, effect.model_version)))
            for effect in shown
        ],
    }


def _arm(effect: Effect, control: Effect | None) -> dict[str, Any]:
    """Return one arm; its lift is against the control of the same minutes."""
    arm: dict[str, Any] = {
        "arm": effect.arm,
        "version": effect.model_version,
        "impressions": effect.impressions,
        "clicks": effect.clicks,
        "ctr": effect.ctr,
        "low": effect.low,
        "high": effect.high,
    }
    if control is not None and effect.arm != control.arm:
        found = lift(effect, control)
        arm["control_ctr"] = control.ctr
        arm["lift"] = found.difference
        arm["lift_low"], arm["lift_high"] = found.low, found.high
    return arm


def _freshness(clickhouse: Client, cooldown_s: float) -> dict[str, float | None]:
    latency = analytics.event_to_creative(clickhouse, cooldown_s)
    return {
        "event_to_creative_p50_s": latency.p50_s,
        "event_to_creative_p99_s": latency.p99_s,
    }
