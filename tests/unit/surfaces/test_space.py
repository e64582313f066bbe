"""A space is a template and a density; its number of vertices is checked, never trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.surfaces.space import (
    KNOWN_SPACES,
    Space,
    check_hemispheres,
    check_vertex_count,
)


@pytest.mark.parametrize("space", KNOWN_SPACES)
def test_every_known_space_is_read_from_its_own_text(space):
    """`str` and `parse` are inverse."""
    assert Space.parse(str(Space(*space))) == Space(*space)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fs_LR 32k", Space("fsLR", "32k")),
        ("FSLR", Space("fsLR", "32k")),
        ("conte69", Space("fsLR", "32k")),
        ("fs_LR_164k", Space("fsLR", "164k")),
        ("BigBrain", Space("bigbrain", "164k")),
        ("fsaverage5", Space("fsaverage", "10k")),
        ("fsaverage", Space("fsaverage", "164k")),
    ],
)
def test_usual_spellings_are_understood(text, expected):
    """Case and separators do not matter, and the field's short names are known."""
    assert Space.parse(text) == expected


def test_an_unknown_space_is_answered_with_the_nearest_name():
    """A typo is met with the name that was probably meant."""
    with pytest.raises(InputError, match=r"Did you mean 'fsLR-32k'\?"):
        Space.parse("fsLR-33k")


def test_spaces_with_the_same_count_are_different():
    """BigBrain, fs_LR 164k and fsaverage have 163,842 vertices and are not equal."""
    spaces = {Space("bigbrain", "164k"), Space("fsLR", "164k"), Space("fsaverage", "164k")}
    assert {space.n_vertices for space in spaces} == {163_842}
    assert len(spaces) == 3


def test_a_space_of_the_users_own_has_no_known_count():
    """Any template and density may be named; its count is then not checked."""
    mouse = Space("mouse", "5k")
    assert mouse.n_vertices is None
    check_vertex_count(5001, mouse, ("L",), "map")
    with pytest.raises(InputError, match="the same number of vertices in both hemispheres"):
        check_vertex_count(5001, mouse, ("L", "R"), "map")


@pytest.mark.parametrize("hemispheres", [("L",), ("R",), ("L", "R")])
def test_hemispheres_that_exist_pass(hemispheres):
    """One or both hemispheres, the left one first."""
    check_hemispheres(hemispheres, "map")
    with pytest.raises(InputError, match="found hemispheres"):
        check_hemispheres((*hemispheres, "L"), "map")


@pytest.mark.parametrize("hemispheres", [(), ("R", "L"), ("left",), ("L", "L"), "L", ["L", "R"]])
def test_other_hemispheres_are_refused(hemispheres):
    """The order is left, right; nothing else is a set of hemispheres."""
    with pytest.raises(InputError, match="hemispheres"):
        check_hemispheres(hemispheres, "map")


@given(st.sampled_from(sorted(KNOWN_SPACES)), st.integers(0, 400_000))
def test_only_the_exact_count_passes(space, n_rows):
    """A number of rows passes for one hemisphere only if it is that of the space."""
    space = Space(*space)
    if n_rows == space.n_vertices:
        check_vertex_count(n_rows, space, ("L",), "map")
    else:
        with pytest.raises(InputError):
            check_vertex_count(n_rows, space, ("L",), "map")


def test_a_wrong_count_names_the_spaces_that_it_fits():
    """A map on another mesh is answered with what it could be instead."""
    with pytest.raises(InputError) as error:
        check_vertex_count(163_842, Space("fsLR", "32k"), ("L",), "left.func.gii")
    message = str(error.value)
    assert "left.func.gii" in message
    assert "163,842" in message
    assert "32,492 (fsLR-32k" in message
    assert "bigbrain-164k" in error.value.way_out


def test_halves_of_an_own_space_must_be_equal():
    """An odd number of rows cannot be two hemispheres."""
    with pytest.raises(InputError, match="two hemispheres"):
        check_vertex_count(11, Space("mouse", "5k"), ("L", "R"), "map")


def test_a_count_of_another_space_says_where_to_go():
    """The spaces with that count are named, and the command that carries a map from them."""
    with pytest.raises(InputError, match=r"fits fsLR-164k or bigbrain-164k.*\(cytosurf map\)"):
        check_vertex_count(163_842, Space("fsLR", "32k"), ("L",), "map")
    with pytest.raises(InputError, match=r"expected 32,492 \(fsLR-32k, hemispheres L\)\.$"):
        check_vertex_count(5, Space("fsLR", "32k"), ("L",), "map")
