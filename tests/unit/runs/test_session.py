"""Warnings of a session are kept and still shown; times are those of the parts."""

import time
import warnings

import pytest

from cytosurf.errors import CytosurfWarning
from cytosurf.runs.session import Clock, kept_warnings


def fail_with_warnings(messages):
    """Warn twice inside the block, and raise."""
    with kept_warnings(messages):
        warnings.warn("ours", CytosurfWarning, stacklevel=1)
        warnings.warn("theirs", UserWarning, stacklevel=1)
        raise KeyError


def test_warnings_are_kept_and_shown_at_the_end():
    """Our own are kept, all are shown, also when the block fails."""
    messages = []
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        with pytest.raises(KeyError):
            fail_with_warnings(messages)
    assert messages == ["ours"]
    assert [str(w.message) for w in shown] == ["ours", "theirs"]


def test_times_are_those_of_the_parts():
    """Each under its name, earlier parts kept."""
    clock = Clock({"before": 1.0})
    with clock.time("nap"):
        time.sleep(0.02)
    assert clock.seconds["before"] == 1.0
    assert clock.seconds["nap"] >= 0.02
