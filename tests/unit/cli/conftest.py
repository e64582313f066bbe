"""The command line as a user meets it: exit code, standard output, standard error."""

import re
import sys
import warnings
from typing import NamedTuple

import pytest

from cytosurf.cli import main


class Ended(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@pytest.fixture
def cytosurf(monkeypatch, capsys):
    """Return a function that runs a command in this process."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["cytosurf", *(str(a) for a in arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        capsys.readouterr()
        with warnings.catch_warnings():
            try:
                main()
                code = 0
            except SystemExit as end:
                code = end.code or 0
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


def refused(ended, words):
    """Assert that a command ended with 2 and one message, and return the message."""
    assert ended.code == 2, ended
    assert ended.out == ""
    errors = [line for line in ended.err.splitlines() if not line.startswith("Warning: ")]
    assert len(errors) == 1, ended.err
    assert errors[0].startswith("Error: ")
    assert "Traceback" not in ended.err
    assert re.search(words, errors[0]), errors[0]
    assert re.search(r": found .*; expected .*\.", errors[0])
    return errors[0]
