"""Superblocks: patches of cortex that are never split between training and test.

Neighbouring vertices have nearly the same features and nearly always the same label, so folds of
single vertices would test on what was trained on. The published protocol [1]_ therefore groups
vertices: the fs_LR surface is coarsened by 3-fold explicit isotropic mesh decimation, each vertex
goes to its nearest remeshed vertex, and the centroids of these blocks (*cells* here, of about
8 mm²) are clustered by k-means into 100 superblocks per hemisphere (about 290 vertices of fs_LR 32k
each). Remeshing first makes k-means see cortical area rather than vertex density.

What the paper leaves open is chosen here: the midthickness as the surface; "3-fold" read as three
iterations of Botsch and Kobbelt's algorithm, towards edges of 3 mm; centroids over analysed
vertices alone, and no cells without any; k-means++ with one start; and how superblocks are dealt
to folds.

k-means on the midthickness measures straight lines, and the two banks of a sulcus are close in
straight lines: such a block can consist of two pieces of cortex. With ``method="sphere"`` the
vertices are clustered on the sphere, where the banks lie apart, and each block is one piece.

References
----------
.. [1] CytoNet, arXiv:2511.01870v2, section 4.8.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError, unknown_name
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import check_hemispheres
from cytosurf.surfaces.spheres import check_sphere

METHODS = ("midthickness", "sphere")

# Which numbers of a seed are used for what, so that no two uses share any.
DEALING_STREAM = 0
BLOCK_STREAMS = {"L": 1, "R": 2}
BOOTSTRAP_STREAM = 3

# Largest median distance between matched vertices of two hemispheres, one of them mirrored, as a
# share of the hemisphere's length: fs_LR 1.5 %, BigBrain (no matched order) 7 %, fsaverage 24 %.
_MIRROR_TOLERANCE = 0.05


def seeded_generator(seed: int, stream: int) -> np.random.Generator:
    """Return a counter-based generator that depends on `seed` and `stream` alone.

    Parameters
    ----------
    seed : int
        The seed that the user chose, from 0 to 2**64 - 1.
    stream : int
        What the numbers are for; each use has its own.

    Returns
    -------
    numpy.random.Generator
        A Philox generator at its first number.

    Raises
    ------
    InputError
        If the seed is negative or too large.

    Examples
    --------
    >>> first, again = seeded_generator(7, 0), seeded_generator(7, 0)
    >>> bool(first.random() == again.random())
    True
    """
    if not 0 <= seed < 2**64:
        raise InputError("seed", str(seed), "a whole number from 0 to 2**64 - 1")
    key = np.array([seed, stream], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def remesh_cells(
    mesh: Mesh, *, edge_mm: float = 3.0, n_iterations: int = 3
) -> npt.NDArray[np.int32]:
    """Assign each vertex to its nearest vertex of an isotropically remeshed surface.

    The mesh is remeshed explicitly with the algorithm of Botsch and Kobbelt [1]_ (split long
    edges, collapse short ones, flip, smooth, project back).

    Parameters
    ----------
    mesh : Mesh
        The midthickness of one hemisphere.
    edge_mm : float
        Edge length that the remeshing aims at, in mm.
    n_iterations : int
        Rounds of remeshing.

    Returns
    -------
    (n_vertices,) ndarray of int32
        Number of the remeshed vertex that is nearest to each vertex.

    Raises
    ------
    InputError
        If an edge of the mesh belongs to more than two triangles.

    References
    ----------
    .. [1] Botsch and Kobbelt, 2004, A remeshing approach to multiresolution modeling,
       doi:10.1145/1057432.1057457.

    Examples
    --------
    >>> corners = [[0, 0, 0], [9, 0, 0], [0, 9, 0], [0, 0, 9]]
    >>> pyramid = Mesh(corners, [[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    >>> len(set(remesh_cells(pyramid).tolist()))
    4
    """
    import gpytoolbox
    from scipy.spatial import cKDTree

    points = mesh.vertices.astype(np.float64)
    try:
        remeshed, _ = gpytoolbox.remesh_botsch(points, mesh.faces.copy(), n_iterations, edge_mm)
    except ValueError as error:
        raise InputError(
            "midthickness mesh",
            f"a surface that cannot be remeshed ({error})",
            "a manifold surface, at most two triangles at each edge",
            'Use method="sphere", which needs no remeshing.',
        ) from error
    nearest: npt.NDArray[np.int32] = cKDTree(remeshed).query(points)[1].astype(np.int32)
    return nearest


def cluster_cells(
    points: npt.NDArray[np.floating],
    cell: npt.NDArray[np.integer],
    mask: npt.NDArray[np.bool_],
    n_blocks: int,
    generator: np.random.Generator,
) -> npt.NDArray[np.int32]:
    """Cluster the cells of one hemisphere into superblocks by k-means of their centroids.

    Only cells with analysed vertices take part, and their centroids are those of their analysed
    vertices. k-means starts once (``n_init=1``, k-means++) and runs on one thread, so that the
    result does not depend on the number of processors.

    Parameters
    ----------
    points : (n_vertices, 3) ndarray
        Vertex positions.
    cell : (n_vertices,) ndarray of int
        Cell of each vertex.
    mask : (n_vertices,) ndarray of bool
        The analysed vertices.
    n_blocks : int
        Number of superblocks to make.
    generator : numpy.random.Generator
        Draws the start of k-means.

    Returns
    -------
    (n_vertices,) ndarray of int32
        Superblock 0 to ``n_blocks - 1`` of each analysed vertex, -1 elsewhere.

    Raises
    ------
    InputError
        If there are fewer cells than superblocks.

    Examples
    --------
    >>> line = np.c_[[0, 1, 2, 10, 11, 12], np.zeros((6, 2))]
    >>> block = cluster_cells(line, np.arange(6), np.ones(6, bool), 2, seeded_generator(0, 1))
    >>> bool(block[0] == block[1] == block[2] != block[3] == block[4] == block[5])
    True
    """
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    used, member = np.unique(cell[mask], return_inverse=True)
    if n_blocks > len(used):
        raise InputError(
            "n_blocks",
            f"{n_blocks} superblocks in a hemisphere",
            f"at most {len(used)}, the number of cells that its {mask.sum():,} analysed vertices "
            "fall into",
            "Ask for fewer superblocks, or leave that hemisphere out of the mask.",
        )
    size = np.bincount(member)
    sums = [np.bincount(member, points[mask, axis].astype(np.float64)) for axis in range(3)]
    centroids = np.stack(sums, axis=1) / size[:, None]
    random_state = int(generator.integers(2**31 - 1))
    with threadpool_limits(1):
        label = KMeans(n_blocks, n_init=1, random_state=random_state).fit(centroids).labels_
    block = np.full(len(mask), -1, np.int32)
    block[mask] = label[member]
    return block


def make_superblocks(
    mask: npt.NDArray[np.bool_],
    meshes: Mapping[str, Mesh],
    *,
    spheres: Mapping[str, Mesh] | None = None,
    n_blocks: int = 100,
    seed: int = 0,
    method: str = "midthickness",
    homotopic: bool = False,
    cells: Mapping[str, npt.NDArray[np.int32]] | None = None,
) -> npt.NDArray[np.int32]:
    """Divide the analysed cortex of one or both hemispheres into superblocks.

    Parameters
    ----------
    mask : (n_vertices,) ndarray of bool
        The analysed vertices of all hemispheres, left then right.
    meshes : mapping of str to Mesh
        Midthickness of each hemisphere: ``{"L": ..., "R": ...}`` in this order, or one of them.
    spheres : mapping of str to Mesh, optional
        Sphere of each hemisphere; needed for ``method="sphere"`` alone.
    n_blocks : int
        Superblocks per hemisphere.
    seed : int
        Seed of k-means. Each hemisphere has its own stream of it.
    method : {"midthickness", "sphere"}
        Cluster the cells of the remeshed midthickness (our reading of the published protocol), or
        the vertices on the sphere.
    homotopic : bool
        Make the blocks on the left, of vertices analysed in either hemisphere, and carry them to
        the right by vertex index; block ``b`` on the left mirrors ``b + n_blocks`` on the right.
    cells : mapping of str to (n_vertices,) ndarray of int32, optional
        What `remesh_cells` gave for each hemisphere, to save doing it again.

    Returns
    -------
    (n_vertices,) ndarray of int32
        Superblock of each analysed vertex, -1 elsewhere: 0 to ``n_blocks - 1`` on the first
        hemisphere of `meshes`, ``n_blocks`` to ``2 * n_blocks - 1`` on the second. A hemisphere
        without analysed vertices has none.

    Raises
    ------
    InputError
        If the mask does not fit the meshes, there are too few vertices for the blocks, or
        homotopic blocks are asked for and the hemispheres have no matched vertices.
    """
    parts = split_mask(mask, meshes)
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    if n_blocks < 1:
        raise InputError("n_blocks", str(n_blocks), "at least 1 superblock per hemisphere")
    surfaces = meshes if method == "midthickness" else _check_spheres(spheres, meshes)
    if homotopic:
        check_matched(meshes)
        parts = {"L": parts["L"] | parts["R"]}
    blocks = []
    for number, (hemisphere, part) in enumerate(parts.items()):
        block = np.full(len(part), -1, np.int32)
        if part.any():
            if method == "sphere":
                cell = np.arange(len(part), dtype=np.int32)
            else:
                cell = cells[hemisphere] if cells else remesh_cells(meshes[hemisphere])
            generator = seeded_generator(seed, BLOCK_STREAMS[hemisphere])
            points = surfaces[hemisphere].vertices
            block = cluster_cells(points, cell, part, n_blocks, generator)
            block[part] += number * n_blocks
        blocks.append(block)
    if homotopic:
        blocks.append(blocks[0] + n_blocks)
    return np.where(mask, np.concatenate(blocks), -1).astype(np.int32)


def split_mask(
    mask: npt.NDArray[np.bool_], meshes: Mapping[str, Mesh]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Cut a mask over all hemispheres into one per hemisphere, checking that it fits them.

    Parameters
    ----------
    mask : (n_vertices,) ndarray of bool
        The analysed vertices of all hemispheres, left then right.
    meshes : mapping of str to Mesh
        A mesh of each hemisphere, in the order of the mask.

    Returns
    -------
    dict of str to ndarray of bool
        The mask of each hemisphere.

    Raises
    ------
    InputError
        If the mask is not bool, has another length than the meshes together, or is empty.
    """
    check_hemispheres(tuple(meshes), "meshes")
    lengths = [mesh.n_vertices for mesh in meshes.values()]
    if mask.dtype != bool or mask.shape != (sum(lengths),):
        raise InputError(
            "mask",
            f"{mask.dtype} array of shape {mask.shape}",
            f"bool array of shape ({sum(lengths)},), the vertices of {'+'.join(meshes)}",
        )
    if not mask.any():
        raise InputError("mask", "no vertex to analyse", "at least one vertex per superblock")
    return dict(zip(meshes, np.split(mask, np.cumsum(lengths)[:-1]), strict=True))


def check_matched(meshes: Mapping[str, Mesh]) -> None:
    """Raise `InputError` unless vertex i of the right lies where vertex i of the left mirrors to.

    The hemispheres must have the same triangles, and after both are centred and the left one is
    mirrored, the median distance between vertices of the same number must be under 5 % of the
    length of the hemisphere. fs_LR passes; BigBrain and fsaverage have no matched order.

    Parameters
    ----------
    meshes : mapping of str to Mesh
        The midthickness of both hemispheres.
    """
    where, way_out = "homotopic superblocks", "Map the data to fs_LR, or use another scheme."
    if tuple(meshes) != ("L", "R"):
        raise InputError(where, f"hemispheres {'+'.join(meshes)}", "both hemispheres, L and R")
    left, right = meshes["L"], meshes["R"]
    same_faces = left.faces.shape == right.faces.shape and np.array_equal(
        np.sort(left.faces, axis=1), np.sort(right.faces, axis=1)
    )
    if left.n_vertices != right.n_vertices or not same_faces:
        raise InputError(where, "hemispheres with different triangles", "the same mesh", way_out)
    centred = [mesh.vertices - mesh.vertices.mean(axis=0) for mesh in (left, right)]
    apart_mm = np.median(np.linalg.norm(centred[0] * [-1, 1, 1] - centred[1], axis=1))
    length_mm = np.ptp(centred[1], axis=0).max()
    if apart_mm > _MIRROR_TOLERANCE * length_mm:
        raise InputError(
            where,
            f"vertices of the same number {apart_mm:.1f} mm apart (median, left mirrored)",
            f"at most {_MIRROR_TOLERANCE * length_mm:.1f} mm: matched vertex order",
            way_out,
        )


def _check_spheres(
    spheres: Mapping[str, Mesh] | None, meshes: Mapping[str, Mesh]
) -> Mapping[str, Mesh]:
    if spheres is None:
        raise InputError("spheres", "none", 'a sphere of each hemisphere for method="sphere"')
    for hemisphere, mesh in meshes.items():
        if hemisphere not in spheres or spheres[hemisphere].n_vertices != mesh.n_vertices:
            raise InputError(
                "spheres",
                f"no sphere with {mesh.n_vertices:,} vertices for hemisphere {hemisphere}",
                "one sphere per mesh, with the same vertices",
            )
        check_sphere(spheres[hemisphere], f"sphere of hemisphere {hemisphere}")
    return spheres
