"""Geodesic discs: exact on their graph, close to true distances, and moments over them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import dijkstra

from cytosurf.errors import InputError
from cytosurf.surfaces.geodesic import disc_moments, geodesic_discs, geodesic_graph
from cytosurf.surfaces.mesh import Mesh
from tests import toy


def triangular_plane(n):
    """Return an n x n patch of a flat mesh of equilateral triangles with edges of 1 mm."""
    row, column = np.mgrid[:n, :n]
    x, y = column + row / 2, row * np.sqrt(3) / 2
    vertices = np.stack([x, y, np.zeros_like(x)], axis=-1).reshape(-1, 3)
    a = (row * n + column)[:-1, :-1].ravel()
    faces = np.concatenate([np.stack([a, a + 1, a + n], 1), np.stack([a + 1, a + n + 1, a + n], 1)])
    return Mesh(vertices, faces)


def bumpy(seed, level=2, strength=0.2):
    """Return a sphere of radius 10 mm with a rough surface."""
    sphere = toy.icosphere(level, radius=10.0)
    factor = 1 + strength * np.random.default_rng(seed).uniform(-1, 1, sphere.n_vertices)
    return Mesh(sphere.vertices * factor[:, None], sphere.faces)


def dense(discs):
    """Return the distances as a full matrix, infinite outside the discs."""
    full = np.full(discs.shape, np.inf)
    rows = np.repeat(np.arange(discs.shape[0]), np.diff(discs.indptr))
    full[rows, discs.indices] = discs.data
    return full


@given(seed=st.integers(0, 1000), radius_mm=st.floats(0.5, 40))
@settings(max_examples=25)
def test_equal_to_scipys_dijkstra_on_the_same_graph(seed, radius_mm):
    """Every distance, and what lies within the radius, is that of Dijkstra's algorithm."""
    mesh = bumpy(seed)
    expected = dijkstra(geodesic_graph(mesh), limit=radius_mm)
    assert np.array_equal(dense(geodesic_discs(mesh, radius_mm)), expected)


@given(seed=st.integers(0, 1000))
@settings(max_examples=10)
def test_distances_are_a_metric(seed):
    """Distances are 0 at the centre, symmetric, at least the straight line, at most the edges."""
    mesh = bumpy(seed)
    distances = dense(geodesic_discs(mesh, 1000.0))
    points = mesh.vertices.astype(float)
    straight = np.linalg.norm(points[:, None] - points[None], axis=2)
    along_edges = dijkstra(toy.edge_graph(mesh))
    assert (np.diag(distances) == 0).all()
    assert np.allclose(distances, distances.T)
    assert (distances >= straight - 1e-5).all()
    assert (distances <= along_edges + 1e-9).all()
    assert (distances < along_edges - 1e-3).mean() > 0.5


def test_relative_error_on_a_plane():
    """On a flat regular mesh distances are never too short, at most 3.6 % (mean 2 %) too long."""
    mesh = triangular_plane(31)
    centre = 15 * 31 + 15
    distances = dense(geodesic_discs(mesh, 8.0, [centre]))[0]
    exact = np.linalg.norm(mesh.vertices - mesh.vertices[centre], axis=1)
    inside = np.isfinite(distances) & (exact > 0)
    error = distances[inside] / exact[inside] - 1
    assert inside.sum() > 200
    assert error.min() > -1e-6
    assert error.max() < 0.036
    assert error.mean() < 0.021
    edges_alone = dijkstra(toy.edge_graph(mesh), indices=centre)[inside] / exact[inside] - 1
    assert edges_alone.max() > 0.15


def test_relative_error_on_a_sphere():
    """On a sphere distances differ from great circles by at most 5 %, on average by 3 %."""
    mesh = toy.icosphere(5)
    centres = [0, 100, 5000]
    distances = dense(geodesic_discs(mesh, 30.0, centres))
    unit = mesh.vertices / 100.0
    for centre, found in zip(centres, distances, strict=True):
        exact = 100 * np.arccos(np.clip(unit @ unit[centre], -1, 1))
        inside = np.isfinite(found) & (exact > 1)
        error = found[inside] / exact[inside] - 1
        assert inside.sum() > 200
        assert error.min() > -1e-3
        assert error.max() < 0.05
        assert abs(error.mean()) < 0.03


def test_a_diagonal_never_leaves_its_two_triangles():
    """Across an edge with a blunt corner, where the line would leave the surface, is no step."""
    dart = Mesh([[0, 0, 0], [4, 0, 0], [-2, 1, 0], [-2, -1, 0]], [[0, 1, 2], [1, 0, 3]])
    assert geodesic_graph(dart)[2, 3] == 0
    assert dense(geodesic_discs(dart, 100.0))[2, 3] == pytest.approx(2 * np.sqrt(5))


def test_the_shortest_step_between_two_vertices_counts():
    """Where a diagonal joins the ends of an edge, the shorter one, here the edge, is taken."""
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])
    tetrahedron = Mesh(corners, [[0, 1, 2], [0, 2, 3], [0, 3, 1], [1, 3, 2]])
    difference = geodesic_graph(tetrahedron) - toy.edge_graph(tetrahedron)
    assert np.abs(difference.toarray()).max() < 1e-6


