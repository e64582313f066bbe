"""Unfolding a surface around its vertices: which vertex lies at each point of a small flat grid.

Around a vertex, its neighbours along the surface are laid into the tangent plane: as far from the
centre as the path along the surface is long, in the direction in which they are seen from there.
Opposite banks of a sulcus, near in space and far along the surface, so never share a patch. The
first axis of the plane points to anterior (+y; superior where the surface faces it), the second to
the side that makes patches of the left and right hemisphere mirror images of each other.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from cytosurf.errors import InputError
from cytosurf.surfaces.geodesic import geodesic_graph
from cytosurf.surfaces.geodesic_kernels import all_discs
from cytosurf.surfaces.mesh import Mesh

Float64 = npt.NDArray[np.float64]
Int32 = npt.NDArray[np.int32]
CHUNK = 16_384  # centres at a time, which bounds the memory of the discs
FACING = 0.95  # |cosine| of normal and anterior from which superior is taken instead


def grid_offsets(side: int, spacing_mm: float) -> Float64:
    """Return the points of a square grid around 0, row by row, (side², 2) in mm.

    Parameters
    ----------
    side : int
        Points along an edge; odd, so that the centre is one of them.
    spacing_mm : float
        Distance of neighbouring points.

    Raises
    ------
    InputError
        If the side is even or below 1, or the spacing not positive.

    Examples
    --------
    >>> grid_offsets(3, 0.5)[:2].tolist()
    [[-0.5, -0.5], [-0.5, 0.0]]
    """
    if side < 1 or side % 2 == 0:
        raise InputError("side", str(side), "an odd number of grid points")
    if not (np.isfinite(spacing_mm) and spacing_mm > 0):
        raise InputError("spacing_mm", str(spacing_mm), "a positive number of mm")
    axis = (np.arange(side) - side // 2) * spacing_mm
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def patch_reach_mm(side: int, spacing_mm: float) -> float:
    """Return how far along the surface the vertices of a patch may lie from its centre, in mm.

    The corner of the grid and one spacing more.

    Examples
    --------
    >>> round(patch_reach_mm(7, 1.0), 3)
    5.243
    """
    return float(np.linalg.norm(grid_offsets(side, spacing_mm)[0]) + spacing_mm)


def vertex_normals(mesh: Mesh) -> Float64:
    """Return the outward unit normal of each vertex, weighted by the area of its triangles.

    A vertex of no triangle, or of triangles without area, gets +z.

    Examples
    --------
    >>> vertex_normals(Mesh([[0, 0, 0], [1, 0, 0], [0, 1, 0]], [[0, 1, 2]]))[0].tolist()
    [0.0, 0.0, 1.0]
    """
    a, b, c = (mesh.vertices[mesh.faces[:, i]].astype(np.float64) for i in range(3))
    twice_area = np.cross(b - a, c - a)
    normals = np.zeros((mesh.n_vertices, 3))
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(
                mesh.faces[:, corner], twice_area[:, axis], mesh.n_vertices
            )
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 0, normals / np.where(length > 0, length, 1), [0.0, 0.0, 1.0])


def tangent_frames(mesh: Mesh, hemisphere: str) -> Float64:
    """Return two orthogonal unit vectors in the tangent plane of each vertex, (n_vertices, 2, 3).

    Parameters
    ----------
    mesh : Mesh
        Triangles must face outwards.
    hemisphere : str
        ``"L"`` or ``"R"``: the second axes are mirrored.
    """
    normals = vertex_normals(mesh)
    anterior, superior = np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0])
    facing = np.abs(normals @ anterior)[:, None] > FACING
    towards = np.where(facing, superior, anterior)
    first = towards - (towards * normals).sum(axis=1, keepdims=True) * normals
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(normals, first) * (1 if hemisphere == "R" else -1)
    return np.stack([first, second], axis=1)


def grid_vertices(
    mesh: Mesh,
    hemisphere: str,
    valid: npt.NDArray[np.bool_],
    side: int,
    spacing_mm: float,
) -> tuple[Int32, Int32]:
    """Return, around each valid vertex, the nearest valid vertex to each point of a flat grid.

    Parameters
    ----------
    mesh : Mesh
        The surface, in the mm in which the grid is stated.
    hemisphere : str
        ``"L"`` or ``"R"``.
    valid : (n_vertices,) ndarray of bool
        Vertices that may be a centre and may be taken.
    side, spacing_mm
        The grid, see `grid_offsets`.

    Returns
    -------
    centres : (n,) ndarray of int32
        The valid vertices.
    taken : (n, side²) ndarray of int32
        Row by row of the grid; the middle one is the centre itself. At the edge of what is valid
        the nearest valid vertices are repeated.

    Raises
    ------
    InputError
        If the mask has another length or no vertex is valid.
    """
    if valid.shape != (mesh.n_vertices,) or not valid.any():
        raise InputError("valid", f"{int(valid.sum())} of {len(valid)}", "a mask of the vertices")
    offsets = grid_offsets(side, spacing_mm)
    frames = tangent_frames(mesh, hemisphere)
    points = mesh.vertices.astype(np.float64)
    centres = np.flatnonzero(valid).astype(np.int32)
    taken = np.empty((len(centres), len(offsets)), np.int32)
    graph, reach_mm = geodesic_graph(mesh), patch_reach_mm(side, spacing_mm)
    for start in range(0, len(centres), CHUNK):
        chunk = centres[start : start + CHUNK]
        starts, members, distance_mm = all_discs(
            graph.indptr, graph.indices, graph.data, chunk.astype(np.int64), reach_mm
        )
        _fill_grids(
            chunk,
            starts,
            members,
            distance_mm,
            points,
            frames,
            valid,
            offsets,
            taken[start : start + CHUNK],
        )
    return centres, taken


@njit(cache=True)
def _fill_grids(
    centres: Int32,
    starts: npt.NDArray[np.int64],
    members: Int32,
    distance_mm: Float64,
    points: Float64,
    frames: Float64,
    valid: npt.NDArray[np.bool_],
    offsets: Float64,
    taken: Int32,
) -> None:
    """Fill `taken` with the member of each disc that is nearest to each offset.

    Of several at the same distance, the one with the smallest number.
    """
    for row in range(len(centres)):
        centre = centres[row]
        nearest = np.full(len(offsets), np.inf)
        for k in range(starts[row], starts[row + 1]):
            vertex = members[k]
            if not valid[vertex]:
                continue
            u, v = 0.0, 0.0
            for axis in range(3):
                step = points[vertex, axis] - points[centre, axis]
                u += step * frames[centre, 0, axis]
                v += step * frames[centre, 1, axis]
            length = np.hypot(u, v)
            if vertex != centre:
                if length == 0.0:  # straight above or below: no direction in the plane
                    continue
                u *= distance_mm[k] / length
                v *= distance_mm[k] / length
            for point in range(len(offsets)):
                gap = (offsets[point, 0] - u) ** 2 + (offsets[point, 1] - v) ** 2
                tie = gap == nearest[point] and vertex < taken[row, point]
                if gap < nearest[point] or tie:
                    nearest[point] = gap
                    taken[row, point] = vertex
