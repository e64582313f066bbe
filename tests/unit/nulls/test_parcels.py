"""Parcels are permuted as neuromaps permutes them, and by the rules that define the methods."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from cytosurf.errors import InputError
from cytosurf.nulls.parcels import (
    ParcelAssigner,
    hungarian_assignment,
    parcel_centroids,
    spin_parcels,
    vasa_assignment,
)
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.surfaces.mesh import Mesh

METHODS = ["hungarian", "vasa"]
seeds = st.integers(0, 10_000)


def points_on_sphere(n, seed=0):
    """Return random places on a sphere of radius 100."""
    points = np.random.default_rng(seed).normal(size=(n, 3))
    return 100 * points / np.linalg.norm(points, axis=1, keepdims=True)


def distances(n, seed):
    """Return distances from random places to the same places rotated."""
    points = points_on_sphere(n, seed)
    return cdist(points, points @ spin_rotations(seed, 0, "mirrored")["L"])


def embedded_centroids(spheres):
    """Return the centroids of BrainSpace's Schaefer 400 parcels."""
    from cytosurf.targets.embedded import embedded_values

    keys = embedded_values("parcellations/schaefer_400_conte69.csv").astype(int)
    halves = np.split(keys, 2)
    return {h: parcel_centroids(k, spheres[h])[1] for h, k in zip("LR", halves, strict=True)}


class TestSpinParcels:
    """The index over both hemispheres."""

    @pytest.mark.parametrize("method", METHODS)
    def test_equals_neuromaps(self, fslr_spheres, method):
        """On real parcels, with neuromaps' own rotations, the indices are identical."""
        theirs = pytest.importorskip("neuromaps.nulls.spins")
        centroids = embedded_centroids(fslr_spheres)
        assert [len(c) for c in centroids.values()] == [200, 200]
        expected = theirs.gen_spinsamples(
            np.concatenate([centroids["L"], centroids["R"]]),
            np.repeat([0, 1], 200),
            n_rotate=5,
            method=method,
            seed=11,
        )
        draws = np.random.RandomState(11)
        for spin in expected.T:
            rotations = dict(zip("LR", theirs._gen_rotation(draws), strict=True))
            index = spin_parcels(centroids, rotations, method)
            assert index.dtype == np.int32
            np.testing.assert_array_equal(index, spin)

    @pytest.mark.parametrize("method", METHODS)
    @given(seed=seeds)
    def test_is_a_permutation_of_each_hemisphere(self, method, seed):
        """Every value is handed on once, and none to the other hemisphere."""
        centroids = {"L": points_on_sphere(17, seed), "R": points_on_sphere(23, seed + 1)}
        index = spin_parcels(centroids, spin_rotations(seed, 3, "independent"), method)
        assert sorted(index[:17].tolist()) == list(range(17))
        assert sorted(index[17:].tolist()) == list(range(17, 40))

    @pytest.mark.parametrize("method", METHODS)
    def test_no_rotation_moves_nothing(self, method):
        """The identity keeps every parcel, and a small turn does too."""
        centroids = {"R": points_on_sphere(30)}
        index = spin_parcels(centroids, {"R": np.eye(3)}, method)
        assert index.tolist() == list(range(30))

    @pytest.mark.parametrize("method", METHODS)
    def test_values_move_with_the_sphere(self, method):
        """A patch of high values is found, after the spin, where the rotation takes it."""
        points = points_on_sphere(300)
        rotation = spin_rotations(1, 0, "mirrored")["L"]
        values = np.exp(points[:, 0] / 20)
        spun = values[spin_parcels({"L": points}, {"L": rotation}, method)]
        centre = spun @ points / spun.sum()
        target = rotation[0]  # where the direction (1, 0, 0) goes
        assert centre @ target / np.linalg.norm(centre) > 0.98

    @pytest.mark.parametrize(
        ("centroids", "rotations", "method", "says"),
        [
            ({"L": np.ones((2, 3))}, {"L": np.eye(3)}, "nearest", "method: found 'nearest'"),
            (
                {"L": np.ones((2, 2))},
                {"L": np.eye(3)},
                "vasa",
                r"centroids L: found shape \(2, 2\)",
            ),
            ({"L": np.ones((0, 3))}, {"L": np.eye(3)}, "vasa", "n_parcels, 3"),
            ({"L": [[np.nan, 0, 0]]}, {"L": np.eye(3)}, "vasa", "centroids L: found NaN"),
            ({"R": np.ones((2, 3))}, {"L": np.eye(3)}, "vasa", "none for hemisphere R"),
            ({"L": np.ones((2, 3))}, {"L": -np.eye(3)}, "vasa", "rotation L: found a reflection"),
            ({"X": np.ones((2, 3))}, {"X": np.eye(3)}, "vasa", "centroids: found hemispheres"),
        ],
    )
    def test_bad_input(self, centroids, rotations, method, says):
        """What is no centroid, no rotation, or no method."""
        with pytest.raises(InputError, match=says):
            spin_parcels(centroids, rotations, method)


