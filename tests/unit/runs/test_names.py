"""Names of inputs, as callers give them."""

from pathlib import Path

import pytest

from cytosurf.errors import InputError
from cytosurf.runs.names import folder_name, listed, name_of, names_of


class Named:
    """An object in memory that says what it is called."""

    name = "mine"


def test_lists_are_taken_apart_and_objects_wrapped():
    """Commas separate names; a path, an object and a list are what they are."""
    thing = Named()
    assert listed("a, b,,c ") == ["a", "b", "c"]
    assert listed(Path("x/y.gii")) == ["x/y.gii"]
    assert listed(thing) == [thing]
    assert listed(("a", thing, Path("b"))) == ["a", thing, "b"]
    assert listed("") == []


def test_names():
    """Text and paths are their own names; objects have one or are numbered."""
    assert name_of(Path("a.gii"), "target") == "a.gii"
    assert names_of("features", ["a", Named(), object()]) == ["a", "mine", "features-3"]


@pytest.mark.parametrize(
    ("given", "says"), [([], "features: found none"), (["a", "b", "a"], "'a' 2 times")]
)
def test_none_and_twins_are_refused(given, says):
    """Two inputs of one name could not be told apart."""
    with pytest.raises(InputError, match=says):
        names_of("features", given)


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("yeo7", "yeo7"),
        ("yeo7:bigbrain", "yeo7-bigbrain"),
        ("/data/{hemi}_areas.label.gii", "areas"),
        ("???", "target"),
    ],
)
def test_folders(name, folder):
    """Without signs that a file system might not like."""
    assert folder_name(name) == folder
