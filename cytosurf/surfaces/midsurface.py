"""The surface halfway through the cortex, and which points in space its vertices take values from.

Points in space (patches of a section, say) come to a surface by nearness in three dimensions: a
vertex takes the value of the point nearest to it, or a weighted mean of several near ones.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh

Method = Literal["nearest", "inverse-distance", "gaussian"]
METHODS: tuple[Method, ...] = ("nearest", "inverse-distance", "gaussian")


def midsurface(pial: Mesh, white: Mesh) -> Mesh:
    """Return the surface halfway between the pial and the white surface.

    Parameters
    ----------
    pial, white : Mesh
        Surfaces of one hemisphere with the same vertices and triangles.

    Returns
    -------
    Mesh
        The mean of both coordinates at every vertex, in mm.

    Raises
    ------
    InputError
        If the surfaces are not of the same mesh.

    Examples
    --------
    >>> pial = Mesh([[0, 0, 2], [1, 0, 2], [0, 1, 2]], [[0, 1, 2]])
    >>> midsurface(pial, Mesh(pial.vertices - [0, 0, 2], pial.faces)).vertices[:, 2].tolist()
    [1.0, 1.0, 1.0]
    """
    if not np.array_equal(pial.faces, white.faces) or pial.n_vertices != white.n_vertices:
        raise InputError(
            "white surface",
            f"{white.n_vertices:,} vertices in other triangles than the pial surface's",
            f"{pial.n_vertices:,} vertices in the same triangles",
            "Give pial and white surface of one hemisphere and one reconstruction.",
        )
    mean = np.mean([pial.vertices.astype(np.float64), white.vertices.astype(np.float64)], axis=0)
    return Mesh(mean, pial.faces)


def point_weights(
    vertices: npt.NDArray[np.floating],
    points_mm: npt.NDArray[np.floating],
    *,
    method: Method = "nearest",
    k: int = 1,
    sigma_mm: float = 1.0,
    max_distance_mm: float = np.inf,
) -> tuple[sparse.csr_array, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return by what weights vertices take the values of points.

    Parameters
    ----------
    vertices : (n_vertices, 3) ndarray
        Coordinates of the surface in mm.
    points_mm : (n_points, 3) ndarray
        Points in the same space, in mm.
    method : {"nearest", "inverse-distance", "gaussian"}
        Weights of the `k` nearest points: all for the nearest one; ``1 / d``, where a point that
        coincides with the vertex takes all; or ``exp(-d**2 / (2 * sigma_mm**2))``.
    k : int
        How many points a vertex may take; 1 for "nearest".
    sigma_mm : float
        Width of the Gaussian.
    max_distance_mm : float
        Points further away than this are not taken.

    Returns
    -------
    weights : (n_vertices, n_points) scipy.sparse.csr_array of float64
        Rows sum to 1, or are empty where no point is near enough.
    nearest : (n_vertices,) ndarray of int64
        The nearest point of every vertex, near enough or not.
    distance_mm : (n_vertices,) ndarray of float64
        How far away it is.

    Raises
    ------
    InputError
        If there is no point, or an option makes no sense.

    Examples
    --------
    >>> vertices, points = np.zeros((1, 3)), np.array([[0, 0, 1.0], [0, 3, 0]])
    >>> weights, nearest, distance_mm = point_weights(
    ...     vertices, points, method="inverse-distance", k=2
    ... )
    >>> weights.toarray().tolist(), nearest.tolist(), distance_mm.tolist()
    ([[0.75, 0.25]], [0], [1.0])
    """
    from scipy.spatial import cKDTree

    _check_options(len(points_mm), method, k, sigma_mm, max_distance_mm)
    k = min(k, len(points_mm))
    distance_mm, index = cKDTree(points_mm).query(vertices, k=np.arange(1, k + 1))
    taken = distance_mm <= max_distance_mm
    weight = np.where(taken, _raw_weights(distance_mm, method, sigma_mm), 0.0)
    total = weight.sum(axis=1, keepdims=True)
    weight /= np.where(total > 0, total, 1)
    kept = weight > 0
    starts = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
    weights = sparse.csr_array(
        (weight[kept], index[kept], starts), shape=(len(vertices), len(points_mm))
    )
    return weights, index[:, 0].astype(np.int64), distance_mm[:, 0]


def _raw_weights(
    distance_mm: npt.NDArray[np.float64], method: Method, sigma_mm: float
) -> npt.NDArray[np.float64]:
    """Return weights of the points of each vertex, up to a factor per vertex."""
    nearest = distance_mm[:, :1]
    if method == "inverse-distance":
        # Relative to the nearest point: 1 / d itself overflows for tiny distances.
        hit = distance_mm == 0
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(hit.any(axis=1, keepdims=True), hit, nearest / distance_mm)
    if method == "gaussian":
        # Relative to the nearest point, which would underflow to 0 many sigmas away.
        exponent: npt.NDArray[np.float64] = (nearest**2 - distance_mm**2) / (2 * sigma_mm**2)
        return np.exp(exponent)
    return np.ones_like(distance_mm)


def _check_options(
    n_points: int, method: str, k: int, sigma_mm: float, max_distance_mm: float
) -> None:
    if n_points == 0:
        raise InputError("points", "no point", "at least one")
    if method not in METHODS:
        raise InputError("method", repr(method), f"one of {', '.join(METHODS)}")
    if k < 1:
        raise InputError("k", str(k), "at least 1 point for each vertex")
    if method == "nearest" and k != 1:
        raise InputError(
            "k", str(k), "1 with the method nearest", "Use inverse-distance or gaussian for more."
        )
    for name, value in (("sigma_mm", sigma_mm), ("max_distance_mm", max_distance_mm)):
        if not value > 0:
            raise InputError(name, f"{value:g}", "a distance above 0 mm")
