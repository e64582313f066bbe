"""Eigenmodes of the cortex: the waves that a map on this surface is a sum of.

The modes solve ``S u = lambda A u``, with the cotangent stiffness matrix `S` and the vertex areas
`A` of the surface cut down to the vertices that have values. The edge of the medial wall is left
free (no slope across it), so no value from inside it enters a mode. On a sphere the modes are the
spherical harmonics, in groups of 2 l + 1 of one wavelength; on the cortex the same groups are
taken, though the wavelengths in a group are no longer exactly equal [1]_.

References
----------
.. [1] Koussis NC et al. (2024). Generation of surrogate brain maps preserving spatial
   autocorrelation through random rotation of geometric eigenmodes. bioRxiv 2024.02.07.579070.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse
from threadpoolctl import threadpool_limits

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls.random_fields import stiffness_matrix
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import check_hemispheres

Float64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

DEGREE = 15
_VERTICES_PER_MODE = 4
_MANY_WITHOUT = 0.05
# Below this many vertices all modes at once are quicker, and safe for symmetric surfaces.
_DENSE = 1500


@dataclass(frozen=True, eq=False)
class Eigenmodes:
    """The smoothest modes of one hemisphere, the constant left out; made by `cortex_modes`.

    Attributes
    ----------
    rows : (n_rows,) int64
        The vertices they have values on, as rows of the left and then the right hemisphere.
    values : (n_rows, n_modes) float64
        Orthonormal and of mean 0 under `area_mm2`, from the longest to the shortest wave.
    area_mm2 : (n_rows,) float64
        Area of each vertex.
    sizes : tuple of int
        Modes of each group: 3, 5, 7, ...
    wavelength_mm : float
        Of the last mode.
    """

    rows: Rows
    values: Float64
    area_mm2: Float64
    sizes: tuple[int, ...]
    wavelength_mm: float

    @property
    def n_modes(self) -> int:
        """Number of modes."""
        return int(self.values.shape[1])

    def mean(self, values: npt.NDArray[np.floating]) -> Float64:
        """Return the mean of each column of (n_rows, n) values over the surface."""
        mean: Float64 = self.area_mm2 @ values / self.area_mm2.sum()
        return mean

    def coefficients(self, values: npt.NDArray[np.floating]) -> Float64:
        """Return the (n_modes, n) coefficients of (n_rows, n) values."""
        projected: Float64 = self.values.T @ (self.area_mm2[:, None] * values)
        return projected


def cortex_modes(
    surfaces: Mapping[str, Mesh],
    valid: npt.ArrayLike,
    *,
    degree: int | None = None,
    mirrored: bool = False,
) -> dict[str, Eigenmodes]:
    """Return the modes of the valid part of each hemisphere.

    Parameters
    ----------
    surfaces : mapping of str to Mesh
        The surface on which distances count (midthickness) of ``"L"``, ``"R"`` or both.
    valid : (n_vertices,) array_like of bool
        Vertices that have values, left and then right. Of each hemisphere the largest connected
        piece of triangles between them is used.
    degree : int, optional
        Number of groups; there are ``(degree + 1)**2 - 1`` modes. If left out 15, or as many as
        leave four vertices for each mode.
    mirrored : bool, optional
        Whether vertex `i` of the right hemisphere is the mirror image of vertex `i` of the left
        one. Both then get the same modes, of the mean of the two surfaces, on the vertices that
        are valid in both: what is alike left and right stays alike if both are changed alike.

    Returns
    -------
    dict of str to Eigenmodes
        By hemisphere. On fs_LR 32k (29,696 vertices, mirrored, degree 15) 20 s of processor time
        and 60 MB; the shortest of the 255 waves is 25 mm long.

    Raises
    ------
    InputError
        If the vertices do not fit, or a hemisphere has fewer than four for each mode.

    Warns
    -----
    CytosurfWarning
        If more than 5 % of the valid vertices are without modes.

    Examples
    --------
    >>> from cytosurf.surfaces import Space, load_mesh
    >>> sphere = load_mesh(Space("fsLR", "32k"), "L", "sphere")
    >>> modes = cortex_modes({"L": sphere}, np.ones(32492, bool), degree=2)["L"]
    >>> modes.sizes, round(modes.wavelength_mm)
    ((3, 5), 257)
    """
    hemispheres = tuple(sorted(surfaces))
    check_hemispheres(hemispheres, "surfaces")
    counts = [surfaces[h].n_vertices for h in hemispheres]
    mask = np.asarray(valid)
    if mask.shape != (sum(counts),) or mask.dtype != bool:
        found = f"{mask.dtype} array of shape {mask.shape}"
        raise InputError("valid vertices", found, f"bool array of shape ({sum(counts)},)")
    if degree is not None and degree < 1:
        raise InputError("degree", str(degree), "a whole number of at least 1")
    if not (mirrored and len(hemispheres) == 2):
        parts = np.split(mask, np.cumsum(counts)[:-1])
        starts = np.cumsum([0, *counts[:-1]])
        modes = {
            h: _shifted(_modes(surfaces[h], part, degree, f"hemisphere {h}"), int(start))
            for h, part, start in zip(hemispheres, parts, starts, strict=True)
        }
        return _checked(modes, mask)
    left, right = (surfaces[h] for h in hemispheres)
    in_mirror = right.vertices * np.array([-1, 1, 1], np.float32)
    mean = Mesh(((left.vertices + in_mirror) / 2).astype(np.float32), left.faces)
    both = mask[: counts[0]] & mask[counts[0] :]
    shared = _modes(mean, both, degree, "vertices valid in both hemispheres")
    return _checked({"L": shared, "R": _shifted(shared, counts[0])}, mask)


def _checked(modes: dict[str, Eigenmodes], valid: Mask) -> dict[str, Eigenmodes]:
    n_without = int(valid.sum()) - sum(len(basis.rows) for basis in modes.values())
    if n_without > _MANY_WITHOUT * valid.sum():
        message = (
            f"{n_without:,} of {int(valid.sum()):,} vertices with values are left out by "
            "surrogates: they are not connected to the others, or have no value on the other side."
        )
        warnings.warn(message, CytosurfWarning, stacklevel=3)
    return modes


def _shifted(modes: Eigenmodes, start: int) -> Eigenmodes:
    return replace(modes, rows=modes.rows + start)


def _modes(mesh: Mesh, valid: Mask, degree: int | None, where: str) -> Eigenmodes:
    """Return the modes of the largest valid piece of a surface."""
    rows, piece = _largest_piece(mesh, valid)
    if degree is None:
        most = math.isqrt(len(rows) // _VERTICES_PER_MODE + 1) - 1
        degree = max(1, min(DEGREE, most))
    n_modes = (degree + 1) ** 2 - 1
    if len(rows) < _VERTICES_PER_MODE * n_modes:
        raise InputError(
            f"surrogates, {where}",
            f"{len(rows):,} connected vertices with values",
            f"at least {_VERTICES_PER_MODE * n_modes:,}, four for each of {n_modes} modes",
            "Use features with values on more of the cortex, or spins.",
        )
    stiffness, area_mm2 = stiffness_matrix(piece)
    scale = sparse.diags_array(1 / np.sqrt(area_mm2))
    with threadpool_limits(1):  # the same bits whatever the number of cores
        values, vectors = _smallest(sparse.csc_array(scale @ stiffness @ scale), n_modes + 1)
    modes = vectors[:, 1:] / np.sqrt(area_mm2)[:, None]
    modes *= np.sign(_uneven(len(rows)) @ modes)  # which is arbitrary otherwise
    sizes = tuple(2 * order + 1 for order in range(1, degree + 1))
    wavelength_mm = 2 * math.pi / math.sqrt(float(values[-1]))
    return Eigenmodes(rows, modes, area_mm2, sizes, wavelength_mm)


def _largest_piece(mesh: Mesh, valid: Mask) -> tuple[Rows, Mesh]:
    """Return the vertices of the largest connected piece of valid triangles, and the piece."""
    faces = mesh.faces[valid[mesh.faces].all(axis=1) & (mesh.face_areas() > 0)]
    if not len(faces):
        return np.zeros(0, np.int64), mesh
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
    n = mesh.n_vertices
    graph = sparse.coo_array((np.ones(len(edges)), tuple(edges.T)), shape=(n, n))
    number = sparse.csgraph.connected_components(graph, directed=False)[1]
    largest = np.bincount(number[faces[:, 0]]).argmax()
    faces = faces[number[faces[:, 0]] == largest]
    rows, renumbered = np.unique(faces, return_inverse=True)
    triangles: npt.NDArray[np.int32] = renumbered.reshape(-1, 3).astype(np.int32)
    return rows.astype(np.int64), Mesh(mesh.vertices[rows], triangles)


def _smallest(matrix: sparse.csc_array, n: int) -> tuple[Float64, Float64]:
    """Return the `n` smallest eigenvalues of a symmetric matrix in order, and their vectors."""
    if matrix.shape[0] <= _DENSE:
        from scipy.linalg import eigh

        return eigh(matrix.toarray(), subset_by_index=(0, n - 1))  # type: ignore[no-any-return]
    from scipy.sparse.linalg import eigsh

    # Just below 0, where the matrix is singular: a small share of the largest element.
    shift = -1e-7 * float(matrix.diagonal().max())
    start = _uneven(matrix.shape[0])  # ARPACK draws its own otherwise
    values, vectors = eigsh(matrix, k=n, sigma=shift, which="LM", v0=start)
    order = values.argsort()
    return values[order], vectors[:, order]


def _uneven(n: int) -> Float64:
    """Return fixed numbers to which no mode is perpendicular, whatever the surface's symmetries."""
    numbers: Float64 = np.cos(np.arange(n, dtype=np.float64))
    return numbers
