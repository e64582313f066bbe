"""Embedded feature sets: BrainSpace's own values, valid inside its mask."""

import numpy as np
import pytest

from cytosurf.data import embedded_path
from cytosurf.features.embedded import CIRCULAR
from cytosurf.features.registry import load_features
from cytosurf.surfaces.resample import resample
from cytosurf.surfaces.space import Space
from cytosurf.targets.embedded import FSLR32K, cortex_mask

COLUMNS = ("t1wt2w", "thickness", "curvature", "mpc_gradient0", "mpc_gradient1")


def brainspace(column):
    """Return one of BrainSpace's maps as the file has it."""
    return np.loadtxt(embedded_path(f"matrices/main_group/conte69_32k_{column}.csv"))


def test_microstructure_is_the_five_maps_of_brainspace():
    """Values are those of the files; the mask is BrainSpace's, which is where they are not NaN."""
    features = load_features("microstructure")
    assert features.map.columns == COLUMNS
    assert features.map.valid.sum() == 58_558
    assert features.sources == ("brainspace",)
    for i, column in enumerate(COLUMNS):
        values = brainspace(column)
        np.testing.assert_array_equal(features.map.valid, ~np.isnan(values))
        inside = features.map.values[features.map.valid, i]
        np.testing.assert_allclose(inside, values[features.map.valid], rtol=1e-6)


@pytest.mark.parametrize("name", ["t1wt2w", "thickness", "curvature"])
def test_single_maps_are_columns_of_microstructure(name):
    """Each map can be had alone."""
    alone, together = load_features(name).map, load_features("microstructure").map
    np.testing.assert_array_equal(alone.values[:, 0], together.values[:, COLUMNS.index(name)])


def test_a_functional_gradient_says_that_it_is_circular():
    """fc-gradients carries the warning that the report shows."""
    assert CIRCULAR in load_features("fc-gradients").notes
    assert CIRCULAR not in load_features("mpc-gradients").notes


@pytest.mark.real_data
def test_in_another_space_the_set_is_resampled_inside_the_mask(real_cache):
    """On fs_LR 164k the values are those of a masked resampling, and the spheres are sources."""
    space = Space("fsLR", "164k")
    native, moved = load_features("thickness"), load_features("thickness", space)
    oracle = resample(native.map, space, masked=True)
    np.testing.assert_array_equal(moved.map.values, oracle.values)
    np.testing.assert_array_equal(moved.map.valid, oracle.valid)
    inside = native.map.values[cortex_mask(FSLR32K)]
    assert inside.min() <= moved.map.values[moved.map.valid].min()  # no zero has leaked in
    assert set(moved.sources) == {"brainspace", "fslr"}
