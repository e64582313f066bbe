"""Spins of parcels: every parcel hands its value to exactly one other.

Data that exist only per parcel cannot be spun vertex by vertex. The centroids of the parcels are
rotated over the sphere instead, and each parcel gets the value of a rotated one near to it. The
nearest one would give some values to several parcels and lose others, so that the spun values have
another distribution than the real ones; the assignments here are permutations.

As for vertices, a rotation acts on row vectors and parcel `i` gets the value of parcel
``index[i]``: ``new_values = values[index]``. Distances are between ``x_i`` and ``x_j @ R``, the
same as neuromaps measures, and the indices equal those of its ``gen_spinsamples``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import optimize
from scipy.spatial.distance import cdist

from cytosurf.errors import InputError, unknown_name
from cytosurf.nulls.rotations import check_mirrored, check_rotation
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import check_hemispheres
from cytosurf.surfaces.spheres import are_mirrored, check_sphere

Float64 = npt.NDArray[np.float64]
Index = npt.NDArray[np.int32]
ParcelMethod = Literal["hungarian", "vasa"]


def parcel_centroids(
    keys: npt.NDArray[np.integer], sphere: Mesh
) -> tuple[npt.NDArray[np.int32], Float64]:
    """Return the middle of every parcel of a hemisphere, on its sphere.

    The mean of the vertices of a parcel, moved out to the radius of the sphere.

    Parameters
    ----------
    keys : (n_vertices,) ndarray of int
        Parcel of each vertex; 0 is the medial wall or unassigned.
    sphere : Mesh
        The registration sphere of the hemisphere.

    Returns
    -------
    keys : (n_parcels,) ndarray of int32
        The keys above 0 that occur, in increasing order.
    centroids_mm : (n_parcels, 3) ndarray of float64
        Their centroids.

    Raises
    ------
    InputError
        If the mesh is no sphere around the origin, there is not one key per vertex, no parcel, or
        a parcel is spread so evenly over the sphere that it has no middle.

    Examples
    --------
    >>> from cytosurf.surfaces import Space, load_mesh
    >>> sphere = load_mesh(Space("fsLR", "32k"), "L", "sphere")
    >>> keys, centroids_mm = parcel_centroids((sphere.vertices[:, 1] > 0) + 1, sphere)
    >>> keys.tolist(), centroids_mm.round().astype(int).tolist()
    ([1, 2], [[0, -100, 0], [0, 100, 0]])
    """
    check_sphere(sphere)
    if keys.shape != (sphere.n_vertices,):
        found = f"shape {keys.shape}"
        raise InputError("parcels", found, f"({sphere.n_vertices},), one key per vertex")
    used = np.unique(keys[keys > 0])
    if not used.size:
        raise InputError("parcels", "no key above 0", "at least one parcel")
    points = sphere.vertices.astype(np.float64)
    radius_mm = float(np.linalg.norm(points, axis=1).mean())
    means = np.stack([points[keys == key].mean(axis=0) for key in used])
    norms = np.linalg.norm(means, axis=1)
    if norms.min() < 1e-3 * radius_mm:
        found = f"parcel {used[norms.argmin()]} spread evenly over the sphere"
        raise InputError("parcels", found, "parcels that have a middle")
    return used.astype(np.int32), means * (radius_mm / norms)[:, None]


def spin_parcels(
    centroids_mm: Mapping[str, npt.ArrayLike],
    rotations: Mapping[str, npt.ArrayLike],
    method: ParcelMethod = "hungarian",
) -> Index:
    """Return which parcel hands its value to which under a rotation, one to one.

    Parameters
    ----------
    centroids_mm : mapping of str to (n_parcels, 3) array_like
        Centroids on the sphere of ``"L"``, ``"R"`` or both; see `parcel_centroids`.
    rotations : mapping of str to (3, 3) array_like
        From `cytosurf.nulls.spin_rotations`.
    method : {"hungarian", "vasa"}, optional
        ``"hungarian"``: the sum of all distances is as small as possible. ``"vasa"``: parcels
        choose one after the other, first the one that is farthest from all rotated ones; some
        distances are smaller, their sum is not.

    Returns
    -------
    (n_parcels,) ndarray of int32
        Source parcel of every parcel, rows of the left and then the right hemisphere: a
        permutation within each.

    Raises
    ------
    InputError
        If centroids or rotations are none, or the method is unknown.

    References
    ----------
    Markello RD, Misic B (2021). Comparing spatial null models for brain maps. NeuroImage
    236:118052.
    Vasa F et al. (2018). Adolescent tuning of association cortex in human structural brain
    networks. Cereb Cortex 28:281-294.

    Examples
    --------
    >>> centroids = {"L": [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, 0, 1]]}
    >>> quarter_turn = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # x moves to y
    >>> spin_parcels(centroids, {"L": quarter_turn}).tolist()
    [2, 0, 1, 3]
    """
    if method not in get_args(ParcelMethod):
        raise unknown_name("method", str(method), get_args(ParcelMethod))
    hemispheres = tuple(sorted(centroids_mm))
    check_hemispheres(hemispheres, "centroids")
    index, n_before = [], 0
    for hemisphere in hemispheres:
        points = _checked(centroids_mm[hemisphere], f"centroids {hemisphere}")
        if hemisphere not in rotations:
            raise InputError("rotations", f"none for hemisphere {hemisphere}", "one for each")
        rotation = check_rotation(rotations[hemisphere], f"rotation {hemisphere}")
        distance_mm = cdist(points, points @ rotation)
        index.append(_METHODS[method](distance_mm) + np.int32(n_before))
        n_before += len(points)
    return np.concatenate(index)


class ParcelAssigner:
    """Assigns parcels to each other for any rotation, as `SpinAssigner` does for vertices.

    Parameters
    ----------
    keys : (n_vertices,) ndarray of int
        Parcel of each vertex, left hemisphere first; 0 is the medial wall or unassigned. A key
        that occurs in both hemispheres is two parcels.
    spheres : mapping of str to Mesh
        The registration spheres of ``"L"``, ``"R"`` or both.
    method : {"hungarian", "vasa"}, optional
        See `spin_parcels`.

    Attributes
    ----------
    parcels : tuple of (str, int)
        Hemisphere and key of each parcel: left before right, keys in increasing order.
    n_vertices : int
        Number of parcels, which take the place of vertices.
    mirrored : bool
        Whether the spheres are each other's mirror image, as mirrored spins need.

    Raises
    ------
    InputError
        If there is not one key for each vertex, a hemisphere has no parcel, or the method is
        unknown.

    Examples
    --------
    >>> from cytosurf.surfaces import Space, load_mesh
    >>> sphere = load_mesh(Space("fsLR", "32k"), "L", "sphere")
    >>> assigner = ParcelAssigner((sphere.vertices[:, 1] > 0) + 1, {"L": sphere})
    >>> assigner.parcels
    (('L', 1), ('L', 2))
    """

    def __init__(
        self,
        keys: npt.NDArray[np.integer],
        spheres: Mapping[str, Mesh],
        method: ParcelMethod = "hungarian",
    ) -> None:
        if method not in get_args(ParcelMethod):
            raise unknown_name("method", str(method), get_args(ParcelMethod))
        hemispheres = tuple(sorted(spheres))
        check_hemispheres(hemispheres, "spheres")
        counts = [spheres[h].n_vertices for h in hemispheres]
        if keys.shape != (sum(counts),) or keys.dtype.kind not in "iu":
            found = f"{keys.dtype} array of shape {keys.shape}"
            raise InputError("parcellation", found, f"whole numbers of shape ({sum(counts)},)")
        halves = np.split(keys, np.cumsum(counts)[:-1])
        self.method: ParcelMethod = method
        self.centroids_mm: dict[str, Float64] = {}
        parcels: list[tuple[str, int]] = []
        self.vertex_parcel = np.full(len(keys), -1, np.int64)
        start = 0
        for hemisphere, of_hemisphere in zip(hemispheres, halves, strict=True):
            used, self.centroids_mm[hemisphere] = parcel_centroids(
                of_hemisphere, spheres[hemisphere]
            )
            inside = np.flatnonzero(of_hemisphere > 0)
            number = len(parcels) + np.searchsorted(used, of_hemisphere[inside])
            self.vertex_parcel[start + inside] = number
            parcels += [(hemisphere, int(key)) for key in used]
            start += len(of_hemisphere)
        self.parcels = tuple(parcels)
        self.n_vertices = len(parcels)
        self.mirrored = hemispheres == ("L", "R") and are_mirrored(spheres["L"], spheres["R"])

    def assign(self, rotations: Mapping[str, npt.ArrayLike]) -> Index:
        """Return the source parcel of every parcel; see `spin_parcels`.

        Raises
        ------
        InputError
            If the rotations are each other's mirror image and the spheres are not.
        """
        of_spheres = {h: np.asarray(rotations[h]) for h in self.centroids_mm if h in rotations}
        check_mirrored(of_spheres, self.mirrored)
        return spin_parcels(self.centroids_mm, rotations, self.method)

    def means(self, values: npt.NDArray[np.floating]) -> Float64:
        """Return the mean of (n_vertices,) values over the vertices of each parcel that have one.

        NaN for a parcel without any.
        """
        inside = (self.vertex_parcel >= 0) & ~np.isnan(values)
        parcel = self.vertex_parcel[inside]
        total = np.bincount(parcel, values[inside], self.n_vertices)
        n = np.bincount(parcel, minlength=self.n_vertices)
        means = np.full(self.n_vertices, np.nan)
        np.divide(total, n, out=means, where=n > 0)
        return means


def hungarian_assignment(distance_mm: Float64) -> Index:
    """Return the assignment of columns to rows with the smallest sum of distances.

    Parameters
    ----------
    distance_mm : (n, n) ndarray of float64
        From each parcel (row) to each rotated one (column).

    Returns
    -------
    (n,) ndarray of int32
        Column of every row; each column once.

    Examples
    --------
    >>> hungarian_assignment(np.array([[0.0, 1], [2, 10]])).tolist()
    [1, 0]
    """
    columns: Index = optimize.linear_sum_assignment(distance_mm)[1].astype(np.int32)
    return columns


def vasa_assignment(distance_mm: Float64) -> Index:
    """Return the assignment in which the row whose nearest free column is farthest chooses first.

    Parameters
    ----------
    distance_mm : (n, n) ndarray of float64
        From each parcel (row) to each rotated one (column).

    Returns
    -------
    (n,) ndarray of int32
        Column of every row; each column once.

    Examples
    --------
    >>> vasa_assignment(np.array([[0.0, 1, 5], [2, 10, 3], [0, 5, 9]])).tolist()
    [2, 0, 1]
    """
    free = distance_mm.copy()
    nearest, column = free.min(axis=1), free.argmin(axis=1)
    chosen = np.empty(len(free), np.int32)
    for _ in range(len(free)):
        row = nearest.argmax()
        taken = chosen[row] = column[row]
        nearest[row], column[row] = -np.inf, -1
        free[:, taken] = np.inf
        # Only the rows that lost their nearest column look again.
        again = np.flatnonzero(column == taken)
        column[again] = free[again].argmin(axis=1)
        nearest[again] = free[again, column[again]]
    return chosen


_METHODS: dict[str, Callable[[Float64], Index]] = {
    "hungarian": hungarian_assignment,
    "vasa": vasa_assignment,
}


def _checked(centroids_mm: npt.ArrayLike, where: str) -> Float64:
    points = np.asarray(centroids_mm, dtype=np.float64)
    if points.ndim != 2 or points.shape[1:] != (3,) or not len(points):
        raise InputError(where, f"shape {points.shape}", "(n_parcels, 3)")
    if not np.isfinite(points).all():
        raise InputError(where, "NaN or infinite coordinates", "finite coordinates in mm")
    return points
