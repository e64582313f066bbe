"""What is kept of the sessions of a run: warnings, and how long each part took."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cytosurf.errors import CytosurfWarning

NOTE_SECONDS = 1.0  # how often the time that work has taken is written while it goes on


@contextmanager
def kept_warnings(messages: list[str]) -> Iterator[None]:
    """Add the text of our own warnings to `messages`, shown or not.

    At the end of the block all warnings are shown as the caller's filters say.
    """
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", CytosurfWarning)
            yield
    finally:
        for warning in caught:
            if issubclass(warning.category, CytosurfWarning):
                messages.append(str(warning.message))
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


class Clock:
    """Wall-clock seconds of the named parts of a run.

    Parameters
    ----------
    seconds : dict of str to float
        Parts that are done; more are added.
    """

    def __init__(self, seconds: dict[str, float]) -> None:
        self.seconds = seconds

    @contextmanager
    def time(self, part: str) -> Iterator[None]:
        """Take the time of the block under the name `part`."""
        start = time.perf_counter()
        yield
        self.seconds[part] = round(time.perf_counter() - start, 3)


class AllSessions:
    """Wall-clock seconds of work in all its sessions, this one too, killed ones too.

    Parameters
    ----------
    before : float
        Seconds of earlier sessions.
    write : callable
        Keeps the seconds of all sessions on disk.
    """

    def __init__(self, before: float, write: Callable[[float], None]) -> None:
        self.before = before
        self.write = write
        self.start = self.written = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds so far."""
        return round(self.before + time.perf_counter() - self.start, 3)

    def note(self) -> None:
        """Write the seconds so far, unless they were written a moment ago."""
        if time.perf_counter() - self.written >= NOTE_SECONDS:
            self.write(self.seconds())
            self.written = time.perf_counter()
