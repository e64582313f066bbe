"""Distortion is that of exact distances, and tells stretched surfaces from even ones."""

import numpy as np
import pytest
from scipy.sparse.csgraph import dijkstra

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls.distortion import distance_pairs, spin_distortion, undistorted
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.surfaces.geodesic import geodesic_graph
from cytosurf.surfaces.mesh import Mesh

POLE = 0.85  # of the radius: vertices beyond it are the medial wall of the toy cortex


def stretched(spheres, factors):
    """Return surfaces that the spheres are an uneven projection of."""
    return {h: Mesh(s.vertices * factors, s.faces) for h, s in spheres.items()}


def cortex(spheres):
    """Return the mask of both hemispheres: all but a cap."""
    return np.concatenate([s.vertices[:, 2] < 100 * POLE for s in spheres.values()])


@pytest.fixture(scope="module")
def uneven(toy_spheres):
    """Measure distances on an ellipsoid, 1 : 1 : 2.5."""
    surfaces = stretched(toy_spheres, [1, 1, 2.5])
    return surfaces, distance_pairs(surfaces, cortex(toy_spheres), n_pairs=300, n_landmarks=60)


def spins(spheres, n, policy="mirrored"):
    """Return the assignments of the first n spins."""
    assigner = SpinAssigner(spheres)
    return [assigner.assign(spin_rotations(0, k, policy)) for k in range(n)]


class TestDistancePairs:
    """What is fixed before the spins."""

    def test_distances_are_exact(self, uneven):
        """The distance of each pair is the shortest path on the surface."""
        surfaces, found = uneven
        for start, surface in zip((0, 642), surfaces.values(), strict=True):
            exact = dijkstra(geodesic_graph(surface))
            here = (found.pairs >= start).all(axis=1) & (found.pairs < start + 642).all(axis=1)
            a, b = found.pairs[here].T - start
            np.testing.assert_allclose(found.distance_mm[here], exact[a, b], rtol=1e-6)
            assert here.sum() == 300

    def test_pairs_are_two_vertices_of_cortex(self, uneven, toy_spheres):
        """Never one vertex twice, never the medial wall; spread over the whole cortex."""
        _, found = uneven
        assert (found.distance_mm > 0).all()
        assert cortex(toy_spheres)[found.pairs].all()
        assert len(np.unique(found.pairs[:, 0])) > 100
        assert len(np.unique(found.pairs[:, 1])) > 300

    def test_seed_decides(self, uneven):
        """The same seed gives the same pairs, another one others."""
        surfaces, found = uneven
        options = {"n_pairs": 300, "n_landmarks": 60}
        again = distance_pairs(surfaces, found.mask, **options)
        np.testing.assert_array_equal(again.pairs, found.pairs)
        other = distance_pairs(surfaces, found.mask, seed=1, **options)
        assert (other.pairs != found.pairs).any()

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"mask": np.ones(3, bool)}, r"mask: found bool array of shape \(3,\)"),
            ({"mask": np.ones(1284)}, "mask: found float64"),
            ({"mask": np.arange(1284) < 700}, "surface R: found 58 vertices in the mask"),
            ({"n_pairs": 0}, "0 pairs and 60 landmarks"),
            ({"n_landmarks": 1}, "at least 1 pair and 2 landmarks"),
            ({"surfaces": {}}, "surfaces: found hemispheres"),
        ],
    )
    def test_bad_input(self, uneven, change, says):
        """Masks that do not fit, and too few of anything."""
        arguments = {"surfaces": uneven[0], "mask": uneven[1].mask, "n_landmarks": 60, **change}
        with pytest.raises(InputError, match=says):
            distance_pairs(**arguments)

    def test_pieces_are_refused(self):
        """Between two pieces there is no distance."""
        corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]])
        two = Mesh(np.concatenate([corners, corners + 5]), [[0, 1, 2], [3, 4, 5]])
        with pytest.raises(InputError, match="not connected"):
            distance_pairs({"L": two}, np.ones(6, bool), n_landmarks=2)


