"""Barycentric weights: exact, never negative, of sum 1, and equal to a brute-force search."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cytosurf.errors import InputError
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.mesh import Mesh
from tests import toy


def brute_force(source, target):
    """Return the dense weights by testing every ray against every triangle with a 3 x 3 solve."""
    weights = np.zeros((target.n_vertices, source.n_vertices))
    corners = source.vertices.astype(float)
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    inverse = np.linalg.inv(corners[source.faces].transpose(0, 2, 1))
    for row, ray in enumerate(target.vertices.astype(float)):
        solved = inverse @ (ray / np.linalg.norm(ray))
        inside = solved / np.abs(solved.sum(axis=1, keepdims=True))
        face = inside.min(axis=1).argmax()
        weights[row, source.faces[face]] = np.clip(inside[face], 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


def rotated(mesh, seed):
    """Return the mesh turned by a random rotation."""
    rotation = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    return Mesh(mesh.vertices @ rotation.T, mesh.faces)


def warped(mesh, strength):
    """Return the sphere with vertices moved smoothly along it, as a registration does."""
    x, y, z = mesh.vertices.T / 100
    moved = mesh.vertices + strength * 100 * np.stack([np.sin(3 * y), np.sin(3 * z), x * y], 1)
    return Mesh(100 * moved / np.linalg.norm(moved, axis=1, keepdims=True), mesh.faces)


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
@settings(max_examples=30, deadline=None)
def test_equal_to_the_brute_force_search(source, target):
    """Weights equal those of a dense search over all triangles, for any pair of spheres."""
    weights = barycentric_weights(source, target).toarray()
    assert np.abs(weights - brute_force(source, target)).max() < 2e-5


@given(source=SPHERES, target=SPHERES)
@settings(max_examples=30, deadline=None)
def test_partition_of_unity(source, target):
    """Every target has one to three weights, none negative, of sum 1; constants stay constant."""
    weights = barycentric_weights(source, target)
    assert weights.shape == (target.n_vertices, source.n_vertices)
    assert weights.dtype == np.float64
    assert weights.data.min() > 0
    assert set(np.diff(weights.indptr)) <= {1, 2, 3}
    assert np.abs(weights @ np.full(source.n_vertices, 7.0) - 7).max() < 1e-12


@given(sphere=SPHERES)
@settings(max_examples=20, deadline=None)
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
@settings(max_examples=20, deadline=None)
def test_turning_both_spheres_changes_nothing(source, target, seed):
    """Weights depend on the relative position alone: a common rotation leaves them as they are."""
    before = barycentric_weights(source, target)
    after = barycentric_weights(rotated(source, seed), rotated(target, seed))
    assert np.abs((before - after).toarray()).max() < 2e-5


@given(
    radius=st.floats(0.5, 500),
    values=hnp.arrays(float, 162, elements=st.floats(-1e3, 1e3, allow_subnormal=False)),
)
@settings(max_examples=20, deadline=None)
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


def test_corners_edges_and_poles_are_hit_exactly():
    """Rays through a corner, the middle of an edge and a pole of thin triangles find them."""
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
    """A ray whose triangle is long and thin is located although many centroids are nearer."""
    source = longitude_latitude(720, 3)  # triangles of 45 degrees by half a degree
    target = rotated(toy.icosphere(3), 4)
    weights = barycentric_weights(source, target).toarray()
    assert np.abs(weights - brute_force(source, target)).max() < 1e-3
    carried = weights @ source.vertices
    turned = carried / np.linalg.norm(carried, axis=1, keepdims=True)
    assert np.abs(turned - target.vertices / 100).max() < 1e-5


def test_a_triangle_without_area_is_never_hit():
    """A sphere with a collapsed triangle gives finite weights that still add up to 1."""
    sphere = toy.icosphere(2)
    a, b = sphere.faces[0, :2]
    vertices = sphere.vertices.copy()
    vertices[b] = vertices[a]
    collapsed = Mesh(vertices, sphere.faces)
    target = rotated(toy.icosphere(4), 2)
    weights = barycentric_weights(collapsed, target)
    assert np.isfinite(weights.data).all()
    assert np.allclose(weights.sum(axis=1), 1)
    assert np.abs(weights.toarray() - brute_force_without(collapsed, target)).max() < 2e-5


def brute_force_without(source, target):
    """Return `brute_force` over the triangles that have an area."""
    corners = source.vertices[source.faces].astype(float)
    solid = np.abs(np.linalg.det(corners)) > 1e-6
    return brute_force(Mesh(source.vertices, source.faces[solid]), target)


@pytest.mark.parametrize("which", ["source sphere", "target sphere"])
def test_a_mesh_that_is_no_sphere_is_refused_by_name(which, icosphere):
    """The message says whether the source or the target is not a registration sphere."""
    wrong = Mesh(icosphere.vertices * [1, 1, 0.7], icosphere.faces)
    pair = (wrong, icosphere) if which == "source sphere" else (icosphere, wrong)
    with pytest.raises(InputError, match=which):
        barycentric_weights(*pair)
