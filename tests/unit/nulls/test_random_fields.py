"""Random features have the smoothness and the symmetry that were asked for, and nothing else."""

import math

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.nulls.random_fields import (
    SYMMETRIES,
    SurfaceSmoother,
    planted_signal,
    random_features,
)
from cytosurf.surfaces.mesh import Mesh
from tests.toy import icosphere


def grid(n):
    """Return a flat square of n x n vertices, 1 mm apart."""
    y, x = np.mgrid[:n, :n]
    i = np.arange(n * n).reshape(n, n)
    a, b, c, d = (part.ravel() for part in (i[:-1, :-1], i[:-1, 1:], i[1:, 1:], i[1:, :-1]))
    faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    return Mesh(np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], 1), faces)


def dense_kernel(mesh, fwhm_mm):
    """Return (I + tau A^-1 S)^-4, S and A summed triangle by triangle."""
    n = mesh.n_vertices
    stiffness, area = np.zeros((n, n)), np.zeros(n)
    for face in mesh.faces:
        p = mesh.vertices[face].astype(float)
        doubled = np.linalg.norm(np.cross(p[1] - p[0], p[2] - p[0]))
        area[face] += doubled / 6
        for c in range(3):
            j, k = face[(c + 1) % 3], face[(c + 2) % 3]
            u, v = p[(c + 1) % 3] - p[c], p[(c + 2) % 3] - p[c]
            weight = u @ v / doubled / 2
            stiffness[j, k] -= weight
            stiffness[k, j] -= weight
            stiffness[j, j] += weight
            stiffness[k, k] += weight
    sigma = fwhm_mm / (2 * math.sqrt(2 * math.log(2)))
    step = np.eye(n) + sigma**2 / 8 * stiffness / area[:, None]
    return np.linalg.matrix_power(np.linalg.inv(step), 4)


