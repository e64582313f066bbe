"""Barycentric weights between two registered spheres.

A map is moved from a source to a target mesh by asking, for each target vertex, which source
triangle the ray from the sphere centre through the vertex hits, and where in it. The value at the
target is the mean of the three corners weighted by the barycentric coordinates of the hit. This is
the method ``BARYCENTRIC`` of Connectome Workbench. The weights depend on the spheres alone, so
that they are computed once as a sparse matrix and applied to any number of maps.
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

    The triangle of a target vertex is located by the ray from the centre of the sphere through
    the vertex: first the nearest triangles are tried, then more and more of them. Radii may
    differ, since only directions count. A ray that meets no triangle (it fell between two of them
    by rounding) takes the one it misses least, with its negative weights set to 0.

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
    rays = directions(target_sphere)
    face, weights = _locate(directions(source_sphere), source_sphere.faces, rays)
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


def _locate(
    corners: npt.NDArray[np.float64], faces: npt.NDArray[np.int32], rays: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return the triangle each ray hits, and the (n_rays, 3) barycentric weights of the hit."""
    normals = _side_normals(corners, faces)
    centroids = corners[faces].sum(axis=1)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    tree = cKDTree(centroids, balanced_tree=False, compact_nodes=False)
    face = np.zeros(len(rays), np.intp)
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
        weights[ray] = found[face[ray]]
    return face, np.maximum(weights, 0)


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
