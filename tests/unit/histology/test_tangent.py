"""Unfolding a surface around its vertices."""

import numpy as np
import pytest

from cytosurf.errors import InputError
from cytosurf.histology.tangent import (
    grid_offsets,
    grid_vertices,
    patch_reach_mm,
    tangent_frames,
    vertex_normals,
)
from cytosurf.surfaces.mesh import Mesh
from tests import toy


def flat(n=11, spacing=1.0):
    """Return a flat mesh of n x n vertices in the sagittal plane, facing left (-x)."""
    axis = np.arange(n) * spacing
    y, z = (a.ravel() for a in np.meshgrid(axis, axis, indexing="ij"))
    rows = np.arange(n * n).reshape(n, n)
    a, b, c, d = rows[:-1, :-1], rows[1:, :-1], rows[1:, 1:], rows[:-1, 1:]
    faces = np.stack([np.stack([a, c, b], -1), np.stack([a, d, c], -1)]).reshape(-1, 3)
    return Mesh(np.stack([np.zeros(n * n), y, z], axis=1), faces), rows


def test_on_a_plane_the_patch_is_the_grid_itself():
    """First axis towards anterior, second towards superior, vertices one spacing apart."""
    mesh, rows = flat()
    centres, taken = grid_vertices(mesh, "L", np.ones(mesh.n_vertices, bool), 5, 1.0)
    assert centres.tolist() == list(range(mesh.n_vertices))
    assert np.array_equal(taken[rows[5, 5]].reshape(5, 5), rows[3:8, 3:8])


def test_distances_are_those_along_the_surface():
    """Round a cylinder of 2.5 mm, points of the grid lie as far apart as along its wall."""
    sheet, rows = flat(13)
    y, along = sheet.vertices[:, 1], (sheet.vertices[:, 2] - 6) / 2.5
    wall = np.stack([-2.5 * np.cos(along), y, 2.5 * np.sin(along)], axis=1)
    _, taken = grid_vertices(Mesh(wall, sheet.faces), "L", np.ones(len(wall), bool), 7, 1.0)
    patch = taken[rows[6, 6]].reshape(7, 7)
    assert np.array_equal(patch[3], rows[6, 3:10])
    assert np.array_equal(patch[:, 3], rows[3:10, 6])


def test_left_and_right_are_mirror_images():
    """A mirrored mesh, as right hemisphere, gives the same patches."""
    mesh = toy.icosphere(3)
    valid = np.ones(mesh.n_vertices, bool)
    _, left = grid_vertices(mesh, "L", valid, 3, 20.0)
    _, right = grid_vertices(toy.mirrored(mesh), "R", valid, 3, 20.0)
    assert (left == right).mean() > 0.99  # ties may fall either way


def test_the_centre_is_the_vertex_itself_and_all_taken_are_valid():
    """At the edge of what is valid, valid neighbours are repeated."""
    mesh = toy.icosphere(3)
    valid = mesh.vertices[:, 2] > 10
    centres, taken = grid_vertices(mesh, "R", valid, 5, 12.0)
    assert np.array_equal(centres, np.flatnonzero(valid))
    assert np.array_equal(taken[:, 12], centres)
    assert valid[taken].all()


def test_no_vertex_beyond_the_reach_of_a_patch_is_taken():
    """The reach that a buffer must have is honest."""
    from cytosurf.surfaces.geodesic import geodesic_discs

    mesh = toy.icosphere(3)
    _, taken = grid_vertices(mesh, "L", np.ones(mesh.n_vertices, bool), 5, 9.0)
    discs = geodesic_discs(mesh, patch_reach_mm(5, 9.0)).toarray() > 0
    discs[np.diag_indices(len(discs))] = True
    assert discs[np.arange(len(taken))[:, None], taken].all()


def test_opposite_banks_do_not_share_a_patch():
    """Two sheets 0.5 mm apart, joined 20 mm away: patches stay on their own sheet."""
    sheet, rows = flat(41, 1.0)
    points = sheet.vertices.copy()
    fold = points[:, 1] > 20
    points[fold, 1] = 40 - points[fold, 1]
    points[fold, 0] += 0.5
    folded = Mesh(points, sheet.faces)
    _, taken = grid_vertices(folded, "L", np.ones(folded.n_vertices, bool), 5, 1.0)
    upper = rows[5, 20]
    assert not fold[taken[upper]].any()
    near = np.linalg.norm(points - points[upper], axis=1) < 1
    assert (near & fold).any()


def test_frames_are_orthonormal_and_tangent():
    """Also where the surface faces anterior and the first axis is superior."""
    mesh = toy.icosphere(3)
    normals, frames = vertex_normals(mesh), tangent_frames(mesh, "L")
    triads = np.concatenate([normals[:, None], frames], axis=1)
    assert np.allclose(triads @ triads.transpose(0, 2, 1), np.eye(3), atol=1e-12)
    assert (np.einsum("ij,ij->i", normals, mesh.vertices) > 0).all()


@pytest.mark.parametrize(("side", "spacing"), [(4, 1.0), (0, 1.0), (3, 0.0), (3, np.nan)])
def test_grids_that_are_none_are_refused(side, spacing):
    """An even side has no centre; a spacing is positive."""
    with pytest.raises(InputError, match=r"side|spacing"):
        grid_offsets(side, spacing)


def test_a_surface_without_valid_vertices_is_refused():
    """Nothing to unfold."""
    mesh = toy.icosphere(1)
    with pytest.raises(InputError, match="mask"):
        grid_vertices(mesh, "L", np.zeros(mesh.n_vertices, bool), 3, 1.0)
