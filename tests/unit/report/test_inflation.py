"""Inflated surfaces and the pattern of their folds."""

import numpy as np
import pytest

from cytosurf.report.inflation import display_mesh, folding, inflate
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import Space
from tests.toy import icosphere


def folded_sphere():
    """Return a sphere with waves along x, and the height of the waves."""
    sphere = icosphere(5, radius=50)
    wave = np.cos(sphere.vertices[:, 0] / 2.5)
    return Mesh(sphere.vertices * (1 + 0.06 * wave[:, None]), sphere.faces), wave


def test_inflation_opens_folds_and_keeps_area_and_place():
    """Waves go away; triangles, total area and centre stay."""
    mesh, _ = folded_sphere()
    smooth = inflate(mesh, 80)
    roughness = [
        np.linalg.norm(m.vertices - m.vertices.mean(0), axis=1).std() for m in (mesh, smooth)
    ]
    assert roughness[1] < 0.35 * roughness[0]
    assert smooth.face_areas().sum() == pytest.approx(mesh.face_areas().sum(), rel=1e-5)
    np.testing.assert_allclose(smooth.vertices.mean(0), mesh.vertices.mean(0), atol=0.5)
    np.testing.assert_array_equal(smooth.faces, mesh.faces)


def test_no_rounds_change_nothing():
    """Zero iterations give the surface back."""
    mesh, _ = folded_sphere()
    np.testing.assert_allclose(inflate(mesh, 0).vertices, mesh.vertices, atol=1e-4)


def test_folding_is_positive_in_valleys():
    """Valleys are above 0 and crests below, in units of the standard deviation."""
    mesh, wave = folded_sphere()
    folds = folding(mesh)
    assert folds[wave < -0.9].mean() > 0.5
    assert folds[wave > 0.9].mean() < -0.5
    assert folds.std() == pytest.approx(1)


def test_the_display_mesh_of_fs_lr_is_inflated_and_made_once():
    """The embedded midthickness is inflated without any download, and kept."""
    mesh, folds = display_mesh(Space("fsLR", "32k"), "L")
    assert mesh.n_vertices == len(folds) == 32_492
    assert display_mesh(Space("fsLR", "32k"), "L")[0] is mesh
    assert mesh.vertices[:, 0].mean() < -10  # still the left hemisphere, still in place
    assert np.ptp(mesh.vertices[:, 1]) > 150
