"""Distances along the cortical surface for the weights of SpatialNCE."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cytosurf.compute.files import write_npz
from cytosurf.errors import InputError
from cytosurf.features.embedding_spaces import point_space
from cytosurf.spatialnce.weights import squared_distances
from cytosurf.surfaces.geodesic import geodesic_graph
from cytosurf.surfaces.mesh import Mesh

_SAMPLES_AT_ONCE = 256
_VERTICES_AT_ONCE = 64  # each finds its distance to every vertex of the mesh


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
    graph = geodesic_graph(mesh)
    starts = range(0, len(chosen), _VERTICES_AT_ONCE)
    parts = (chosen[start : start + _VERTICES_AT_ONCE] for start in starts)
    rows = [dijkstra(graph, directed=False, indices=part)[:, chosen] for part in parts]
    found = np.concatenate(rows)
    table = torch.from_numpy(np.minimum(found, found.T).astype(np.float32))
    return SurfaceTable(torch.from_numpy(mesh.vertices[chosen].astype(np.float32)), table)


def write_surface_table(path: str | os.PathLike[str], table: SurfaceTable, space: str) -> Path:
    """Write a table for ``loss.surface`` of a training; return its path.

    Parameters
    ----------
    path : path-like
        An npz file.
    table : SurfaceTable
        What `surface_table` measured.
    space : str
        Name of the space of its vertices: a training on patches in another one refuses it.

    Examples
    --------
    >>> mesh = Mesh([[0, 0, 0], [4, 0, 0], [1, 1, 0]], [[0, 1, 2]])
    >>> table = surface_table(mesh, [0, 1, 2])
    >>> write_surface_table("table.npz", table, "bigbrainsym")  # doctest: +SKIP
    """
    vertices, distances = (part.cpu().numpy() for part in table)
    name = point_space(space)
    return write_npz(path, vertices_mm=vertices, distances_mm=distances, space=name)


def read_surface_table(path: str | os.PathLike[str], space: str) -> SurfaceTable:
    """Read what `write_surface_table` wrote.

    Parameters
    ----------
    path : path-like
        The npz file.
    space : str
        Space of the patches, which the table must be of.

    Raises
    ------
    InputError
        If the file is no such table, damaged, or of another space.
    """
    expected = "an npz of cytosurf.spatialnce.write_surface_table"
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = ("vertices_mm", "distances_mm", "space")
            vertices, distances, name = (stored[part] for part in names)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
        raise InputError(str(path), "no readable table of distances", expected) from None
    square = vertices.ndim == 2 and distances.shape == (len(vertices),) * 2
    if not square or not (distances >= 0).all() or (distances != distances.T).any():
        found = f"{distances.shape} distances between {len(vertices)} vertices"
        raise InputError(str(path), found, "a symmetric table of numbers of 0 or more")
    if str(name) != space:
        raise InputError(
            str(path), f"distances in {name}", f"in {space}, as the coordinates of the patches"
        )
    return SurfaceTable(torch.from_numpy(vertices), torch.from_numpy(distances))


def surface_of(path: Path | None, space: str, device: torch.device) -> SurfaceTable | None:
    """Return the table of a training on its device, if it has one."""
    if path is None:
        return None
    return SurfaceTable(*(part.to(device) for part in read_surface_table(path, space)))
