"""Other weights between two registered spheres: adaptive barycentric with areas, and nearest.

A barycentric mean looks at three source vertices, and so skips most of a finer mesh. The adaptive
method, ``ADAP_BARY_AREA`` of Connectome Workbench, uses them all. With F the barycentric weights
from source to target (a row per target vertex) and R those from target to source (a row per source
vertex), G = transpose(R) tells for each target vertex which source vertices lie around it:

1. A row of the result is that of F if F has every source vertex that G has there (the target is
   finer), and that of G otherwise (the source is finer).
2. Every source vertex is spread over the targets that use it, in proportion to weight times target
   area, such that its own area is given away exactly once.
3. What a target vertex gets is divided by its sum.

A mask is applied to the result, by `cytosurf.surfaces.resample.apply_weights`: the areas that
masked vertices give away are not passed on to others.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial import cKDTree

from cytosurf.errors import InputError
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.spheres import check_sphere, directions


def adaptive_weights(
    source_sphere: Mesh,
    target_sphere: Mesh,
    source_areas: npt.ArrayLike,
    target_areas: npt.ArrayLike,
) -> sparse.csr_array:
    """Return the adaptive barycentric weights, corrected for the areas of the vertices.

    Parameters
    ----------
    source_sphere, target_sphere : Mesh
        The two meshes on registration spheres, as for `barycentric_weights`.
    source_areas, target_areas : (n_source,), (n_target,) array_like
        Area of each vertex in mm², of the midsurfaces for instance (`Mesh.vertex_areas`). They
        must not be negative.

    Returns
    -------
    scipy.sparse.csr_array
        Weights of shape (n_target, n_source), float64: not negative, each row of sum 1. A row is
        empty if all its source vertices have the area 0.

    Raises
    ------
    InputError
        If a mesh is not a registration sphere, or areas do not fit it.

    Examples
    --------
    >>> corners = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    >>> faces = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    >>> faces += [[1, 0, 5], [2, 1, 5], [3, 2, 5], [0, 3, 5]]
    >>> sphere = Mesh(corners, faces)
    >>> areas = sphere.vertex_areas()
    >>> adaptive_weights(sphere, sphere, areas, areas).diagonal().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    source_mm2 = _checked_areas(source_areas, source_sphere, "source areas")
    target_mm2 = _checked_areas(target_areas, target_sphere, "target areas")
    forward = barycentric_weights(source_sphere, target_sphere)
    around = sparse.csr_array(barycentric_weights(target_sphere, source_sphere).T)
    chosen = chosen_rows(forward, around)
    spread_mm2 = target_mm2 @ chosen
    given_mm2 = np.divide(
        source_mm2, spread_mm2, out=np.zeros_like(source_mm2), where=spread_mm2 > 0
    )
    given = _scaled(chosen, columns=given_mm2)
    sums = given.sum(axis=1)
    weights = _scaled(given, rows=np.divide(1, sums, out=np.zeros_like(sums), where=sums > 0))
    weights.eliminate_zeros()
    weights.sort_indices()
    return weights


def chosen_rows(forward: sparse.csr_array, around: sparse.csr_array) -> sparse.csr_array:
    """Return for each target the row of `forward` if it has all that `around` has, else of that.

    Parameters
    ----------
    forward : (n_target, n_source) scipy.sparse.csr_array
        Barycentric weights from source to target.
    around : (n_target, n_source) scipy.sparse.csr_array
        Those from target to source, transposed.
    """
    n_shared = _pattern(around).multiply(_pattern(forward)).sum(axis=1)
    finer_target = np.diff(around.indptr) - n_shared < 0.5
    return sparse.csr_array(_scaled(forward, rows=finer_target)) + _scaled(
        around, rows=~finer_target
    )


def nearest_weights(source_sphere: Mesh, target_sphere: Mesh) -> sparse.csr_array:
    """Return the matrix that gives each target vertex the value of the nearest source vertex.

    Parameters
    ----------
    source_sphere, target_sphere : Mesh
        The two meshes on registration spheres. Only directions count.

    Returns
    -------
    scipy.sparse.csr_array
        Weights of shape (n_target, n_source): a single 1 in each row.

    Raises
    ------
    InputError
        If a mesh is not a registration sphere.

    Examples
    --------
    >>> corners = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    >>> faces = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    >>> faces += [[1, 0, 5], [2, 1, 5], [3, 2, 5], [0, 3, 5]]
    >>> sphere = Mesh(corners, faces)
    >>> nearest_weights(sphere, sphere).diagonal().tolist()
    [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    """
    check_sphere(source_sphere, "source sphere")
    check_sphere(target_sphere, "target sphere")
    _, nearest = cKDTree(directions(source_sphere)).query(directions(target_sphere))
    n_target = target_sphere.n_vertices
    return sparse.csr_array(
        (np.ones(n_target), nearest.astype(np.int32), np.arange(n_target + 1, dtype=np.int32)),
        shape=(n_target, source_sphere.n_vertices),
    )


def _pattern(matrix: sparse.csr_array) -> sparse.csr_array:
    """Return the matrix with a 1 at every entry."""
    ones = np.ones(matrix.nnz)
    return sparse.csr_array((ones, matrix.indices, matrix.indptr), shape=matrix.shape)


def _scaled(
    matrix: sparse.csr_array,
    rows: npt.NDArray[np.generic] | float = 1.0,
    columns: npt.NDArray[np.float64] | float = 1.0,
) -> sparse.csr_array:
    """Return the matrix with its rows and columns multiplied by numbers; 0 or False drops them."""
    row_factors = np.broadcast_to(np.asarray(rows, np.float64), matrix.shape[:1])
    column_factors = np.broadcast_to(columns, matrix.shape[1:])
    data = matrix.data * np.repeat(row_factors, np.diff(matrix.indptr))
    scaled = sparse.csr_array(
        (data * column_factors[matrix.indices], matrix.indices.copy(), matrix.indptr.copy()),
        shape=matrix.shape,
    )
    scaled.eliminate_zeros()
    return scaled


def _checked_areas(areas: npt.ArrayLike, sphere: Mesh, where: str) -> npt.NDArray[np.float64]:
    array = np.asarray(areas, dtype=np.float64)
    if array.shape != (sphere.n_vertices,):
        raise InputError(
            where, f"shape {array.shape}", f"({sphere.n_vertices},), one area per vertex"
        )
    if not np.isfinite(array).all() or array.min() < 0 or not array.any():
        raise InputError(where, "areas that are negative, not finite or all 0", "areas in mm²")
    return array
