"""Errors say where, what, what instead and what to do, and survive the way between processes."""

import pickle
import re

import pytest

from cytosurf.errors import (
    CytosurfError,
    CytosurfWarning,
    DownloadError,
    InputError,
    MissingDataError,
    WriteError,
    unknown_name,
)


class TestInputError:
    """Bad input, in one form."""

    def test_says_everything_in_one_line(self):
        """Where, found, expected, and the way out."""
        error = InputError("map.gii", "12 vertices", "32,492", "Is it another space?")
        message = "map.gii: found 12 vertices; expected 32,492. Is it another space?"
        assert str(error) == message
        assert (error.where, error.found, error.expected, error.way_out) == (
            "map.gii",
            "12 vertices",
            "32,492",
            "Is it another space?",
        )

    def test_ends_without_a_blank_where_there_is_no_way_out(self):
        """The way out may be left out."""
        assert str(InputError("a", "b", "c")) == "a: found b; expected c."

    @pytest.mark.parametrize("kind", [InputError, MissingDataError])
    def test_survives_pickling(self, kind):
        """A worker process hands the same error on."""
        error = pickle.loads(pickle.dumps(kind("a", "b", "c", "d")))
        assert type(error) is kind
        assert str(error) == "a: found b; expected c. d"
        assert error.way_out == "d"


class TestKinds:
    """What can be caught with what."""

    def test_bad_input_is_a_value_error(self):
        """So that callers who do not know cytosurf catch it."""
        assert issubclass(InputError, ValueError)
        assert issubclass(MissingDataError, InputError)

    @pytest.mark.parametrize("kind", [InputError, MissingDataError, DownloadError])
    def test_all_are_ours(self, kind):
        """One name catches every error raised on purpose."""
        assert issubclass(kind, CytosurfError)

    def test_a_failed_download_is_no_bad_input(self):
        """It ends with another exit code."""
        assert not issubclass(DownloadError, InputError)
        assert issubclass(CytosurfWarning, UserWarning)


class TestUnknownName:
    """A name that is not in a list."""

    def test_lists_the_known_names_in_order(self):
        """All of them, sorted, whatever kind of iterable they come in."""
        error = unknown_name("--target", "brain", (name for name in ["yeo7", "mesulam"]))
        assert str(error) == "--target: found 'brain'; expected one of mesulam, yeo7."

    @pytest.mark.parametrize(
        ("name", "near"),
        [("yoe7", "yeo7"), ("YEO7", "yeo7"), ("cordinates", "coordinates"), ("hits", "hist")],
    )
    def test_suggests_the_nearest(self, name, near):
        """For a slip of the hand or a capital."""
        known = ["coordinates", "harmonics", "hist", "yeo7", "yeo17"]
        assert unknown_name("x", name, known).way_out == f"Did you mean {near!r}?"

    @pytest.mark.parametrize("name", ["", "zzzzzzzz", "7"])
    def test_suggests_nothing_that_is_far_off(self, name):
        """A wild guess would not help."""
        assert unknown_name("x", name, ["coordinates", "hist"]).way_out == ""


def test_a_file_that_cannot_be_written():
    """Is named with what the system says, and how to go on; also from a worker process."""
    error = pickle.loads(pickle.dumps(WriteError(28, "No space left on device", "run/a.npz")))
    assert isinstance(error, CytosurfError)
    assert isinstance(error, OSError)
    assert (error.errno, error.filename) == (28, "run/a.npz")
    assert re.fullmatch(r"run/a\.npz: cannot be written \(No space.*command goes on\.", str(error))
