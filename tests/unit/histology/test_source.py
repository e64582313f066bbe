"""Patches that are an array, parts of a source, and distances to what must not be seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.histology.source import ArraySource, Selection, away_from, unit_range


def line(n):
    """Return a source of n patches, 1 mm apart."""
    patches = np.arange(n * 4, dtype=np.uint8).reshape(n, 1, 2, 2)
    return ArraySource(patches, np.arange(n)[:, None] * [1.0, 0, 0], "other:line")


@pytest.mark.parametrize(
    ("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (">u2", 65535), ("<u2", 65535)]
)
def test_grey_values_are_scaled_by_the_range_of_their_type(dtype, white):
    """White is 1 and black 0, whatever the depth."""
    values = unit_range(np.array([0, white // 5, white], dtype), "patches")
    assert values.dtype == np.float32
    assert values.tolist() == pytest.approx([0, 0.2, 1], abs=1e-6)


@pytest.mark.parametrize("bad", [-0.1, 1.1, np.nan, np.inf])
def test_floats_outside_the_unit_range_are_refused(bad):
    """Grey values that nobody scaled would make gamma meaningless."""
    source = ArraySource(np.full((2, 1, 1), bad), np.zeros((2, 3)), "other:toy")
    with pytest.raises(InputError, match="0 to 1"):
        source.read(np.array([0]))


def test_a_selection_reads_what_its_source_reads():
    """Patches, places and ids of a part are those of the whole."""
    source = line(6)
    part = Selection(source, np.array([4, 1]))
    assert np.array_equal(part.read(np.array([1, 0])), source.read(np.array([1, 4])))
    assert part.ids.tolist() == [4, 1]
    assert part.coordinates_mm[:, 0].tolist() == [4, 1]
    assert (part.shape, part.space) == (source.shape, source.space)
    named = ArraySource(np.zeros((6, 1, 1)), np.eye(6, 3), "toy", groups={"label": np.arange(6)})
    assert Selection(named, np.array([4, 1])).groups["label"].tolist() == [4, 1]


@given(
    st.lists(st.booleans(), min_size=3, max_size=20).filter(lambda x: not all(x)),
    st.integers(0, 5),
)
def test_nothing_stays_within_the_buffer_of_what_is_excluded(excluded, buffer_mm):
    """Every kept patch is farther from every excluded one than the buffer, every other is not."""
    mask = np.array(excluded)
    places = np.arange(len(mask))
    gap = np.abs(places[:, None] - places[mask]).min(axis=1, initial=99)
    expected = np.flatnonzero(~mask & (gap > buffer_mm))
    if len(expected):
        assert away_from(line(len(mask)), mask, buffer_mm).tolist() == expected.tolist()
    else:
        with pytest.raises(InputError, match="patches to train on"):
            away_from(line(len(mask)), mask, buffer_mm)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((2, 2)), np.zeros((2, 3))), "patches"),
        ((np.zeros((2, 1, 1)), np.zeros((3, 3))), "coordinates_mm"),
        ((np.zeros((2, 1, 1)), [[0, 0, np.nan], [0, 0, 0]]), "finite mm"),
        ((np.zeros((2, 1, 1), np.int64), np.zeros((2, 3))), "int64"),
        ((np.zeros((2, 1, 1)), np.zeros((2, 3)), "other:x", np.array([0.5, 1])), "ids"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(arguments, words):
    """Each with the array at fault."""
    patches, points, *rest = arguments
    with pytest.raises(InputError, match=words):
        ArraySource(patches, points, *(rest or ["other:x"]))


def test_two_coordinates_lie_in_a_plane():
    """A slice has no third coordinate: it is 0."""
    source = ArraySource(np.zeros((2, 3, 3)), [[1, 2], [3, 4]], "other:slice")
    assert source.coordinates_mm.tolist() == [[1, 2, 0], [3, 4, 0]]
