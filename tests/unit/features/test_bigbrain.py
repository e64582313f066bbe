"""BigBrain sets: masks as counted in the data README, and values that no zero has diluted."""

import numpy as np
import pytest

from cytosurf.features.bigbrain import BIGBRAIN, bigbrain_profiles
from cytosurf.features.registry import load_features
from cytosurf.surfaces.carrying import step_weights
from cytosurf.surfaces.routes import route
from cytosurf.surfaces.space import Space

pytestmark = pytest.mark.real_data

# Vertices that are exactly 0, or have a total thickness of 0, left and right.
OUTSIDE = {
    "hist": (5805, 5971),
    "micro": (6977, 6771),
    "func": (6977, 6771),
    "layers": (8511, 8482),
}


def profile_files(real_data, name):
    """Return an array of both hemispheres straight from the files."""
    folder = real_data / "bigbrainwarp" / "tpl-bigbrain"
    description, array = name.split("/")
    files = (folder / f"tpl-bigbrain_hemi-{h}_desc-{description}.npz" for h in "LR")
    return np.concatenate([np.load(file)[array] for file in files])


@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_vertices_outside_the_mask_are_those_counted_upstream(name, real_cache):
    """On BigBrain itself nothing is resampled, and the mask has the known count."""
    native = load_features(name, BIGBRAIN)
    counts = tuple(int((~native.map.hemisphere(h).valid).sum()) for h in "LR")
    assert counts == OUTSIDE[name]
    assert f"{sum(OUTSIDE[name]):,}" in native.notes[0]
    assert not any("resampled" in note for note in native.notes)


@pytest.mark.parametrize(
    ("name", "columns"), [("hist", 2), ("micro", 2), ("func", 2), ("layers", 6)]
)
def test_on_fs_lr_values_stay_within_those_of_the_cortex(name, columns, real_cache):
    """Masked weights average valid values only: no fs_LR value leaves their range."""
    native, moved = load_features(name, BIGBRAIN).map, load_features(name).map
    assert moved.values.shape == (64_984, columns)
    inside, there = native.values[native.valid], moved.values[moved.valid]
    slack = 1e-5 * np.abs(inside).max(axis=0)
    assert (there >= inside.min(axis=0) - slack).all()
    assert (there <= inside.max(axis=0) + slack).all()


def test_the_warp_is_masked_by_hand(real_cache):
    """Two steps of weights over valid vertices, written out, give the same hist."""
    native, moved = load_features("hist", BIGBRAIN).map, load_features("hist").map
    left = native.hemisphere("L")
    values, valid = left.values.astype(np.float64), left.valid
    for step in route(BIGBRAIN, Space("fsLR", "32k")):
        weights = step_weights(step, "L")
        total = weights @ valid.astype(float)
        values = weights @ (values * valid[:, None]) / np.where(total > 0, total, 1)[:, None]
        valid = total > 0
    ours = moved.hemisphere("L")
    np.testing.assert_array_equal(ours.valid, valid)
    np.testing.assert_allclose(ours.values[valid], values[valid], rtol=1e-5, atol=1e-6)


def test_hist_is_upstream_s_own_fs_lr_map_away_from_the_mask(real_cache, real_data):
    """Where only unmasked vertices feed a vertex, Hist_G1 equals the map that upstream ships."""
    import nibabel as nib

    moved = load_features("hist").map.hemisphere("R")
    folder = real_data / "bigbrainwarp" / "tpl-fs_LR"
    for i, column in enumerate(("Hist_G1", "Hist_G2")):
        file = folder / f"tpl-fs_LR_hemi-R_den-32k_desc-{column}.shape.gii"
        upstream = nib.load(file).darrays[0].data
        close = np.abs(moved.values[:, i] - upstream) < 2e-4
        assert close[moved.valid].mean() > 0.97


def test_profiles_leave_out_torn_vertices(real_cache, real_data):
    """A depth of 60,000 or more, or no histological gradient, is not intact cortex."""
    profiles, notes = bigbrain_profiles()
    values = profile_files(real_data, "equivolumetric18_profiles/profiles")
    cortex = profile_files(real_data, "Hist_G1G2/Hist_G1") != 0
    expected = cortex & (values < 60_000).all(axis=1)
    np.testing.assert_array_equal(profiles.valid, expected)
    assert (cortex & ~expected).sum() == 3096
    assert notes[0].startswith("3,096 of 315,908 BigBrain vertices")
    moved = load_features("profiles")
    assert moved.n_features == 18
    assert moved.map.values[moved.map.valid].max() < 60_000
    assert set(moved.sources) >= {"staining-profiles", "gradients", "bigbrainwarp", "fslr"}


def test_layers_are_millimetres_that_add_up(real_cache):
    """Six layers of 2.2 mm together, none of them 0 inside the mask."""
    layers = load_features("layers").map
    inside = layers.values[layers.valid]
    assert inside.sum(axis=1).mean() == pytest.approx(2.2, abs=0.1)
    assert inside.min() > 0
    assert layers.columns[0] == "thickness_I_mm"


def test_func_says_that_it_is_circular(real_cache):
    """A functional gradient against functional networks is a reference, and says so."""
    assert any("circular" in note for note in load_features("func").notes)
    assert not any("circular" in note for note in load_features("micro").notes)
