"""Maps and parcellations: rows are vertices, left then right, and belong to a space."""

import numpy as np
import pytest
from hypothesis import given

from cytosurf.errors import InputError
from cytosurf.surfaces.maps import Parcellation, SurfaceMap, hemisphere_rows
from cytosurf.surfaces.space import Space
from tests.unit.surfaces.strategies import FSLR_32K, TOY, N, maps, parcellations, same_bits


class TestSurfaceMap:
    """Values with names of columns and a mask."""

    def test_one_dimension_becomes_one_named_column(self):
        """A vector is a map of one column of float32; everything is valid unless said."""
        data = SurfaceMap(np.arange(N, dtype=float), TOY, hemispheres=("L",))
        assert data.values.shape == (N, 1)
        assert data.values.dtype == np.float32
        assert data.columns == ("column_1",)
        assert data.valid.all()

    @given(maps())
    def test_splitting_and_joining_gives_the_same_map(self, data):
        """The hemispheres of a map put together again are the map."""
        if data.hemispheres != ("L", "R"):
            return
        again = SurfaceMap.join(data.hemisphere("L"), data.hemisphere("R"))
        assert same_bits(again.values, data.values)
        assert again.columns == data.columns
        np.testing.assert_array_equal(again.valid, data.valid)

    def test_printed_is_what_it_is_in_one_line(self):
        """Space, sides, vertices and the first columns, in place of thousands of numbers."""
        values = np.zeros((N, 9))
        data = SurfaceMap(values, TOY, valid=np.arange(N) > 1, hemispheres=("L",))
        names = ", ".join(f"column_{i}" for i in range(1, 8))
        vertices = f"{N} vertices of which {N - 2} are valid"
        assert repr(data) == f"SurfaceMap({TOY}, L, {vertices}, columns: {names} and 2 more)"

    def test_left_comes_first(self):
        """Rows of the left hemisphere are the first half."""
        data = SurfaceMap(np.arange(2 * N), TOY)
        assert data.hemisphere("L").values[0] == 0
        assert data.hemisphere("R").values[0] == N
        assert hemisphere_rows(data, "R") == slice(N, 2 * N)

    @pytest.mark.parametrize(
        ("arguments", "found"),
        [
            ({"values": np.zeros(100), "space": FSLR_32K}, "100 vertices"),
            ({"values": np.zeros(32_492), "space": FSLR_32K}, "32,492 vertices"),
            ({"values": np.zeros((N, 0))}, "(12, 0)"),
            ({"values": np.zeros((N, 1, 1))}, "(12, 1, 1)"),
            ({"values": np.array(["a"] * N)}, "dtype"),
            ({"values": np.array([None] * N)}, "dtype object"),
            ({"values": np.zeros(N, complex)}, "complex"),
            ({"columns": ("a", "b")}, "2 names"),
            ({"valid": np.ones(N)}, "float64"),
            ({"valid": np.ones(N + 1, bool)}, "(13,)"),
            ({"hemispheres": ("R", "L")}, "('R', 'L')"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, arguments, found):
        """Counts, shapes, types, names and masks are checked."""
        defaults = {"values": np.zeros(N), "space": TOY}
        with pytest.raises(InputError) as error:
            SurfaceMap(**{**defaults, **arguments})
        assert found in error.value.found

    def test_hemispheres_are_joined_only_if_they_belong_together(self):
        """Swapped sides, other spaces and other columns are refused."""
        left = SurfaceMap(np.zeros(N), TOY, ("a",), hemispheres=("L",))
        right = SurfaceMap(np.zeros(N), TOY, ("a",), hemispheres=("R",))
        with pytest.raises(InputError, match="in this order"):
            SurfaceMap.join(right, left)
        with pytest.raises(InputError, match="toy-13"):
            SurfaceMap.join(left, SurfaceMap(np.zeros(N), Space("toy", "13"), ("a",), None, ("R",)))
        with pytest.raises(InputError, match="columns"):
            SurfaceMap.join(left, SurfaceMap(np.zeros(N), TOY, ("b",), None, ("R",)))

    def test_a_hemisphere_that_is_not_there_is_named(self):
        """Asking a left map for its right side says which sides it has."""
        left = SurfaceMap(np.zeros(N), TOY, hemispheres=("L",))
        with pytest.raises(InputError, match=r"one of \('L',\)"):
            left.hemisphere("R")


class TestParcellation:
    """Keys with names; 0 is no label."""

    def test_used_keys_without_a_name_get_one(self):
        """Only keys above 0 that occur are filled in, and keys are int32."""
        labels = Parcellation(np.r_[0, 0, 3, 5, np.zeros(8)], TOY, {3: "V1"}, ("L",))
        assert labels.names == {3: "V1", 5: "label_5"}
        assert labels.keys.dtype == np.int32
        assert labels.used_keys().tolist() == [3, 5]

    @given(parcellations())
    def test_splitting_and_joining_gives_the_same_labels(self, labels):
        """The hemispheres of a parcellation put together again are the parcellation."""
        if labels.hemispheres != ("L", "R"):
            return
        again = Parcellation.join(labels.hemisphere("L"), labels.hemisphere("R"))
        np.testing.assert_array_equal(again.keys, labels.keys)
        assert again.names == labels.names

    @pytest.mark.parametrize(
        ("keys", "found"),
        [
            (np.full(N, 1.5), "not whole numbers"),
            (np.full(N, -1), "key -1"),
            (np.zeros((N, 1)), "(12, 1)"),
            (np.array(["V1"] * N), "U2"),
            (np.zeros(N + 1), "13"),
        ],
    )
    def test_what_are_no_keys_is_refused(self, keys, found):
        """Interpolated or negative keys, and wrong shapes, are named."""
        with pytest.raises(InputError) as error:
            Parcellation(keys, TOY, hemispheres=("L", "R"))
        assert found in str(error.value)

    def test_a_key_means_the_same_on_both_sides(self):
        """Two names for one key cannot be joined; the way out is said."""
        left = Parcellation(np.ones(N), TOY, {1: "left V1"}, ("L",))
        right = Parcellation(np.ones(N), TOY, {1: "right V1"}, ("R",))
        with pytest.raises(InputError, match="different keys"):
            Parcellation.join(left, right)


def test_maps_and_labels_become_nilearn_images():
    """`to_nilearn` gives a surface image with the same numbers."""
    thickness = SurfaceMap(np.arange(32_492), FSLR_32K, hemispheres=("L",))
    image = thickness.to_nilearn()
    np.testing.assert_array_equal(image.data.parts["left"], thickness.values[:, 0])
    labels = Parcellation(np.arange(32_492) % 3, FSLR_32K, hemispheres=("R",))
    np.testing.assert_array_equal(labels.to_nilearn().data.parts["right"], labels.keys)