class TestHungarian:
    """The smallest sum."""

    @given(seeds)
    def test_no_permutation_has_a_smaller_sum(self, seed):
        """Against all permutations of six parcels."""
        distance = distances(6, seed)
        rows = np.arange(6)
        best = min(distance[rows, list(order)].sum() for order in permutations(range(6)))
        assert distance[rows, hungarian_assignment(distance)].sum() == pytest.approx(best)


class TestVasa:
    """The farthest chooses first."""

    @given(seeds, st.integers(1, 40))
    def test_equals_looking_at_all_distances_each_time(self, seed, n):
        """As choosing again from the whole table of free rows and columns."""
        distance = distances(n, seed)
        rows, columns, expected = set(range(n)), set(range(n)), {}
        while rows:
            nearest = {i: min(distance[i, j] for j in columns) for i in rows}
            row = max(rows, key=lambda i: nearest[i])
            column = min(columns, key=lambda j: distance[row, j])
            expected[row] = column
            rows.remove(row)
            columns.remove(column)
        assert vasa_assignment(distance).tolist() == [expected[i] for i in range(n)]

    def test_input_is_left_alone(self):
        """The table of distances is not written into."""
        distance = distances(9, 0)
        before = distance.copy()
        vasa_assignment(distance)
        np.testing.assert_array_equal(distance, before)


class TestCentroids:
    """The middle of a parcel."""

    def test_caps_have_their_centre(self, toy_spheres):
        """Two caps and the unassigned rest: the centres of the caps, on the sphere."""
        points = toy_spheres["L"].vertices
        keys = np.where(points[:, 2] > 80, 7, np.where(points[:, 0] < -80, 3, 0))
        used, centroids = parcel_centroids(keys, toy_spheres["L"])
        assert used.tolist() == [3, 7]
        np.testing.assert_allclose(centroids, [[-100, 0, 0], [0, 0, 100]], atol=1)
        np.testing.assert_allclose(np.linalg.norm(centroids, axis=1), 100)

    def test_bad_input(self, toy_spheres):
        """No parcel, another number of vertices, no middle, no sphere."""
        sphere = toy_spheres["L"]
        with pytest.raises(InputError, match="no key above 0"):
            parcel_centroids(np.zeros(642, int), sphere)
        with pytest.raises(InputError, match=r"shape \(3,\)"):
            parcel_centroids(np.ones(3, int), sphere)
        with pytest.raises(InputError, match="parcel 1 spread evenly"):
            parcel_centroids(np.ones(642, int), sphere)
        with pytest.raises(InputError, match="sphere"):
            parcel_centroids(np.ones(642, int), Mesh(sphere.vertices * [1, 1, 2], sphere.faces))


class TestAssigner:
    """Parcels of spheres."""

    def test_mirrored_spins_need_mirrored_spheres(self, toy_spheres):
        """As for vertices: mirrored rotations on unlike spheres are refused, others welcome."""
        right = toy_spheres["R"]
        turn = spin_rotations(0, 7, "mirrored")["L"]
        unlike = {"L": toy_spheres["L"], "R": Mesh(right.vertices @ turn, right.faces)}
        keys = np.concatenate([1 + (s.vertices[:, 2] > 0) for s in toy_spheres.values()])
        mirrored, independent = (spin_rotations(0, 0, p) for p in ("mirrored", "independent"))
        assert ParcelAssigner(keys, toy_spheres).assign(mirrored).size == 4
        assigner = ParcelAssigner(keys, unlike)
        with pytest.raises(InputError, match=r"mirrored spins.*independent rotations"):
            assigner.assign(mirrored)
        assert assigner.assign(independent).size == 4
