"""Eigenmodes are those of the surface that is valid, alike left and right where asked."""

import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features.position import spherical_harmonics
from cytosurf.nulls import eigenmodes as module
from cytosurf.nulls.eigenmodes import cortex_modes
from cytosurf.surfaces.mesh import Mesh
from tests import toy
from tests.unit.nulls.test_random_fields import grid


def uneven(subdivisions):
    """Return a closed surface without symmetries."""
    sphere = toy.icosphere(subdivisions, radius=20.0)
    bent = sphere.vertices * [1.0, 2.0, 0.7]
    bent[:, 2] += 0.02 * bent[:, 1] ** 2 + 0.3 * bent[:, 0]
    return Mesh(bent.astype(np.float32), sphere.faces)


def test_modes_of_a_sphere_are_spherical_harmonics():
    """Group l has 2 l + 1 modes of wavelength 2 pi R / sqrt(l (l + 1))."""
    sphere = toy.icosphere(4)
    modes = cortex_modes({"L": sphere}, np.ones(2562, bool), degree=4)["L"]
    assert modes.sizes == (3, 5, 7, 9)
    assert modes.n_modes == 24
    assert modes.wavelength_mm == pytest.approx(2 * np.pi * 100 / np.sqrt(4 * 5), rel=0.01)
    harmonics = spherical_harmonics(sphere.vertices, 24) / 100
    projected = modes.coefficients(harmonics)
    for end, size in zip(np.cumsum(modes.sizes), modes.sizes, strict=True):
        group = slice(end - size, end)
        np.testing.assert_allclose((projected[group, group] ** 2).sum(axis=0), 1, rtol=0.01)


def test_the_edge_is_free():
    """On a flat square the waves are cosines, flat at the edge: the wall does not pull at them."""
    n = 31
    modes = cortex_modes({"L": grid(n)}, np.ones(n * n, bool), degree=1)["L"]
    x = np.arange(n) / (n - 1)
    expected = np.concatenate([np.tile(np.cos(np.pi * x), n), np.repeat(np.cos(np.pi * x), n)])
    expected = expected.reshape(2, -1).T
    expected /= np.sqrt(modes.area_mm2 @ expected**2)
    projected = modes.coefficients(expected)[:2]
    np.testing.assert_allclose((projected**2).sum(axis=0), 1, rtol=0.01)


def test_orthonormal_over_the_surface():
    """By area, with mean 0, from long to short waves, whichever way they are found."""
    mesh = uneven(3)
    modes = cortex_modes({"R": mesh}, np.ones(642, bool), degree=4)["R"]
    np.testing.assert_allclose(modes.coefficients(modes.values), np.eye(24), atol=1e-9)
    np.testing.assert_allclose(modes.mean(modes.values), 0, atol=1e-12)
    np.testing.assert_allclose(modes.area_mm2, toy.vertex_areas(mesh), rtol=1e-6)


def test_dense_and_sparse_give_the_same(monkeypatch):
    """Signs as well, and again."""
    mesh, valid = uneven(3), np.ones(642, bool)
    dense = cortex_modes({"L": mesh}, valid, degree=3)["L"]
    monkeypatch.setattr(module, "_DENSE", 0)
    sparse, again = (cortex_modes({"L": mesh}, valid, degree=3)["L"] for _ in range(2))
    np.testing.assert_allclose(sparse.values, dense.values, atol=1e-9)
    np.testing.assert_array_equal(sparse.values, again.values)
    assert sparse.wavelength_mm == pytest.approx(dense.wavelength_mm)


class TestWhereTheyAre:
    """The valid vertices and no others."""

    def test_the_largest_piece(self):
        """The wall, an island beyond it, and vertices without a valid triangle are left out."""
        mesh = uneven(3)
        y = mesh.vertices[:, 1]
        main, island = y > -5, y < -30
        lone = int(np.flatnonzero((y > -14) & (y < -12))[0])
        valid = main | island
        valid[lone] = True
        with pytest.warns(CytosurfWarning, match=f"of {valid.sum()} vertices with values are left"):
            modes = cortex_modes({"L": mesh}, valid, degree=2)["L"]
        assert set(modes.rows) <= set(np.flatnonzero(main))
        assert len(modes.rows) > main.sum() - 8
        moved = Mesh(np.where(valid[:, None], mesh.vertices, 7 * mesh.vertices), mesh.faces)
        with pytest.warns(CytosurfWarning):
            again = cortex_modes({"L": moved}, valid, degree=2)["L"]
        np.testing.assert_array_equal(again.values, modes.values)

    def test_both_hemispheres(self):
        """Each has its own surface and rows of its own."""
        meshes = {"L": uneven(3), "R": uneven(2)}
        modes = cortex_modes(meshes, np.ones(804, bool), degree=2)
        np.testing.assert_array_equal(modes["L"].rows, np.arange(642))
        np.testing.assert_array_equal(modes["R"].rows, np.arange(642, 804))
        alone = cortex_modes({"R": meshes["R"]}, np.ones(162, bool), degree=2)["R"]
        np.testing.assert_array_equal(modes["R"].values, alone.values)

    def test_mirrored_hemispheres_share_them(self):
        """Those of the mean surface, on vertices that are valid on both sides."""
        left = uneven(3)
        other = Mesh(left.vertices * np.float32(1.2), left.faces)
        valid = np.ones(1284, bool)
        valid[[5, 642 + 9]] = False
        modes = cortex_modes({"L": left, "R": toy.mirrored(other)}, valid, degree=2, mirrored=True)
        assert modes["L"].values is modes["R"].values
        np.testing.assert_array_equal(modes["L"].rows, np.delete(np.arange(642), [5, 9]))
        np.testing.assert_array_equal(modes["R"].rows, modes["L"].rows + 642)
        mean = Mesh(left.vertices * np.float32(1.1), left.faces)
        of_mean = cortex_modes({"L": mean}, valid[:642] & valid[642:], degree=2)["L"]
        np.testing.assert_allclose(modes["L"].values, of_mean.values, atol=1e-6)

    def test_few_vertices_have_fewer_modes(self):
        """Unless a number was asked for: at least four vertices for each."""
        mesh = uneven(2)
        assert cortex_modes({"L": mesh}, np.ones(162, bool))["L"].n_modes == 35
        with pytest.raises(InputError, match=r"found 162 connected.*at least 192, four for each"):
            cortex_modes({"L": mesh}, np.ones(162, bool), degree=6)


@pytest.mark.parametrize(
    ("valid", "degree", "says"),
    [
        (np.ones(641, bool), 2, "valid vertices: found bool array"),
        (np.ones(642), 2, "valid vertices: found float64"),
        (np.ones(642, bool), 0, "degree: found 0"),
        (np.zeros(642, bool), None, "surrogates, hemisphere L: found 0 connected"),
    ],
)
def test_bad_input(valid, degree, says):
    """Each mistake has its message."""
    with pytest.raises(InputError, match=says):
        cortex_modes({"L": uneven(3)}, valid, degree=degree)
