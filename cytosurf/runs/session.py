"""What is kept of a session of a run: its warnings, and how long each part took."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from cytosurf.errors import CytosurfWarning


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