class TestSpinDistortion:
    """The measure of a spin."""

    def test_near_that_of_exact_distances(self, uneven, toy_spheres):
        """The definition with all distances of the surface: within 5 %, in the same order."""
        surfaces, found = uneven
        exact = np.full((1284, 1284), np.nan)
        for start, surface in zip((0, 642), surfaces.values(), strict=True):
            rows = slice(start, start + 642)
            exact[rows, rows] = dijkstra(geodesic_graph(surface))
        ours, expected = [], []
        a, b = found.pairs.T
        for index in spins(toy_spheres, 12, "independent"):
            kept = found.mask[index[a]] & found.mask[index[b]]
            change = np.abs(exact[index[a], index[b]] - exact[a, b]) / exact[a, b]
            expected.append(change[kept].mean())
            ours.append(spin_distortion(found, index))
        np.testing.assert_allclose(ours, expected, rtol=0.05)
        assert np.corrcoef(ours, expected)[0, 1] > 0.99

    def test_no_rotation_no_distortion(self, uneven):
        """0 for the identity, up to rounding to float32."""
        assert spin_distortion(uneven[1], np.arange(1284, dtype=np.int32)) < 1e-6

    def test_uneven_surfaces_are_distorted_and_spheres_are_not(self, uneven, toy_spheres):
        """On the sphere itself rotations keep distances, up to the size of a triangle."""
        even = distance_pairs(toy_spheres, cortex(toy_spheres), n_pairs=300, n_landmarks=60)
        on_sphere = [spin_distortion(even, index) for index in spins(toy_spheres, 10)]
        on_uneven = [spin_distortion(uneven[1], index) for index in spins(toy_spheres, 10)]
        assert max(on_sphere) < 0.06
        assert np.mean(on_uneven) > 0.2

    def test_a_turn_around_the_axis_of_the_surface_is_harmless(self, uneven, toy_spheres):
        """The ellipsoid is round about z: such a turn keeps distances, a tilt does not."""
        c, s = np.cos(0.7), np.sin(0.7)
        turn, tilt = np.eye(3), np.eye(3)
        turn[:2, :2] = tilt[1:, 1:] = [[c, s], [-s, c]]
        assigner = SpinAssigner(toy_spheres)
        about_z, about_x = (
            spin_distortion(uneven[1], assigner.assign({"L": r, "R": r})) for r in (turn, tilt)
        )
        assert about_z < 0.06 < 0.15 < about_x

    def test_bad_input(self, uneven):
        """An index of another surface, or one that takes everything from the medial wall."""
        with pytest.raises(InputError, match=r"index of a spin: found shape \(3,\)"):
            spin_distortion(uneven[1], np.zeros(3, np.int32))
        wall = np.full(1284, np.flatnonzero(~uneven[1].mask)[0], np.int32)
        with pytest.raises(InputError, match="medial wall at every pair"):
            spin_distortion(uneven[1], wall)


class TestUndistorted:
    """The filter."""

    def test_keeps_what_is_at_or_below(self):
        """The threshold itself is kept."""
        values = np.linspace(0, 1, 101)
        np.testing.assert_array_equal(undistorted(values, values[40]), np.arange(101) <= 40)

    def test_too_few_are_warned_about_and_none_refused(self):
        """18 of 100 cannot reach 0.05, and no spin is no test."""
        values = np.linspace(0.1, 1, 100)
        with pytest.warns(CytosurfWarning, match="18 of 100 spins are left"):
            assert undistorted(values, values[17]).sum() == 18
        with pytest.raises(InputError, match=r"no spin meets \(the least is 0.1\)"):
            undistorted(values, 0.05)

    @pytest.mark.parametrize("values", [[0.1, np.nan], [-0.1], [[0.1]], 0.1])
    def test_bad_input(self, values):
        """NaN, negative values, other shapes."""
        with pytest.raises(InputError, match="distortion"):
            undistorted(values, 0.2)
