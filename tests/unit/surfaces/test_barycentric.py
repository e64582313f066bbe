"""Barycentric weights: exact, never negative, of sum 1, and equal to a brute-force search."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.errors import InputError
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.mesh import Mesh
from tests import toy
from tests.unit.surfaces.spheres import rotated, warped


def brute_force(source, target):
    """Return the dense weights by looking for the nearest point of every triangle and every edge.

    A point of a triangle is a corner plus the least-squares solution of two edge vectors, if that
    lies inside, and a point of an edge is the foot of the perpendicular, kept between its ends.
    """
    corners, points = (
        mesh.vertices / np.linalg.norm(mesh.vertices.astype(float), axis=1, keepdims=True)
        for mesh in (source, target)
    )
    faces = source.faces
    edges = np.stack([corners[faces[:, 1]], corners[faces[:, 2]]], 2) - corners[faces[:, :1]].mT
    solve, n_faces = np.linalg.pinv(edges), np.arange(len(faces))
    weights = np.zeros((target.n_vertices, source.n_vertices))
    for row, point in enumerate(points):
        v, w = (solve @ (point - corners[faces[:, 0]])[:, :, None])[:, :, 0].T
        candidates = [np.where((np.c_[1 - v - w, v, w] < 0).any(1, keepdims=True), np.nan,
                               np.c_[1 - v - w, v, w])]  # fmt: skip
        for i, j in ((0, 1), (1, 2), (2, 0)):
            start, along = corners[faces[:, i]], corners[faces[:, j]] - corners[faces[:, i]]
            squared = np.maximum((along**2).sum(1), 1e-30)
            on_edge = np.zeros((len(faces), 3))
            on_edge[:, j] = np.clip(((point - start) * along).sum(1) / squared, 0, 1)
            on_edge[:, i] = 1 - on_edge[:, j]
            candidates.append(on_edge)
        stacked = np.stack(candidates)
        at = np.einsum("cfk,fkx->cfx", stacked, corners[faces])
        kind, face = np.unravel_index(
            np.nanargmin(np.linalg.norm(at - point, axis=2)), stacked.shape[:2]
        )
        np.add.at(weights[row], faces[n_faces[face]], stacked[kind, face])
    return weights


def longitude_latitude(n_longitudes, n_latitudes):
    """Return a sphere with long thin triangles around its poles."""
    longitude = np.arange(n_longitudes) * 2 * np.pi / n_longitudes
    latitude = np.linspace(-np.pi / 2, np.pi / 2, n_latitudes + 2)[1:-1]
    lat, lon = (a.ravel() for a in np.meshgrid(latitude, longitude, indexing="ij"))
    ring = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    vertices = np.vstack([ring, [[0, 0, -1], [0, 0, 1]]]) * 100
    i, j = (a.ravel() for a in np.mgrid[: n_latitudes - 1, :n_longitudes])
    a, b = i * n_longitudes + j, i * n_longitudes + (j + 1) % n_longitudes
    c, d = a + n_longitudes, b + n_longitudes
    first = np.arange(n_longitudes)
    second, south = (first + 1) % n_longitudes, np.full(n_longitudes, len(ring))
    top = (n_latitudes - 1) * n_longitudes
    caps = [
        np.stack([second, first, south], 1),
        np.stack([first + top, second + top, south + 1], 1),
    ]
    return Mesh(vertices, np.vstack([np.stack([a, b, c], 1), np.stack([b, d, c], 1), *caps]))


SPHERES = st.builds(
    lambda level, seed, strength: warped(rotated(toy.icosphere(level), seed), strength),
    st.integers(0, 3),
    st.integers(0, 1000),
    st.floats(0, 0.15),
)


@given(source=SPHERES, target=SPHERES)
@settings(max_examples=12)
def test_equal_to_the_brute_force_search(source, target):
    """Weights equal those of a dense search over all triangles, for any pair of spheres."""
    weights = barycentric_weights(source, target).toarray()
    assert np.abs(weights - brute_force(source, target)).max() < 2e-5


@given(source=SPHERES, target=SPHERES)
@settings(max_examples=30)
def test_partition_of_unity(source, target):
    """Every target has one to three weights, none negative, of sum 1; constants stay constant."""
    weights = barycentric_weights(source, target)
    assert weights.shape == (target.n_vertices, source.n_vertices)
    assert weights.dtype == np.float64
    assert weights.data.min() > 0
    assert set(np.diff(weights.indptr)) <= {1, 2, 3}
    assert np.abs(weights @ np.full(source.n_vertices, 7.0) - 7).max() < 1e-12


@given(sphere=SPHERES)
@settings(max_examples=20)
def test_identity_on_the_same_sphere(sphere):
    """From a sphere to itself the weights are exactly the identity matrix."""
    weights = barycentric_weights(sphere, sphere)
    assert np.array_equal(weights.toarray(), np.eye(sphere.n_vertices))


def test_rounding_of_coordinates_is_no_weight():
    """A target that is a source vertex but for the rounding of float32 has that vertex alone."""
    sphere = toy.icosphere(3)
    noise = np.random.default_rng(0).uniform(-5e-6, 5e-6, sphere.vertices.shape)
    moved = Mesh(sphere.vertices + noise, sphere.faces)
    weights = barycentric_weights(sphere, moved)
    assert np.array_equal(weights.toarray(), np.eye(sphere.n_vertices))


@given(source=SPHERES, target=SPHERES, seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_turning_both_spheres_changes_nothing(source, target, seed):
    """Weights depend on the relative position alone: a common rotation leaves them as they are."""
    before = barycentric_weights(source, target)
    after = barycentric_weights(rotated(source, seed), rotated(target, seed))
    assert np.abs((before - after).toarray()).max() < 2e-5


@given(
    radius=st.floats(0.5, 500),
    values=hnp.arrays(float, 162, elements=st.floats(-1e3, 1e3, allow_subnormal=False)),
)
@settings(max_examples=20)
def test_radii_do_not_matter_and_no_value_overshoots(radius, values):
    """Spheres of different radii give the same weights, and results stay within the values."""
    source, target = toy.icosphere(2), rotated(toy.icosphere(3), 5)
    weights = barycentric_weights(source, Mesh(target.vertices * radius, target.faces))
    carried = weights @ values
    assert np.abs((weights - barycentric_weights(source, target)).toarray()).max() < 2e-5
    assert carried.min() >= values.min() - 1e-9
    assert carried.max() <= values.max() + 1e-9


def test_directions_are_reproduced_up_to_the_curvature(icosphere):
    """The three corners average to the target direction itself, shortened by the flat triangle."""
    target = rotated(toy.icosphere(4), 1)
    carried = barycentric_weights(icosphere, target) @ icosphere.vertices
    cosine = np.sum(carried * target.vertices, axis=1) / 100
    assert np.allclose(cosine, np.linalg.norm(carried, axis=1), atol=1e-3)


def test_corners_edges_and_poles_are_met_exactly():
    """A target at a corner, over the middle of an edge or at a pole of thin triangles finds it."""
    source = toy.icosphere(0)
    target = toy.icosphere(1)  # its first 12 vertices are corners, the other 30 middles of edges
    weights = barycentric_weights(source, target)
    assert np.array_equal(weights[:12].toarray(), np.eye(12))
    assert np.array_equal(np.diff(weights.indptr)[12:], np.full(30, 2))
    assert np.allclose(weights.data[12:], 0.5, atol=1e-6)
    poles = longitude_latitude(90, 40)
    weights = barycentric_weights(poles, poles)
    assert np.array_equal(weights.toarray(), np.eye(poles.n_vertices))


def test_needle_triangles_far_from_their_centroids_are_found():
    """A point whose triangle is long and thin is located although many centroids are nearer."""
    source = longitude_latitude(720, 3)  # triangles of 45 degrees by half a degree
    target = rotated(toy.icosphere(2), 4)
    weights = barycentric_weights(source, target).toarray()
    assert np.abs(weights - brute_force(source, target)).max() < 1e-3


def test_a_triangle_without_area_does_no_harm():
    """A sphere with a collapsed triangle gives finite weights that still add up to 1."""
    sphere = toy.icosphere(2)
    a, b = sphere.faces[0, :2]
    vertices = sphere.vertices.copy()
    vertices[b] = vertices[a]
    collapsed = Mesh(vertices, sphere.faces)
    target = rotated(toy.icosphere(3), 2)
    weights = barycentric_weights(collapsed, target)
    assert np.isfinite(weights.data).all()
    assert np.allclose(weights.sum(axis=1), 1)
    ours, theirs = (w @ collapsed.vertices for w in (weights, brute_force(collapsed, target)))
    assert np.abs(ours - theirs).max() < 2e-3


@pytest.mark.parametrize("which", ["source sphere", "target sphere"])
def test_a_mesh_that_is_no_sphere_is_refused_by_name(which, icosphere):
    """The message says whether the source or the target is not a registration sphere."""
    wrong = Mesh(icosphere.vertices * [1, 1, 0.7], icosphere.faces)
    pair = (wrong, icosphere) if which == "source sphere" else (icosphere, wrong)
    with pytest.raises(InputError, match=which):
        barycentric_weights(*pair)
