"""What goes on, for a person: bars on a terminal, plain lines elsewhere. On stderr."""

import time
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress as Bars,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

NOTE_EVERY_S = 10.0


class TerminalProgress:
    """Steps, one after another; a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]}"),
            TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
        )
        self._task: TaskID | None = None
        self._started = time.monotonic()
        self._noted = 0.0

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        self._bars.stop()

    def step(self, text: str, total: int | None = None) -> None:
        """Begin a step."""
        self._finish()
        self._task = self._bars.add_task(text, total=total, count="")
        self._line(text)

    def advance(self, done: int, total: int | None = None) -> None:
        """Say how far the step is."""
        count = f"{done:,}" if total is None else f"{done:,} of {total:,}"
        if self._task is not None:
            self._bars.update(self._task, completed=done, total=total, count=count)

    def note(self, text: str) -> None:
        """Say something about the step, now and then."""
        if self._task is not None:
            self._bars.update(self._task, count=text)
        if time.monotonic() - self._noted > NOTE_EVERY_S:
            self._noted = time.monotonic()
            self._line(f"  {text}")

    def _finish(self) -> None:
        if self._task is not None:
            self._bars.update(self._task, total=1, completed=1)
            self._task = None

    def _line(self, text: str) -> None:
        if not self._console.is_terminal:
            seconds = time.monotonic() - self._started
            self._console.print(f"{seconds:6.1f} s  {text}")
