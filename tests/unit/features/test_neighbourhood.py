"""Moments over geodesic discs: right by brute force, kept on disk, never trusted blindly."""

import numpy as np
import pytest
from scipy.sparse.csgraph import dijkstra

from cytosurf.compute.files import arrays_sha256, write_npz
from cytosurf.errors import CytosurfWarning
from cytosurf.features.neighbourhood import cached_moments, disc_map
from cytosurf.features.registry import load_features
from cytosurf.surfaces import geodesic
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.space import Space

RADIUS_MM = 25.0


@pytest.fixture
def toy(icosphere):
    """Return a sphere, three columns of values, and a mask that leaves a third out."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(icosphere.n_vertices, 3)).astype(np.float32) * 1000 + 30000
    return icosphere, values, generator.random(icosphere.n_vertices) < 0.7


def brute_force(mesh, values, valid):
    """Return the moments by all distances between all vertices, one disc after the other."""
    distances = dijkstra(geodesic.geodesic_graph(mesh), directed=False)
    moments = np.zeros((len(values), 2 * values.shape[1]))
    for centre, row in enumerate(distances):
        inside = values[(row <= RADIUS_MM) & valid].astype(np.float64)
        if len(inside):
            moments[centre] = np.r_[inside.mean(axis=0), inside.std(axis=0)]
    return moments


def moments_of(toy, folder, **changed):
    """Return the moments of the toy, some arguments changed."""
    mesh, values, valid = toy
    arguments = {"mesh": mesh, "values": values, "valid": valid, "radius_mm": RADIUS_MM} | changed
    return cached_moments(folder=folder, **arguments)


def refuse(*_):
    """Stand in for a computation that must not happen."""
    raise AssertionError("computed again")


def test_moments_are_those_over_the_valid_vertices_of_the_disc(toy, tmp_path):
    """Mean and SD (ddof 0) of every disc equal a brute-force computation."""
    ours = moments_of(toy, tmp_path)
    np.testing.assert_allclose(ours, brute_force(*toy), rtol=1e-5)


def test_values_outside_the_mask_have_no_say(toy, tmp_path):
    """What stands at vertices that are not valid changes nothing."""
    mesh, values, valid = toy
    wild = np.where(valid[:, None], values, np.float32(65535))
    np.testing.assert_array_equal(
        moments_of(toy, tmp_path), moments_of((mesh, wild, valid), tmp_path)
    )


def test_a_second_call_reads_the_file(toy, tmp_path, monkeypatch):
    """Kept moments are returned bit for bit, without computing."""
    first = moments_of(toy, tmp_path)
    monkeypatch.setattr(geodesic, "disc_moments", refuse)
    np.testing.assert_array_equal(moments_of(toy, tmp_path), first)


def test_any_other_input_is_another_file(toy, tmp_path):
    """Mesh, values, mask and radius are all part of the key."""
    mesh, values, valid = toy
    moments_of(toy, tmp_path)
    moments_of(toy, tmp_path, radius_mm=RADIUS_MM + 1)
    moments_of(toy, tmp_path, values=values + 1)
    moments_of(toy, tmp_path, valid=~valid)
    moments_of(toy, tmp_path, mesh=type(mesh)(mesh.vertices * 1.01, mesh.faces))
    assert len(list(tmp_path.iterdir())) == 5


@pytest.mark.parametrize("damage", ["truncated", "changed", "other shape", "foreign"])
def test_a_damaged_file_is_computed_again(toy, tmp_path, damage):
    """Nothing is taken from a file whose content is not what was written."""
    first = moments_of(toy, tmp_path)
    (path,) = tmp_path.iterdir()
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:1000])
    elif damage == "changed":
        write_npz(path, moments=first + 1, sha256=arrays_sha256({"moments": first}))
    elif damage == "other shape":
        write_npz(path, moments=first[:5], sha256=arrays_sha256({"moments": first[:5]}))
    else:
        write_npz(path, something=np.zeros(3))
    np.testing.assert_array_equal(moments_of(toy, tmp_path), first)


def test_where_nothing_can_be_written_it_still_works(toy, tmp_path):
    """A folder that cannot be made costs a warning and the time."""
    (tmp_path / "taken").write_text("a file, not a folder")
    with pytest.warns(CytosurfWarning, match="cannot be kept there"):
        ours = moments_of(toy, tmp_path / "taken" / "features")
    np.testing.assert_array_equal(ours, moments_of(toy, tmp_path))


def test_both_hemispheres_make_a_map(toy, tmp_path):
    """Columns are all means, then all SDs; the mask is that of the profiles."""
    mesh, values, valid = toy
    space = Space("toy", str(mesh.n_vertices))
    both = SurfaceMap(
        np.r_[values, values[::-1]], space, ("a", "b", "c"), np.r_[valid, valid[::-1]]
    )
    discs = disc_map(both, {"L": mesh, "R": mesh}, RADIUS_MM, tmp_path)
    assert discs.columns == ("a_mean", "b_mean", "c_mean", "a_sd", "b_sd", "c_sd")
    np.testing.assert_array_equal(discs.valid, both.valid)
    np.testing.assert_array_equal(discs.hemisphere("L").values, moments_of(toy, tmp_path))
    right = (mesh, np.ascontiguousarray(values[::-1]), valid[::-1].copy())
    np.testing.assert_array_equal(discs.hemisphere("R").values, moments_of(right, tmp_path))


@pytest.mark.slow
@pytest.mark.real_data
def test_the_real_neighbourhood(real_cache):
    """36 standardised columns where the profiles are valid; 32 components hold nearly all."""
    features = load_features("neighbourhood")
    valid = features.map.valid
    assert features.n_features == 36
    np.testing.assert_array_equal(valid, load_features("profiles").map.valid)
    inside = features.map.values[valid].astype(np.float64)
    np.testing.assert_allclose(inside.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(inside.std(axis=0), 1, atol=1e-5)
    reduced = load_features("neighbourhood:pca32")
    assert reduced.n_features == 32
    assert float(reduced.notes[-1].split("explain ")[1].split("%")[0]) > 99.9
    assert len(list((real_cache / "features").iterdir())) == 2
