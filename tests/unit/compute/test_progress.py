"""The progress bar is silent where it is not watched, and says how fast where it is."""

import io
import sys

import pytest

from cytosurf.compute.progress import Progress


class Terminal(io.StringIO):
    """Standard error that is a terminal."""

    def isatty(self):
        """Say that it is one."""
        return True


def test_silent_without_a_terminal(capsys):
    """Logs of batch jobs hold no bars."""
    with Progress("Spins", 2, "spins") as bar:
        bar.advance()
        bar.advance(1, "p = 1")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize("unit", ["", "spins"])
def test_shows_how_far_and_what_is_noted(monkeypatch, unit):
    """The count, and the note where the work has a unit."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    with Progress("Spins", 4, unit) as bar:
        bar.advance(3, "p = 0.25")
    said = sys.stderr.getvalue()
    assert "3/4" in said
    assert ("p = 0.25" in said) == bool(unit)
