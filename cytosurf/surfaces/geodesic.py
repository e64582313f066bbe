"""Geodesic discs: the vertices within some millimetres of a vertex along the surface.

Distances are shortest paths on a graph whose steps are the edges of the mesh and, across each of
them, the straight line between the two opposite corners once both triangles are laid flat. On a
flat mesh of equilateral triangles the edges alone overestimate distances by up to 15 %; with the
diagonals a path has a direction every 30 degrees, and the overestimate is at most 3.5 % (2 % on
average; on a subdivided icosahedron at most 5 %, and 2 to 3 % on average).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf.errors import InputError
from cytosurf.surfaces.geodesic_kernels import Float64, Int32, all_discs, all_moments
from cytosurf.surfaces.mesh import Mesh


def geodesic_graph(mesh: Mesh) -> sparse.csr_array:
    """Return the symmetric (n_vertices, n_vertices) matrix of step lengths in mm.

    Steps are the edges of the mesh and the unfolded diagonals across them. A diagonal that would
    leave its two triangles is left out.

    Examples
    --------
    >>> kite = Mesh([[0, 0, 0], [4, 0, 0], [1, 1, 0], [1, 0, 2]], [[0, 1, 2], [1, 0, 3]])
    >>> geodesic_graph(kite)[[2], :].toarray().round(3).tolist()
    [[1.414, 3.162, 0.0, 3.0]]
    """
    n = mesh.n_vertices
    edges = mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    ends = mesh.vertices[edges].astype(np.float64)
    edges_mm = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1)
    diagonals, diagonals_mm = _unfolded_diagonals(mesh)
    pairs = np.concatenate([edges, edges[:, ::-1], diagonals, diagonals[:, ::-1]])
    steps_mm = np.concatenate([edges_mm, edges_mm, diagonals_mm, diagonals_mm])
    # An edge comes once from each of its triangles, and a diagonal may join the ends of an edge or
    # of another diagonal: the shortest step counts.
    code = pairs[:, 0].astype(np.int64) * n + pairs[:, 1]
    order = np.argsort(code)
    code, steps_mm = code[order], steps_mm[order]
    first = np.flatnonzero(np.r_[True, code[1:] != code[:-1]])
    shortest_mm = np.minimum.reduceat(steps_mm, first)
    return sparse.csr_array((shortest_mm, np.divmod(code[first], n)), shape=(n, n))


def geodesic_discs(
    mesh: Mesh, radius_mm: float, vertices: npt.ArrayLike | None = None
) -> sparse.csr_array:
    """Return the distances along the surface between vertices up to a radius.

    Parameters
    ----------
    mesh : Mesh
        The surface on which distances are measured.
    radius_mm : float
        Largest distance that is kept.
    vertices : (n_centres,) array_like of int, optional
        Centres of the discs; every vertex if left out.

    Returns
    -------
    (n_centres, n_vertices) scipy.sparse.csr_array
        Row i holds the distance in mm of each vertex of disc i, the centre itself as a stored 0.

    Raises
    ------
    InputError
        If the radius is not positive or a centre is no vertex of the mesh.

    Notes
    -----
    At full resolution (163,842 vertices, 5 mm) the matrix takes about 0.2 GB; `disc_moments`
    computes means and standard deviations without it.

    Examples
    --------
    >>> square = Mesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> geodesic_discs(square, 1.2, [1]).indices.tolist()
    [0, 1, 2]
    """
    _check_radius(radius_mm)
    centres = np.arange(mesh.n_vertices) if vertices is None else np.atleast_1d(vertices)
    if centres.size and (centres.min() < 0 or centres.max() >= mesh.n_vertices):
        raise InputError(
            "disc centres",
            f"vertices {centres.min()} to {centres.max()}",
            f"vertices 0 to {mesh.n_vertices - 1}",
        )
    graph = geodesic_graph(mesh)
    starts, columns, distances_mm = all_discs(
        graph.indptr, graph.indices, graph.data, centres.astype(np.int64), float(radius_mm)
    )
    discs = sparse.csr_array((distances_mm, columns, starts), shape=(len(centres), mesh.n_vertices))
    discs.sort_indices()
    return discs


def disc_moments(
    mesh: Mesh,
    values: npt.ArrayLike,
    valid: npt.NDArray[np.bool_],
    radius_mm: float,
) -> tuple[Float64, Float64, Int32]:
    """Return mean and standard deviation of values over the geodesic disc around each vertex.

    Discs are made one after the other and never stored. Sums are in float64, the deviations from
    the mean of the disc itself (two passes).

    Parameters
    ----------
    mesh : Mesh
        The surface on which distances are measured.
    values : (n_vertices, n_columns) array_like
        Values at the vertices; a NaN at a valid vertex spreads to every disc that holds it.
    valid : (n_vertices,) array of bool
        Vertices that count; the others have discs but take part in none.
    radius_mm : float
        Radius of the discs.

    Returns
    -------
    mean, sd : (n_vertices, n_columns) array of float64
        Over the valid vertices of each disc; the standard deviation divides by their number (0
        for a single one). NaN where a disc holds no valid vertex.
    count : (n_vertices,) array of int32
        Number of valid vertices in each disc.

    Raises
    ------
    InputError
        If the radius is not positive, or values or mask do not have one row per vertex.

    Examples
    --------
    >>> square = Mesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> mean, sd, count = disc_moments(square, [[0], [3], [6], [9]], np.ones(4, bool), 1.2)
    >>> mean[1].tolist(), round(float(sd[1, 0]), 3), int(count[1])
    ([3.0], 2.449, 3)
    """
    _check_radius(radius_mm)
    columns = np.ascontiguousarray(values, dtype=np.float32)
    if columns.ndim != 2 or len(columns) != mesh.n_vertices:
        raise InputError("disc values", f"shape {columns.shape}", f"({mesh.n_vertices}, n_columns)")
    if valid.shape != (mesh.n_vertices,) or valid.dtype != bool:
        raise InputError(
            "disc mask",
            f"{valid.dtype} array of shape {valid.shape}",
            f"bool array of shape ({mesh.n_vertices},)",
        )
    graph = geodesic_graph(mesh)
    mean, sd, count = all_moments(
        graph.indptr, graph.indices, graph.data, columns, valid, float(radius_mm)
    )
    return mean, sd, count


def _check_radius(radius_mm: float) -> None:
    if not (np.isfinite(radius_mm) and radius_mm > 0):
        raise InputError("disc radius", f"{radius_mm} mm", "a positive number of mm")


def _unfolded_diagonals(mesh: Mesh) -> tuple[npt.NDArray[np.int64], Float64]:
    """Return pairs of corners opposite to a shared edge, and their distance with it laid flat."""
    edges = np.sort(mesh.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    opposite = mesh.faces[:, [2, 0, 1]].ravel()
    code = edges[:, 0].astype(np.int64) * mesh.n_vertices + edges[:, 1]
    order = np.argsort(code, kind="stable")
    shared = np.flatnonzero(code[order[1:]] == code[order[:-1]])
    p, q = opposite[order[shared]], opposite[order[shared + 1]]
    a, b = edges[order[shared]].T
    points = mesh.vertices.astype(np.float64)
    along = points[b] - points[a]
    length = np.linalg.norm(along, axis=1)
    usable = length > 0
    along[usable] /= length[usable, None]

    def in_plane(corner: Int32) -> tuple[Float64, Float64]:
        offset = points[corner] - points[a]
        x = np.einsum("ij,ij->i", offset, along)
        return x, np.linalg.norm(offset - x[:, None] * along, axis=1)

    (px, py), (qx, qy) = in_plane(p), in_plane(q)
    height = py + qy
    usable &= height > 0
    crossing = np.divide(px * qy + qx * py, height, out=np.zeros_like(px), where=usable)
    usable &= (crossing > 0) & (crossing < length)
    pairs = np.stack([p, q], axis=1)[usable].astype(np.int64)
    return pairs, np.hypot(px - qx, height)[usable]
