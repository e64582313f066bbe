"""Distances along the cortical surface for the weights of SpatialNCE."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cytosurf.errors import InputError
from cytosurf.spatialnce.weights import squared_distances
from cytosurf.surfaces.geodesic import geodesic_graph
from cytosurf.surfaces.mesh import Mesh

_SAMPLES_AT_ONCE = 256


class SurfaceTable(NamedTuple):
    """Distances along a surface between all pairs of some of its vertices.

    A sample is taken for the vertex that is nearest to it in a straight line, and two samples are
    never nearer along the surface than in a straight line.

    Attributes
    ----------
    vertices_mm : torch.Tensor
        (V, D) positions in the space of the samples.
    distances_mm : torch.Tensor
        (V, V) symmetric; infinite where there is no way (as between hemispheres).
    """

    vertices_mm: Tensor
    distances_mm: Tensor

    def nearest(self, positions_mm: Tensor) -> Tensor:
        """Return the nearest vertex of each position, (N,) int64."""
        vertices = self.vertices_mm.to(positions_mm)
        parts = torch.split(positions_mm, _SAMPLES_AT_ONCE)
        return torch.cat([squared_distances(part, vertices).argmin(1) for part in parts])


def surface_table(mesh: Mesh, vertices: npt.ArrayLike) -> SurfaceTable:
    """Measure a `SurfaceTable` on a mesh.

    Parameters
    ----------
    mesh : Mesh
        One hemisphere, or both as one mesh of two pieces, in the space of the samples.
    vertices : array_like of int
        (V,) vertices to keep; memory is 4 V**2 bytes (100 MB for 5,000).

    Returns
    -------
    SurfaceTable

    Raises
    ------
    InputError
        Fewer than two vertices, or vertices that the mesh does not have.

    Notes
    -----
    Shortest paths over edges and unfolded diagonals, see `cytosurf.surfaces.geodesic_graph`: at
    most 3.5 % too long on a regular mesh.

    Examples
    --------
    >>> kite = Mesh([[0, 0, 0], [4, 0, 0], [1, 1, 0], [1, 0, 2]], [[0, 1, 2], [1, 0, 3]])
    >>> surface_table(kite, [2, 3]).distances_mm.round(decimals=3).tolist()
    [[0.0, 3.0], [3.0, 0.0]]
    """
    from scipy.sparse.csgraph import dijkstra

    chosen = np.asarray(vertices)
    if chosen.ndim != 1 or len(chosen) < 2 or chosen.min() < 0 or chosen.max() >= mesh.n_vertices:
        raise InputError(
            "vertices",
            f"shape {chosen.shape}" if chosen.size < 2 else f"{chosen.min()} to {chosen.max()}",
            f"two or more of the vertices 0 to {mesh.n_vertices - 1} of the mesh",
        )
    found = dijkstra(geodesic_graph(mesh), directed=False, indices=chosen)[:, chosen]
    table = torch.from_numpy(np.minimum(found, found.T).astype(np.float32))
    return SurfaceTable(torch.from_numpy(mesh.vertices[chosen].astype(np.float32)), table)
