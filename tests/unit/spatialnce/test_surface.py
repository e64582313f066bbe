"""Distances along a surface for the weights."""

import numpy as np
import pytest
import torch

from cytosurf.errors import InputError
from cytosurf.spatialnce import SurfaceTable, surface_table, write_surface_table
from cytosurf.spatialnce.surface import read_surface_table
from cytosurf.surfaces.mesh import Mesh


def test_a_table_on_a_sphere_is_of_great_circles(icosphere):
    """Symmetric, 0 on the diagonal, and at most 5 % longer than the arc."""
    chosen = np.arange(0, icosphere.n_vertices, 8)  # more than are worked out at a time
    table = surface_table(icosphere, chosen)
    found = table.distances_mm.numpy()
    unit = icosphere.vertices[chosen] / 100
    arcs = 100 * np.arccos(np.clip(unit @ unit.T, -1, 1))
    assert np.array_equal(found, found.T)
    assert np.array_equal(np.diag(found), np.zeros(len(chosen)))
    off = ~np.eye(len(chosen), dtype=bool)
    ratio = found[off] / arcs[off]
    assert ratio.min() > 0.99
    assert ratio.max() < 1.05


def test_hemispheres_are_infinitely_far_apart(icosphere):
    """Two pieces of one mesh have no way between them."""
    n = icosphere.n_vertices
    vertices = np.concatenate([icosphere.vertices, icosphere.vertices + np.array([300, 0, 0])])
    both = Mesh(vertices, np.concatenate([icosphere.faces, icosphere.faces + n]))
    table = surface_table(both, [0, 5, n, n + 5])
    assert table.distances_mm[:2, 2:].isinf().all()
    assert table.distances_mm[2:, 2:].isfinite().all()


def test_samples_stand_for_their_nearest_vertex():
    """In a straight line, any number of samples."""
    vertices = torch.rand(50, 3)
    positions = torch.rand(700, 3, dtype=torch.float64)
    table = SurfaceTable(vertices, torch.zeros(50, 50))
    expected = torch.cdist(positions, vertices.double()).argmin(1)
    assert torch.equal(table.nearest(positions), expected)


@pytest.mark.parametrize("chosen", [[0], [0, 10**6], [-1, 2], [[0, 1]]])
def test_vertices_must_be_of_the_mesh(icosphere, chosen):
    """The message says how many there are."""
    with pytest.raises(InputError, match="two or more of the vertices 0 to 641"):
        surface_table(icosphere, chosen)


def test_a_table_survives_its_file(icosphere, tmp_path):
    """Vertices, distances and the space, under any of its names."""
    table = surface_table(icosphere, [0, 7, 99])
    path = write_surface_table(tmp_path / "table.npz", table, "icbm")
    assert all(map(torch.equal, read_surface_table(path, "bigbrainsym"), table))
    with pytest.raises(InputError, match="found distances in bigbrainsym; expected in bigbrain,"):
        read_surface_table(path, "bigbrain")


@pytest.mark.parametrize(
    "distances", [[[0, 1], [2, 0]], [[0, -1], [-1, 0]], [[0, np.nan], [np.nan, 0]], [[0, 1]]]
)
def test_files_that_are_no_table_are_refused(tmp_path, distances):
    """One-way, negative or missing distances, another shape, a cut-off file."""
    path = tmp_path / "table.npz"
    np.savez(path, vertices_mm=np.eye(2, 3), distances_mm=np.array(distances, float), space="x")
    with pytest.raises(InputError, match="expected a symmetric table"):
        read_surface_table(path, "x")
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="no readable table"):
        read_surface_table(path, "x")
