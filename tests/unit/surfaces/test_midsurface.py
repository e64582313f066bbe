"""The surface halfway, and the weights by which its vertices take values from points."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.surfaces import Space, load_mesh
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.midsurface import METHODS, midsurface, point_weights
from tests import toy


def cloud(n_vertices=30, n_points=80, seed=0):
    """Return vertices and points in a box of 10 mm."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 10, (n_vertices, 3)), rng.uniform(0, 10, (n_points, 3))


def distances(vertices, points):
    """Return all distances."""
    return np.linalg.norm(vertices[:, None] - points[None], axis=2)


def test_the_midsurface_is_halfway():
    """Between the same vertices of both surfaces, on the same triangles."""
    pial = toy.icosphere(1, 60)
    middle = midsurface(pial, toy.icosphere(1, 50))
    np.testing.assert_allclose(np.linalg.norm(middle.vertices, axis=1), 55, rtol=1e-5)
    np.testing.assert_array_equal(middle.faces, pial.faces)


def test_surfaces_of_two_meshes_have_no_midsurface():
    """Other vertices, or the same number of them in other triangles."""
    pial = toy.icosphere(1)
    for white in (toy.icosphere(2), Mesh(pial.vertices, pial.faces[:, ::-1])):
        with pytest.raises(InputError, match=r"white surface.*same triangles"):
            midsurface(pial, white)


@pytest.mark.real_data
@pytest.mark.usefixtures("real_cache")
def test_the_midsurface_of_bigbrain_is_that_of_its_templates():
    """One definition: the mean of pial and white, in both spaces of BigBrain."""
    bigbrain = Space("bigbrain", "164k")
    for suffix in ("", "_sym"):
        pial, white, middle = (
            load_mesh(bigbrain, "L", name + suffix) for name in ("pial", "white", "midthickness")
        )
        np.testing.assert_array_equal(midsurface(pial, white).vertices, middle.vertices)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.floats(0.5, 12))
def test_the_nearest_point_is_the_one_of_all_distances(seed, most):
    """Brute force gives the same points, distances and limit."""
    vertices, points = cloud(seed=seed)
    weights, nearest, distance_mm = point_weights(vertices, points, max_distance_mm=most)
    every = distances(vertices, points)
    np.testing.assert_array_equal(nearest, every.argmin(axis=1))
    np.testing.assert_allclose(distance_mm, every.min(axis=1))
    expected = np.zeros_like(every)
    near = np.flatnonzero(every.min(axis=1) <= most)
    expected[near, nearest[near]] = 1
    np.testing.assert_array_equal(weights.toarray(), expected)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.sampled_from(METHODS[1:]), st.integers(1, 90), st.floats(0.5, 12))
def test_weights_are_those_of_the_formulas(seed, method, k, most):
    """Of the k nearest points within the limit, scaled to a sum of 1."""
    vertices, points = cloud(seed=seed)
    weights, *_ = point_weights(
        vertices, points, method=method, k=k, sigma_mm=1.5, max_distance_mm=most
    )
    every = distances(vertices, points)
    taken = (every <= np.sort(every, axis=1)[:, min(k, 80) - 1 : min(k, 80)]) & (every <= most)
    raw = 1 / every if method == "inverse-distance" else np.exp(-(every**2) / (2 * 1.5**2))
    total = (raw * taken).sum(axis=1, keepdims=True)
    expected = raw * taken / np.where(total > 0, total, 1)
    np.testing.assert_allclose(weights.toarray(), expected, atol=1e-12)
    sums = weights.sum(axis=1)
    np.testing.assert_allclose(sums, np.where(total[:, 0] > 0, 1, 0), atol=1e-12)


def test_a_point_on_a_vertex_takes_all_of_it():
    """1 / 0 is no number: points that coincide share the vertex, others get nothing."""
    weights, _, distance_mm = point_weights(
        np.zeros((1, 3)), np.array([[0.0, 0, 0], [1, 0, 0], [0, 0, 0]]),
        method="inverse-distance", k=3,
    )  # fmt: skip
    assert weights.toarray().tolist() == [[0.5, 0, 0.5]]
    assert distance_mm.tolist() == [0]


def test_a_narrow_gaussian_is_the_nearest_point():
    """Many sigmas away from every point the weights do not vanish."""
    vertices, points = cloud()
    narrow, *_ = point_weights(vertices, points, method="gaussian", k=5, sigma_mm=1e-3)
    nearest, *_ = point_weights(vertices, points)
    np.testing.assert_allclose(narrow.toarray(), nearest.toarray(), atol=1e-12)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "linear"}, "method: found 'linear'; expected one of nearest"),
        ({"k": 0}, "k: found 0"),
        ({"k": 3}, "k: found 3; expected 1 with the method nearest"),
        ({"method": "gaussian", "k": 2, "sigma_mm": 0}, "sigma_mm: found 0"),
        ({"max_distance_mm": -1}, "max_distance_mm: found -1"),
        ({"max_distance_mm": float("nan")}, "max_distance_mm: found nan"),
    ],
)
def test_options_without_a_meaning_are_refused(options, words):
    """Named, with what is possible."""
    with pytest.raises(InputError, match=words):
        point_weights(*cloud(), **options)


def test_no_points_are_refused():
    """There is nothing to take values from."""
    with pytest.raises(InputError, match="no point"):
        point_weights(np.zeros((1, 3)), np.zeros((0, 3)))