def test_the_radius_itself_is_within():
    """A vertex at exactly the radius belongs to the disc."""
    square = Mesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    assert geodesic_discs(square, 1.0, [1]).indices.tolist() == [0, 1, 2]
    assert geodesic_discs(square, 0.999, [1]).indices.tolist() == [1]


def test_a_fold_is_measured_along_the_surface():
    """Two walls of a sulcus that nearly touch stay as far apart as the way around."""
    vertices = [[0, 0, 0], [0, 1, 0], [5, 0, 0.1], [5, 0, -0.1]]
    fold = Mesh(vertices, [[0, 1, 2], [1, 0, 3]])
    assert dense(geodesic_discs(fold, 100.0))[2, 3] > 9.9


def test_degenerate_triangles_are_harmless():
    """Triangles without area give finite distances and no step shorter than it is."""
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 0, 0]], [[0, 1, 2], [1, 3, 2], [0, 3, 1]])
    distances = dense(geodesic_discs(mesh, 10.0))
    assert np.isfinite(distances).all()
    assert distances[0, 2] == pytest.approx(2)


def test_unconnected_vertices_have_a_disc_of_their_own():
    """A vertex without triangles is at distance 0 of itself and in no other disc."""
    mesh = Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0.1, 0, 0]], [[0, 1, 2]])
    assert np.diff(geodesic_discs(mesh, 10.0).indptr).tolist() == [3, 3, 3, 1]


def test_some_centres_give_the_rows_of_all(icosphere):
    """Discs of chosen centres are the same rows, in the order asked for."""
    every = geodesic_discs(icosphere, 40.0)
    some = geodesic_discs(icosphere, 40.0, [5, 3, 5])
    assert some.shape == (3, icosphere.n_vertices)
    assert np.array_equal(dense(some), dense(every)[[5, 3, 5]])
    assert geodesic_discs(icosphere, 40.0, []).shape == (0, icosphere.n_vertices)


def test_many_vertices_in_few_discs():
    """The arrays grow when discs hold more vertices than expected."""
    mesh = toy.icosphere(3)
    discs = geodesic_discs(mesh, 1000.0, np.arange(40))
    assert discs.nnz == 40 * mesh.n_vertices


@given(seed=st.integers(0, 1000), radius_mm=st.floats(0.1, 30))
@settings(max_examples=20)
def test_moments_equal_numpy_over_the_discs(seed, radius_mm):
    """Mean, population SD and count are NumPy's over the valid vertices of each stored disc."""
    mesh = bumpy(seed)
    rng = np.random.default_rng(seed)
    values = rng.normal(60_000, 50, size=(mesh.n_vertices, 3)).astype(np.float32)
    valid = rng.random(mesh.n_vertices) < 0.7
    values[~valid] = np.nan
    mean, sd, count = disc_moments(mesh, values, valid, radius_mm)
    discs = geodesic_discs(mesh, radius_mm)
    for centre in range(mesh.n_vertices):
        members = discs.indices[discs.indptr[centre] : discs.indptr[centre + 1]]
        members = members[valid[members]]
        assert count[centre] == len(members)
        if len(members):
            expected = values[members].astype(float)
            assert np.allclose(mean[centre], expected.mean(axis=0), rtol=1e-12)
            assert np.allclose(sd[centre], expected.std(axis=0), rtol=1e-7, atol=1e-9)
        else:
            assert np.isnan(mean[centre]).all()
            assert np.isnan(sd[centre]).all()


def test_constants_have_no_spread(icosphere):
    """A constant map has itself as mean, and an SD of exactly 0."""
    values = np.full((icosphere.n_vertices, 2), 0.1, np.float32)
    mean, sd, count = disc_moments(icosphere, values, np.ones(len(values), bool), 30.0)
    assert np.allclose(mean, np.float32(0.1), rtol=1e-12)
    assert np.abs(sd).max() < 1e-12
    assert count.min() > 1


@pytest.mark.parametrize("radius_mm", [0, -1, np.nan, np.inf])
def test_a_radius_must_be_positive(icosphere, radius_mm):
    """A radius that is not a positive number is refused."""
    with pytest.raises(InputError, match="disc radius"):
        geodesic_discs(icosphere, radius_mm)


def test_wrong_lengths_are_refused(icosphere):
    """Centres must exist, and values and mask have one row per vertex."""
    n = icosphere.n_vertices
    with pytest.raises(InputError, match=f"disc centres: found vertices 0 to {n}"):
        geodesic_discs(icosphere, 1.0, [0, n])
    with pytest.raises(InputError, match="disc values"):
        disc_moments(icosphere, np.zeros((n - 1, 2)), np.ones(n, bool), 1.0)
    with pytest.raises(InputError, match="disc values"):
        disc_moments(icosphere, np.zeros(n), np.ones(n, bool), 1.0)
    with pytest.raises(InputError, match="disc mask"):
        disc_moments(icosphere, np.zeros((n, 1)), np.ones(n - 1, bool), 1.0)
