"""BigBrain profile patches: gathered values, normalisation in slabs, the kept grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.histology import profiles as module
from cytosurf.histology.profiles import ProfileSource, cached_grid, normalised_in_bins
from tests import toy


def test_a_patch_holds_the_profile_of_each_taken_vertex():
    """Depths are channels; grid points are rows and columns."""
    rng = np.random.default_rng(0)
    grey = rng.random((30, 18), np.float32)
    taken = rng.integers(0, 30, (5, 9)).astype(np.int32)
    source = ProfileSource(
        grey, taken, taken[:, 4].astype(np.int64), np.zeros((5, 3)), "bigbrain", 2.0
    )
    patches = source.read(np.array([3, 0]))
    assert patches.shape == (2, 18, 3, 3)
    assert source.shape == (18, 3, 3)
    for row, index in enumerate((3, 0)):
        for place in range(9):
            profile = patches[row, :, place // 3, place % 3]
            assert np.array_equal(profile, grey[taken[index, place]])


@given(st.integers(0, 1000), st.floats(0.5, 5))
def test_slabs_end_with_the_same_mean_and_sd(seed, width_mm):
    """What is left of the brightness of a slab is what all vertices have."""
    rng = np.random.default_rng(seed)
    y_mm = np.repeat(np.arange(4) * 6.0, 25)
    grey = 0.5 + 0.02 * rng.standard_normal((100, 2)) + 0.03 * y_mm[:, None] / 6
    valid = rng.random(100) < 0.9
    even = normalised_in_bins(grey.astype(np.float32), valid, y_mm, width_mm)
    assert np.array_equal(even[~valid], grey.astype(np.float32)[~valid])
    for slab in range(4):
        inside = even[valid & (y_mm == slab * 6)]
        assert inside.mean(axis=0) == pytest.approx(grey[valid].mean(axis=0), abs=1e-4)
        assert inside.std(axis=0) == pytest.approx(grey[valid].std(axis=0), abs=1e-4)


def test_a_slab_width_is_positive():
    """Zero would be a slab for every vertex."""
    with pytest.raises(InputError, match="positive"):
        normalised_in_bins(np.zeros((2, 1), np.float32), np.ones(2, bool), np.zeros(2), 0.0)


def test_the_grid_is_kept_and_read_back(tmp_path, monkeypatch):
    """The second call reads the file; a damaged file is computed again."""
    mesh, valid = toy.icosphere(2), np.ones(162, bool)
    # Copies: a mapped file must not be cut off under the map.
    first = [np.array(a) for a in cached_grid(mesh, "L", valid, 3, 30.0, 1000, tmp_path)]
    (file,) = tmp_path.glob("*.npy")
    from cytosurf.histology import tangent

    def never(*_):
        raise AssertionError("computed again")

    with monkeypatch.context() as patch:
        patch.setattr(tangent, "grid_vertices", never)
        again = [np.array(a) for a in cached_grid(mesh, "L", valid, 3, 30.0, 1000, tmp_path)]
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert first[1].min() >= 1000
    file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(cached_grid(mesh, "L", valid, 3, 30.0, 1000, tmp_path)[1], first[1])


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path):
    """The grid is computed each time."""
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(CytosurfWarning, match="computed each time"):
        _, taken = cached_grid(
            toy.icosphere(1), "L", np.ones(42, bool), 3, 40.0, 0, tmp_path / "file"
        )
    assert taken.shape == (42, 9)


def test_an_unknown_space_is_refused():
    """Coordinates are never guessed."""
    with pytest.raises(InputError, match="bigbrainsym"):
        module.bigbrain_patches(space="mni")


@pytest.mark.parametrize("hemispheres", [(), ("L", "L"), ("left",)])
def test_hemispheres_are_named_once(hemispheres):
    """None, or one twice, is refused before anything is read."""
    with pytest.raises(InputError, match="L, R or both, each once"):
        module.bigbrain_patches(hemispheres=hemispheres)


@pytest.mark.real_data
def test_patches_of_the_real_brain(real_cache):
    """Each intact vertex has a patch of itself and its surroundings, mirrored sides alike."""
    source = module.bigbrain_patches(side=3, spacing_mm=0.6, hemispheres=("R",))
    assert source.shape == (18, 3, 3)
    assert len(source.ids) > 150_000
    assert np.array_equal(source.taken[:, 4], source.ids)
    assert source.ids.min() >= 163_842
    assert (source.coordinates_mm[:, 0] > -5).all()
    step = source.profiles[source.taken[:, 1]] - source.profiles[source.ids]
    assert np.abs(step).mean() < 0.5 * source.profiles[source.ids].std()
    histological = module.bigbrain_patches(
        side=3, spacing_mm=0.6, hemispheres=("R",), space="bigbrain"
    )
    assert not np.allclose(histological.coordinates_mm, source.coordinates_mm, atol=5)
