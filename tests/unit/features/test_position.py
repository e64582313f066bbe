"""Position: coordinates, and harmonics that are orthonormal and the same left and right."""

import numpy as np
import pytest
from scipy import special

from cytosurf.errors import InputError
from cytosurf.features.position import (
    coordinates,
    harmonic_names,
    harmonics,
    mirrored_coordinates,
    spherical_harmonics,
)
from cytosurf.surfaces.space import Space
from cytosurf.surfaces.templates import load_mesh
from tests import toy

FSLR = Space("fsLR", "32k")


def scipy_real_harmonics(points, top):
    """Return real harmonics of degree 1 to top by SciPy, in the promised order."""
    x, y, z = (points / np.linalg.norm(points, axis=1, keepdims=True)).T
    polar, azimuth = np.arccos(np.clip(z, -1, 1)), np.arctan2(y, x)
    columns = []
    for degree in range(1, top + 1):
        columns.append(special.sph_harm_y(degree, 0, polar, azimuth).real)
        for m in range(1, degree + 1):
            complex_value = np.sqrt(2) * (-1) ** m * special.sph_harm_y(degree, m, polar, azimuth)
            columns += [complex_value.real, complex_value.imag]
    return np.column_stack(columns)


def test_harmonics_are_those_of_scipy():
    """Every column to degree 12 equals SciPy's real harmonic, in the stated order."""
    if not hasattr(special, "sph_harm_y"):
        pytest.skip("scipy.special.sph_harm_y came with SciPy 1.15")
    points = np.random.default_rng(0).normal(size=(500, 3)) * 7
    oracle = scipy_real_harmonics(points, 12)
    np.testing.assert_allclose(spherical_harmonics(points, oracle.shape[1]), oracle, atol=1e-11)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 16, 31, 32, 100])
def test_a_smaller_basis_is_the_beginning_of_a_larger_one(n, icosphere):
    """harmonics:N is the first N columns: the last degree is cut, nothing else changes."""
    large = spherical_harmonics(icosphere.vertices, 120)
    np.testing.assert_array_equal(spherical_harmonics(icosphere.vertices, n), large[:, :n])
    assert harmonic_names(n) == harmonic_names(120)[:n]
    assert len(set(harmonic_names(n))) == n


def test_harmonics_are_orthonormal(icosphere):
    """Integrated over the sphere, columns are orthogonal to each other and to a constant."""
    basis = spherical_harmonics(icosphere.vertices, 32)
    areas = toy.vertex_areas(icosphere)
    weights = 4 * np.pi * areas / areas.sum()
    np.testing.assert_allclose(basis.T @ (weights[:, None] * basis), np.eye(32), atol=0.01)
    np.testing.assert_allclose(weights @ basis, 0, atol=0.01)


def test_poles_are_no_special_case():
    """Where azimuth is undefined only order 0 is not zero."""
    at_poles = spherical_harmonics(np.array([[0, 0, 1.0], [0, 0, -1.0]]), 24)
    order_zero = [name.endswith("order0") for name in harmonic_names(24)]
    assert (at_poles[:, ~np.array(order_zero)] == 0).all()
    assert (at_poles[:, order_zero] != 0).all()


def test_harmonics_are_the_same_at_mirror_vertices():
    """fs_LR spheres are mirror images vertex by vertex, and so are the values."""
    features = harmonics(32, FSLR)
    left, right = (features.map.hemisphere(h).values for h in "LR")
    np.testing.assert_allclose(left, right, atol=1e-4)
    assert features.map.values.shape == (64_984, 32)
    assert features.map.valid.all()
    assert features.sources == ("brainspace",)


@pytest.mark.parametrize("n", [0, -1, 1024])
def test_a_number_of_harmonics_that_cannot_be_is_refused(n):
    """N is between 1 and 1,023."""
    with pytest.raises(InputError, match="1 to 1,023 columns"):
        harmonics(n, FSLR)


def test_coordinates_are_the_midthickness_in_mm():
    """x, y and z of every vertex, unchanged; the left hemisphere lies at negative x."""
    features = coordinates(FSLR)
    left = load_mesh(FSLR, "L", "midthickness")
    np.testing.assert_array_equal(features.map.values[:32_492], left.vertices)
    assert features.map.columns == ("x", "y", "z")
    assert (
        features.map.values[:32_492, 0].mean() < -20 < 20 < features.map.values[32_492:, 0].mean()
    )


def test_mirrored_coordinates_are_alike_left_and_right():
    """Only x changes, to its absolute value."""
    plain, mirrored = coordinates(FSLR).map.values, mirrored_coordinates(FSLR).map.values
    np.testing.assert_array_equal(mirrored[:, 1:], plain[:, 1:])
    np.testing.assert_array_equal(mirrored[:, 0], np.abs(plain[:, 0]))


@pytest.mark.real_data
def test_bigbrain_has_coordinates_of_its_own(real_cache):
    """On BigBrain they are those of its own midsurface."""
    space = Space("bigbrain", "164k")
    features = coordinates(space)
    right = load_mesh(space, "R", "midthickness").vertices
    np.testing.assert_array_equal(features.map.values[163_842:], right)
    assert features.sources == ("bigbrainwarp",)
