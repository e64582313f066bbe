"""Barycentric weights between two registered spheres.

A map is moved from a source to a target mesh by asking, for each target vertex, which point of the
source triangles is nearest to it, both spheres having the same radius. The value at the target is
the mean of the three corners weighted by the barycentric coordinates of that point. This is the
method ``BARYCENTRIC`` of Connectome Workbench. The weights depend on the spheres alone, so that
they are computed once as a sparse matrix and applied to any number of maps.

The triangle that the ray from the centre hits is where the search begins. It is nearly always the
nearest one, and the point that the ray hits nearly the nearest point; the difference is up to
2e-3 of the standard deviation of white noise on real spheres.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.spatial import cKDTree

from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.spheres import check_sphere, directions

# Spheres are stored as float32 (about 1e-5 mm at a radius of 100 mm), with edges of 1 mm: smaller
# weights are rounding noise, and would let a vertex speak that the ray does not touch.
SMALLEST_WEIGHT = 1e-6

# A ray that misses every triangle by less than this (in weight) hit an edge or a corner.
EDGE_TOLERANCE = 1e-9

# A triangle of a unit sphere with less than this as its (sixfold) volume is a line or a point.
SMALLEST_VOLUME = 1e-14

# How many of the nearest triangles are tried, in turn, for the rays still without a hit.
CANDIDATES = (1, 4, 16, 64)


def barycentric_weights(source_sphere: Mesh, target_sphere: Mesh) -> sparse.csr_array:
    """Return the matrix that carries values from a source to a target mesh.

    Each target vertex takes the values of the corners of the source triangle that is nearest to
    it, weighted by the barycentric coordinates of its nearest point. Radii may differ, since only
    directions count.

    Parameters
    ----------
    source_sphere : Mesh
        The mesh that maps come from, on a registration sphere.
    target_sphere : Mesh
        The mesh that maps go to, on a sphere of the same coordinate system.

    Returns
    -------
    scipy.sparse.csr_array
        Weights of shape (n_target, n_source), float64: at most three in a row, not negative, and
        of sum 1. Weights below 1e-6, the rounding of the coordinates, are left out.

    Raises
    ------
    InputError
        If a mesh is not a registration sphere (see `check_sphere`).

    Examples
    --------
    >>> corners = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    >>> faces = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    >>> faces += [[1, 0, 5], [2, 1, 5], [3, 2, 5], [0, 3, 5]]
    >>> source = Mesh(corners, faces)
    >>> turned = Mesh(source.vertices @ [[1, 1, 0], [-1, 1, 0], [0, 0, 2**0.5]], faces)
    >>> barycentric_weights(source, turned).toarray()[0].round(6).tolist()
    [0.5, 0.5, 0.0, 0.0, 0.0, 0.0]
    """
    check_sphere(source_sphere, "source sphere")
    check_sphere(target_sphere, "target sphere")
    face, weights = _nearest(
        directions(source_sphere), source_sphere.faces, directions(target_sphere)
    )
    weights[weights < SMALLEST_WEIGHT] = 0
    weights /= (weights[:, 0] + weights[:, 1] + weights[:, 2])[:, None]
    matrix = sparse.csr_array(
        (
            weights.ravel(),
            source_sphere.faces[face].ravel(),
            np.arange(0, weights.size + 1, 3, dtype=np.int32),
        ),
        shape=(target_sphere.n_vertices, source_sphere.n_vertices),
    )
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def _nearest(
    corners: npt.NDArray[np.float64], faces: npt.NDArray[np.int32], points: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Return the triangle nearest to each point, and the (n, 3) weights of the nearest point."""
    from cytosurf.surfaces.barycentric_kernels import nearest_points

    flat = faces.ravel()
    around = (np.argsort(flat, kind="stable") // 3).astype(np.int32)
    starts = np.zeros(len(corners) + 1, np.int32)
    np.cumsum(np.bincount(flat, minlength=len(corners)), out=starts[1:])
    face = _locate(corners, faces, points)
    weights = np.zeros((len(points), 3))
    nearest_points(points, corners, faces, starts, around, face, weights)
    return face, weights


def _locate(
    corners: npt.NDArray[np.float64], faces: npt.NDArray[np.int32], rays: npt.NDArray[np.float64]
) -> npt.NDArray[np.int32]:
    """Return the triangle that each ray hits, or misses least."""
    normals = _side_normals(corners, faces)
    centroids = corners[faces].sum(axis=1)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    tree = cKDTree(centroids, balanced_tree=False, compact_nodes=False)
    face = np.zeros(len(rays), np.int32)
    weights = np.full((len(rays), 3), -np.inf)
    open_rays = np.arange(len(rays))
    tried = 0
    for wanted in CANDIDATES:
        n_candidates = min(wanted, len(faces))
        ranks = np.arange(tried + 1, n_candidates + 1)
        if not len(open_rays) or not len(ranks):
            break
        _, candidates = tree.query(rays[open_rays], k=ranks)
        for column in candidates.T:
            still = _smallest(weights[open_rays]) < -EDGE_TOLERANCE
            chosen, candidate = open_rays[still], column[still]
            face[chosen] = candidate
            weights[chosen] = _hit_weights(normals[candidate], rays[chosen])
        open_rays = open_rays[_smallest(weights[open_rays]) < -EDGE_TOLERANCE]
        tried = n_candidates
    for ray in open_rays:  # long thin triangles with far centroids: rare, so all are tried
        found = _hit_weights(normals, rays[ray])
        face[ray] = _smallest(found).argmax()
    return face


def _smallest(weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the smallest of the three weights in each row (faster than a reduction)."""
    return np.minimum(np.minimum(weights[:, 0], weights[:, 1]), weights[:, 2])


def _side_normals(
    corners: npt.NDArray[np.float64], faces: npt.NDArray[np.int32]
) -> npt.NDArray[np.float64]:
    """Return for each triangle the (3, 3) normals b x c, c x a, a x b, one per corner."""
    a, b, c = (corners[faces[:, i]] for i in range(3))
    return np.stack([np.cross(b, c), np.cross(c, a), np.cross(a, b)], axis=1)


def _hit_weights(
    normals: npt.NDArray[np.float64], rays: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the (n, 3) barycentric coordinates at which rays meet the planes of n triangles.

    `rays` is (n, 3), or (3,) for one ray and all triangles.

    With corners a, b, c, the ray p meets the plane at a multiple of p = wa a + wb b + wc c, so
    that wa is proportional to p . (b x c). A plane that is met behind the centre, a triangle turned
    inside out and one without area give -inf: they cannot be hit.
    """
    products = np.einsum("nij,nj->ni", normals, np.broadcast_to(rays, (len(normals), 3)))
    total = (products[:, 0] + products[:, 1] + products[:, 2])[:, None]
    ahead = total > SMALLEST_VOLUME
    hit: npt.NDArray[np.float64] = np.where(ahead, products / np.where(ahead, total, 1), -np.inf)
    return hit
