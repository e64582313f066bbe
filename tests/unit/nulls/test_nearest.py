"""The grid finds exactly the vertex that comparing all distances finds."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from cytosurf.nulls.nearest import SphereGrid
from cytosurf.nulls.rotations import spin_rotations
from tests import toy
from tests.unit.nulls.oracles import brute_force

# Matrices that map the cube, and an icosphere's symmetry planes, onto themselves: ties abound.
QUARTER_TURNS = [
    np.eye(3),
    np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]]),
    np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]]),
    np.diag([-1.0, -1, 1]),
]


def left(seed, k):
    """Return the left rotation of a spin."""
    return spin_rotations(seed, k, "mirrored")["L"]


def scattered(generator, n, radius, waver, kind):
    """Return uneven points near a sphere."""
    points = generator.normal(size=(n, 3))
    if kind == "cap":
        points[:, 2] = np.abs(points[:, 2]) + 2
    elif kind == "clusters":
        points = points[generator.integers(0, max(1, n // 10), n)]
        points += 1e-4 * generator.normal(size=(n, 3))
    elif kind == "duplicates":
        points = points[generator.integers(0, n, n)]
    points *= radius / np.linalg.norm(points, axis=1, keepdims=True)
    return points * (1 + waver * generator.uniform(-1, 1, (n, 1)))


@pytest.mark.parametrize("subdivisions", range(5))
def test_equals_brute_force_on_icospheres(subdivisions):
    """From 12 to 2,562 vertices, all random rotations give the brute-force answer."""
    points = toy.icosphere(subdivisions).vertices.astype(np.float64)
    grid = SphereGrid.over(points)
    for k in range(20 if subdivisions < 4 else 3):
        rotation = left(0, k)
        np.testing.assert_array_equal(grid.nearest_after(rotation), brute_force(points, rotation))


@pytest.mark.parametrize("turn", range(len(QUARTER_TURNS)))
def test_ties_go_to_the_lowest_index(turn):
    """Where rounding leaves two distances equal, the lower index wins as in numpy's argmin."""
    points = toy.icosphere(2).vertices.astype(np.float64)
    points = np.concatenate([points, points[::-1]])
    found = SphereGrid.over(points).nearest_after(QUARTER_TURNS[turn])
    np.testing.assert_array_equal(found, brute_force(points, QUARTER_TURNS[turn]))
    assert found.max() < len(points) // 2


@settings(max_examples=100)
@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 400),
    radius=st.sampled_from([1e-3, 1.0, 100.0, 1e4]),
    waver=st.sampled_from([0.0, 1e-7, 1e-3, 1e-2]),
    kind=st.sampled_from(["even", "cap", "clusters", "duplicates"]),
)
def test_needs_no_even_mesh(seed, n, radius, waver, kind):
    """Any points near a sphere, at any scale, give the brute-force answer: no mesh is needed."""
    points = scattered(np.random.default_rng(seed), n, radius, waver, kind)
    rotation = left(seed, n)
    np.testing.assert_array_equal(
        SphereGrid.over(points).nearest_after(rotation), brute_force(points, rotation)
    )


def test_needs_no_constant_radius():
    """Vertices high above others in the same direction are found by those that rotate to them."""
    directions = scattered(np.random.default_rng(0), 1000, 100.0, 0.0, "even")
    points = np.concatenate([directions, 1.2 * directions[::3]])
    for k in range(5):
        rotation = left(0, k)
        found = SphereGrid.over(points).nearest_after(rotation)
        np.testing.assert_array_equal(found, brute_force(points, rotation))


def test_identity_gives_every_vertex_itself(fslr_spheres):
    """Without a rotation nothing moves."""
    points = fslr_spheres["L"].vertices
    found = SphereGrid.over(points).nearest_after(np.eye(3))
    np.testing.assert_array_equal(found, np.arange(len(points)))


def test_equals_a_search_tree_on_the_real_spheres(fslr_spheres):
    """On 32,492 vertices the indices are those of SciPy's k-d tree, rotation after rotation."""
    for hemisphere, sphere in fslr_spheres.items():
        points = sphere.vertices.astype(np.float64)
        grid, tree = SphereGrid.over(points), cKDTree(points)
        for k in range(15):
            rotation = spin_rotations(1, k, "independent")[hemisphere]
            expected = tree.query(points @ rotation.T)[1]
            np.testing.assert_array_equal(grid.nearest_after(rotation), expected)


@pytest.mark.slow
def test_equals_a_search_tree_for_thousands_of_rotations(fslr_spheres):
    """65 million queries on the real sphere, not one different."""
    points = fslr_spheres["L"].vertices.astype(np.float64)
    grid, tree = SphereGrid.over(points), cKDTree(points)
    for k in range(2000):
        rotation = left(2, k)
        expected = tree.query(points @ rotation.T)[1]
        np.testing.assert_array_equal(grid.nearest_after(rotation), expected)


@pytest.mark.real_data
def test_equals_a_search_tree_on_a_dense_uneven_sphere(real_data):
    """The BigBrain mesh on the fs_LR sphere (163,842 vertices, far from even) is exact too."""
    import nibabel as nib

    name = "tpl-fs_LR_hemi-L_den-164k_desc-sphere_rsled_like_bigbrain.reg.surf.gii"
    points = nib.load(next(real_data.rglob(name))).agg_data()[0].astype(np.float64)
    grid, tree = SphereGrid.over(points), cKDTree(points)
    for k in range(2):
        rotation = left(3, k)
        expected = tree.query(points @ rotation.T)[1]
        np.testing.assert_array_equal(grid.nearest_after(rotation), expected)


def test_lists_are_short_on_a_real_sphere(fslr_spheres):
    """The pruning works: an average cell is left with a handful of vertices, and no cell empty."""
    grid = SphereGrid.over(fslr_spheres["L"].vertices)
    lengths = np.diff(grid.starts)
    assert lengths.min() >= 1
    assert lengths.mean() < 5
    assert lengths.max() <= 12
    assert grid.starts.nbytes + grid.candidates.nbytes < 4e6


def test_survives_the_journey_to_another_process(toy_spheres):
    """A pickled grid answers the same."""
    grid = SphereGrid.over(toy_spheres["L"].vertices)
    copy = pickle.loads(pickle.dumps(grid))
    np.testing.assert_array_equal(copy.nearest_after(left(0, 0)), grid.nearest_after(left(0, 0)))