class TestSmoother:
    """The kernel."""

    def test_width(self):
        """The variance of the kernel along each axis is that of a Gaussian of this FWHM."""
        n, fwhm_mm = 81, 10.0
        mesh = grid(n)
        spike = np.zeros((n * n, 1))
        spike[n * n // 2] = 1.0
        kernel = SurfaceSmoother(mesh, fwhm_mm).smooth(spike)[:, 0]
        offset = mesh.vertices[:, :2] - n // 2
        variance = (kernel[:, None] * offset**2).sum(axis=0) / kernel.sum()
        np.testing.assert_allclose(variance, (fwhm_mm / 2.3548) ** 2, rtol=0.02)
        assert kernel.sum() == pytest.approx(1, abs=1e-6)

    def test_equals_dense_matrices(self):
        """On an uneven closed surface, triangle by triangle."""
        sphere = icosphere(2, radius=20.0)
        mesh = Mesh(sphere.vertices * [1.0, 2.0, 0.7] + [0, 3, 0], sphere.faces)
        values = np.random.default_rng(0).normal(size=(mesh.n_vertices, 3))
        smoothed = SurfaceSmoother(mesh, 12.0).smooth(values)
        np.testing.assert_allclose(smoothed, dense_kernel(mesh, 12.0) @ values, atol=1e-9)

    def test_a_constant_stays(self):
        """And so does the integral over the surface."""
        smoother = SurfaceSmoother(icosphere(2), 30.0)
        values = np.random.default_rng(1).normal(size=(162, 2))
        np.testing.assert_allclose(smoother.smooth(np.full((162, 1), 3.0)), 3.0)
        before, after = (smoother.area_mm2 @ v for v in (values, smoother.smooth(values)))
        np.testing.assert_allclose(after, before)

    @pytest.mark.parametrize("width", [0.0, -1.0, math.inf, math.nan])
    def test_a_width_that_is_none(self, width):
        """Is refused by the name of its option."""
        with pytest.raises(InputError, match="--smoothness-mm"):
            SurfaceSmoother(icosphere(1), width)

    def test_a_vertex_without_triangles(self):
        """Has no surface to be smoothed on."""
        mesh = icosphere(1)
        loose = Mesh(np.vstack([mesh.vertices, [[0, 0, 0]]]), mesh.faces)
        with pytest.raises(InputError, match="1 vertices without an area"):
            SurfaceSmoother(loose, 10.0)


@pytest.fixture(scope="module")
def smoothers():
    """Smooth two spheres of radius 100 with 60 mm."""
    return {h: SurfaceSmoother(icosphere(3), 60.0) for h in "LR"}


class TestRandomFeatures:
    """The draws."""

    def test_correlation_is_that_of_smoothed_white_noise(self):
        """Against dense matrices: noise of equal variance per area, and mean square 1 after it."""
        mesh, fwhm_mm = icosphere(3), 40.0
        field = SurfaceSmoother(mesh, fwhm_mm).noise(np.random.default_rng(0), 2000)
        np.testing.assert_allclose((field**2).mean(axis=0), 1)
        correlation = np.corrcoef(field)
        kernel = dense_kernel(mesh, fwhm_mm)
        area = np.bincount(mesh.faces.ravel(), np.repeat(mesh.face_areas() / 3, 3))
        covariance = kernel / area @ kernel.T
        sd = np.sqrt(np.diag(covariance))
        expected = covariance / sd / sd[:, None]
        assert np.abs(correlation - expected).max() < 0.16
        assert np.sqrt(((correlation - expected) ** 2).mean()) < 0.03

    def test_symmetries(self, smoothers):
        """Mirror vertices correlate by 0, 0.8 and 1; each field has mean square 1 or near it."""
        drawn = random_features(smoothers, 0, 0, 2000)
        assert list(drawn) == list(SYMMETRIES)
        for name, rho in SYMMETRIES.items():
            left, right = np.split(drawn[name], 2)
            correlation = (left * right).mean(axis=1)
            np.testing.assert_allclose(correlation, rho, atol=0.12)
            assert correlation.mean() == pytest.approx(rho, abs=0.02)
            assert (right**2).mean() == pytest.approx(1, abs=0.03)
            np.testing.assert_array_equal(left, np.split(drawn["independent"], 2)[0])
        np.testing.assert_array_equal(*np.split(drawn["symmetric"], 2))

    def test_a_draw_depends_on_seed_and_number_alone(self, smoothers):
        """Others are others, and columns are independent."""
        first = random_features(smoothers, 3, 4, 2)["independent"]
        np.testing.assert_array_equal(first, random_features(smoothers, 3, 4, 2)["independent"])
        for seed, number in ((3, 5), (4, 4)):
            other = random_features(smoothers, seed, number, 2)["independent"]
            assert np.abs(np.corrcoef(first.T, other.T)[:2, 2:]).max() < 0.5
        assert abs(np.corrcoef(first.T)[0, 1]) < 0.5

    def test_one_hemisphere_and_halves_that_do_not_match(self, smoothers):
        """Have one kind of feature only."""
        alone = random_features({"R": smoothers["R"]}, 0, 1, 3)
        assert {name: x.shape for name, x in alone.items()} == {"independent": (642, 3)}
        both = random_features(smoothers, 0, 1, 3)["independent"]
        np.testing.assert_array_equal(alone["independent"], both[642:])
        other = {"L": smoothers["L"], "R": SurfaceSmoother(icosphere(2), 60.0)}
        assert list(random_features(other, 0, 1, 3)) == ["independent"]


def test_planted_signal_is_the_smoothed_indicator():
    """Scaled over the analysed vertices; each hemisphere is smoothed on its own."""
    smoothers = {"L": SurfaceSmoother(icosphere(2), 60.0), "R": SurfaceSmoother(icosphere(1), 60.0)}
    z = np.concatenate([icosphere(2).vertices[:, 2], icosphere(1).vertices[:, 2]])
    label = np.digitize(z, [-40, 20]) - (z > 90)
    rows = np.flatnonzero(z < 90)
    signal = planted_signal(smoothers, label, [2, 0, 2], rows)
    np.testing.assert_allclose(signal[rows].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(signal[rows].std(axis=0), 1)
    np.testing.assert_array_equal(signal[:, 0], signal[:, 2])
    for column, k in ((0, 2), (1, 0)):
        parts = np.split((label == k).astype(float)[:, None], [162])
        by_hand = np.concatenate(
            [smoothers[h].smooth(part) for h, part in zip("LR", parts, strict=True)]
        )[:, 0]
        scaled = (by_hand - by_hand[rows].mean()) / by_hand[rows].std()
        np.testing.assert_allclose(signal[:, column], scaled)
