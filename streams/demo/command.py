"""`adloom demo [--json]`: run, then print the report."""

import json
import signal
import sys
from threading import Event
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.demo import run as demo
from streams.demo.progress import TerminalProgress
from streams.demo.report import DemoReport
from streams.runtime import logs
from streams.settings import Settings

INTERRUPTED = 130


def run(settings: Settings, *, as_json: bool) -> int:
    """Run the demo and print its report; return the exit status."""
    logs.configure()
    stop = Event()

    def end(*_: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    signal.signal(signal.SIGINT, end)
    signal.signal(signal.SIGTERM, end)
    try:
        with TerminalProgress() as progress:
            report = demo.run(settings, stop, progress)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; nothing is left running.\n")
        return INTERRUPTED
    if as_json:
        sys.stdout.write(json.dumps(report.as_json()) + "\n")
    else:
        _print(report, Console(highlight=False))
    for failure in report.failures():
        sys.stderr.write(f"adloom: {failure}\n")
    return 1 if report.failures() else 0


def _print(report: DemoReport, console: Console) -> None:
    """Print the report for a person."""
    replay, serving = report.replay, report.serving
    console.print("\n[bold]Replay of the real Open Bandit log[/bold], read back")
    console.print(
        f"  {replay['impressions']:,} impressions and {replay['clicks']} clicks in "
        f"ClickHouse ({replay['duplicates_sent']:,} duplicates were sent on top); "
        f"{replay['cells_equal']} of {replay['cells']} item × position cells equal "
        "pandas on the file"
    )
    console.print("\n[bold]Serving a simulated audience[/bold]")
    console.print(
        f"  {serving['requests']:,} requests, {serving['failed']} failed, "
        f"{serving['fallbacks']:,} answered with the fallback; "
        f"p50 {serving['p50_s'] * 1000:.0f} ms, p99 {serving['p99_s'] * 1000:.0f} ms"
    )
    fresh = report.freshness
    if fresh["event_to_creative_p50_s"] is not None:
        console.print(
            f"  from an event to the creative it led to: "
            f"p50 {fresh['event_to_creative_p50_s']:.2f} s, "
            f"p99 {fresh['event_to_creative_p99_s']:.2f} s"
        )
    console.print("\n[bold]Learning[/bold]")
    console.print(
        f"  {report.learning['fine_tunes']} fine-tunes, "
        f"{report.learning['swaps']} models swapped in while serving"
    )
    console.print(_arms(report.learning["arms"]))
    letters = sum(report.dead_letters.values())
    console.print(f"  dead letters: {letters}")
    console.print(f"\n[bold]Gallery[/bold]  {report.gallery}")
    console.print(
        "[bold]Next[/bold]     open the gallery; `adloom up` keeps the system "
        "running; docs/flow.md shows the way through the house"
    )


def _arms(arms: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=True)
    for name in ("arm", "version", "impressions", "clicks", "CTR", "95 %", "lift"):
        table.add_column(name, justify="left" if name in ("arm", "lift") else "right")
    for arm in arms:
        table.add_row(
            arm["arm"],
            str(arm["version"]),
            f"{arm['impressions']:,}",
            f"{arm['clicks']:,}",
            f"{arm['ctr']:.2%}",
            f"{arm['low']:.2%} to {arm['high']:.2%}",
            _lift(arm),
        )
    return table


def _lift(arm: dict[str, Any]) -> str:
    if "lift" not in arm:
        return "comparison group"
    interval = f"{arm['lift_low']:+.2%} to {arm['lift_high']:+.2%}"
    if arm["lift_low"] <= 0 <= arm["lift_high"]:
        return f"no difference shown: {interval}"
    return f"{arm['lift']:+.2%} ({interval})"
