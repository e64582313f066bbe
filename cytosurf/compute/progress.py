"""A progress bar with speed and remaining time, on a terminal alone."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any


class Progress:
    """A bar on standard error while work goes on; nothing where that is not a terminal.

    Parameters
    ----------
    label : str
        Shown before the bar; without one there is no bar.
    total : int
        Amount of work.
    unit : str, optional
        What the work is counted in; the bar then also shows how much is done per second.

    Examples
    --------
    >>> with Progress("Spins", 10, "spins") as bar:
    ...     bar.advance(4, "p = 0.01")
    """

    def __init__(self, label: str, total: int, unit: str = "") -> None:
        self.shown = bool(label) and sys.stderr.isatty()
        self.label, self.total, self.unit = label, total, unit
        self.bar: Any = None

    def __enter__(self) -> Progress:
        if not self.shown:
            return self
        from rich import progress
        from rich.console import Console

        columns: list[Any] = [
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
        ]
        if self.unit:
            columns.append(progress.TextColumn("{task.fields[speed]} {task.fields[note]}"))
        self.bar = progress.Progress(*columns, console=Console(stderr=True))
        self.bar.start()
        self.task = self.bar.add_task(self.label, total=self.total, speed="", note="")
        return self

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Move the bar on by `amount`, and show `note` beside it."""
        if self.bar is None:
            return
        speed = self.bar.tasks[0].speed
        text = f"{speed:.1f} {self.unit}/s" if speed else ""
        self.bar.update(self.task, advance=amount, speed=text, note=note)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.bar is not None:
            self.bar.stop()
