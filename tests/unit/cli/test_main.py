"""The program as a whole: exit codes 0, 1 and 2, one message for each error, own warnings alone."""

import errno
import re
import sys
import warnings

import pytest

import cytosurf as package
from cytosurf import workflow
from cytosurf.errors import (
    CytosurfWarning,
    DownloadError,
    InputError,
    MissingDataError,
    WriteError,
)


def failing(monkeypatch, error):
    """Let `decode` end with an error."""

    def decode(**_):
        raise error

    monkeypatch.setattr(workflow, "decode", decode)


def test_help_names_every_command(cytosurf):
    """The list of commands is what is promised."""
    for option in ("--help", "-h"):
        ended = cytosurf(option)
        assert ended.code == 0
        for command in ("decode", "report", "map", "data"):
            assert f" {command} " in ended.out


@pytest.mark.parametrize("command", ["decode", "report", "map", "data"])
def test_every_command_explains_itself(cytosurf, command):
    """Help ends with exit code 0 and has a sentence on what the command does."""
    ended = cytosurf(command, "--help")
    assert ended.code == 0
    assert "Usage: " in ended.out


def test_the_version(cytosurf):
    """It is that of the package."""
    assert cytosurf("--version") == (0, f"cytosurf {package.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["decode", "--spinz", "3"],
        ["decode", "--spins", "many"],
        ["decode", "extra"],
        ["decod"],
        ["report"],
        ["map", "x.gii"],
    ],
)
def test_wrong_usage_ends_with_2(cytosurf, arguments):
    """Unknown options and commands, and values of another type, are wrong usage."""
    ended = cytosurf(*arguments)
    assert ended.code == 2
    assert "Error" in ended.err
    assert "Traceback" not in ended.err


def test_bad_input_ends_with_2_and_one_message(cytosurf, monkeypatch):
    """The message is all that is said."""
    for error in (
        InputError("--spins", "-3", "0 or more", "Ask for more."),
        MissingDataError("yeo/a", "no file", "a file", "Fetch it."),
    ):
        failing(monkeypatch, error)
        assert cytosurf("decode") == (2, "", f"Error: {error}\n")


def test_a_failed_run_ends_with_1(cytosurf, monkeypatch):
    """A download that fails for good is no fault of the input."""
    failing(monkeypatch, DownloadError("yeo: every address failed"))
    assert cytosurf("decode") == (1, "", "Error: yeo: every address failed\n")


@pytest.mark.parametrize("kind", [OSError, WriteError])
def test_a_full_disk_ends_with_1_and_says_how_to_go_on(cytosurf, monkeypatch, kind):
    """Whoever found it; other failures of the system are not taken for it."""
    failing(monkeypatch, kind(errno.ENOSPC, "No space left on device", "run/x.npz"))
    ended = cytosurf("decode")
    assert (ended.code, ended.out) == (1, "")
    words = r"Error: run/x\.npz: cannot be written \(No space left on device\)\..*goes on\.\n"
    assert re.fullmatch(words, ended.err)
    failing(monkeypatch, OSError(errno.EIO, "Input/output error"))
    with pytest.raises(OSError, match="Input/output"):
        cytosurf("decode")


def test_an_interrupted_run_ends_with_1_and_says_how_to_go_on(cytosurf, monkeypatch):
    """Ctrl-C is not an error of the input, and nothing is lost."""
    failing(monkeypatch, KeyboardInterrupt())
    ended = cytosurf("decode")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines() == ["Stopped. The same command goes on from what is finished."]


def test_an_error_of_ours_is_not_hidden(cytosurf, monkeypatch):
    """What is neither bad input nor a failed run is a bug, and keeps its traceback."""
    failing(monkeypatch, ZeroDivisionError("bug"))
    with pytest.raises(ZeroDivisionError, match="bug"):
        cytosurf("decode")


def test_our_warnings_are_lines_and_those_of_libraries_are_not_shown(cytosurf, monkeypatch):
    """A user can act on what we say, and not on what a library will deprecate."""

    def decode(**_):
        for _ in range(2):
            warnings.warn("3 keys have no name", CytosurfWarning, stacklevel=1)
        warnings.warn("will be removed", UserWarning, stacklevel=1)
        return {}

    monkeypatch.setattr(workflow, "decode", decode)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        ended = cytosurf("decode")
    assert ended.err.splitlines() == ["Warning: 3 keys have no name"] * 2


def test_the_command_is_kept_so_that_it_can_be_typed_again(cytosurf, monkeypatch):
    """Arguments with spaces are quoted."""
    kept = {}
    monkeypatch.setattr(workflow, "decode", lambda **options: kept.update(options) or {})
    assert cytosurf("decode", "--features", "my maps.npz").code == 0
    assert kept["command"] == "cytosurf decode --features 'my maps.npz'"
    assert sys.argv[0] == "cytosurf"
