"""Random features of a chosen smoothness on the user's own mesh, related to nothing.

White noise on the surface (of equal variance per area) is smoothed by four implicit steps of heat
diffusion with the cotangent Laplacian. The kernel is close to a Gaussian and has its standard
deviation exactly, ``FWHM / 2.355``; distances are along the surface. On the midthickness the
fields are equally smooth everywhere on the *cortex*, and a rotation of the sphere distorts them as
it distorts real maps; on the sphere itself a rotation changes nothing about them, which makes the
ideal case to compare with.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse.linalg import splu

from cytosurf.compute.draws import counter_generator
from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh

Float64 = npt.NDArray[np.float64]

# How alike the two hemispheres of a random feature are: the correlation of mirror vertices.
SYMMETRIES: dict[str, float] = {"independent": 0.0, "correlated": 0.8, "symmetric": 1.0}

_STEPS = 4
_STREAM = 0x4649454C44  # "FIELD"


class SurfaceSmoother:
    """Smooths values along one surface with a kernel of a given width.

    Parameters
    ----------
    mesh : Mesh
        The surface; every vertex must belong to a triangle.
    fwhm_mm : float
        Full width of the kernel at half of its height, 2.355 standard deviations.

    Raises
    ------
    InputError
        If the width is not above 0, or a vertex belongs to no triangle with an area.

    Examples
    --------
    >>> square = Mesh([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], [[0, 1, 2], [0, 2, 3]])
    >>> SurfaceSmoother(square, 3.0).smooth(np.ones((4, 1))).round(6).ravel().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(self, mesh: Mesh, fwhm_mm: float) -> None:
        if not 0 < fwhm_mm < np.inf:
            raise InputError("--smoothness-mm", str(fwhm_mm), "a width in mm above 0")
        stiffness, self.area_mm2 = stiffness_matrix(mesh)
        # A step of length tau adds 2 tau to the variance of the kernel along each axis.
        tau_mm2 = (fwhm_mm / math.sqrt(8 * math.log(2))) ** 2 / (2 * _STEPS)
        system = sparse.csc_array(sparse.diags_array(self.area_mm2) + tau_mm2 * stiffness)
        self._solve = splu(system).solve

    def smooth(self, values: npt.NDArray[np.floating]) -> Float64:
        """Return smoothed columns; their integral over the surface stays.

        Parameters
        ----------
        values : (n_vertices, n_columns) ndarray
            Values on every vertex of the mesh.
        """
        smoothed = np.asarray(values, dtype=np.float64)
        for _ in range(_STEPS):
            smoothed = self._solve(self.area_mm2[:, None] * smoothed)
        return smoothed

    def noise(self, generator: np.random.Generator, n_columns: int) -> Float64:
        """Return smoothed white noise (n_vertices, n_columns), each column of mean square 1."""
        white = generator.standard_normal((n_columns, len(self.area_mm2))).T
        field = self.smooth(white / np.sqrt(self.area_mm2)[:, None])
        scaled: Float64 = field / np.sqrt((field**2).mean(axis=0))
        return scaled


def random_features(
    smoothers: Mapping[str, SurfaceSmoother], seed: int, number: int, n_columns: int
) -> dict[str, Float64]:
    """Draw the columns of one random feature set, in all symmetries of the two hemispheres.

    Parameters
    ----------
    smoothers : mapping of str to SurfaceSmoother
        Of ``"L"``, ``"R"`` or both. All symmetries but the first need as many vertices on either
        side, vertex i being the mirror image of vertex i.
    seed, number : int
        What the draw depends on, besides the smoothers.
    n_columns : int
        Independent columns.

    Returns
    -------
    dict of str to (n_vertices, n_columns) ndarray of float64
        By the names of `SYMMETRIES`: the left hemisphere is the same in all, the right one an
        independent field, one that correlates with the left one by 0.8, or its mirror image. Where
        the hemispheres do not match, and for one alone, ``"independent"`` is all.
    """
    hemispheres = sorted(smoothers)
    fields = [
        smoothers[h].noise(counter_generator(_STREAM, seed, number, "LR".index(h)), n_columns)
        for h in hemispheres
    ]
    if len(fields) == 1 or len(fields[0]) != len(fields[1]):
        return {"independent": np.concatenate(fields)}
    left, right = fields
    return {
        name: np.concatenate([left, rho * left + math.sqrt(1 - rho**2) * right])
        for name, rho in SYMMETRIES.items()
    }


def planted_signal(
    smoothers: Mapping[str, SurfaceSmoother],
    label: npt.NDArray[np.integer],
    classes: Sequence[int],
    rows: npt.NDArray[np.integer],
) -> Float64:
    """Return the smoothed indicators of some classes: what a feature with an effect contains.

    Parameters
    ----------
    smoothers : mapping of str to SurfaceSmoother
        Of the hemispheres of `label`.
    label : (n_vertices,) ndarray of int
        Class index of every vertex, left hemisphere first.
    classes : sequence of int
        Class of each column; one that occurs in `rows`, but not on all of them.
    rows : (n_rows,) ndarray of int
        The analysed vertices, over which columns get mean 0 and standard deviation 1.

    Returns
    -------
    (n_vertices, n_columns) ndarray of float64
    """
    indicator = (label[:, None] == np.asarray(classes)).astype(np.float64)
    parts, start = [], 0
    for hemisphere in sorted(smoothers):
        stop = start + len(smoothers[hemisphere].area_mm2)
        parts.append(smoothers[hemisphere].smooth(indicator[start:stop]))
        start = stop
    signal = np.concatenate(parts)
    inside = signal[rows]
    scaled: Float64 = (signal - inside.mean(axis=0)) / inside.std(axis=0)
    return scaled


def stiffness_matrix(mesh: Mesh) -> tuple[sparse.csr_array, Float64]:
    """Return the cotangent stiffness matrix of a surface, and the area of each vertex in mm².

    Parameters
    ----------
    mesh : Mesh
        The surface.

    Returns
    -------
    stiffness : (n_vertices, n_vertices) csr_array
        Symmetric, with ``x @ stiffness @ x`` the integral of the squared slope of `x`.
    area_mm2 : (n_vertices,) ndarray of float64
        A third of the triangles around each vertex.

    Raises
    ------
    InputError
        If a vertex belongs to no triangle with an area.
    """
    n = mesh.n_vertices
    points = mesh.vertices.astype(np.float64)
    shares_mm2 = np.repeat(mesh.face_areas() / 3, 3)
    area_mm2: Float64 = np.bincount(mesh.faces.ravel(), shares_mm2, n).astype(np.float64)
    if not (area_mm2 > 0).all():
        found = f"{int((area_mm2 <= 0).sum())} vertices without an area around them"
        raise InputError("surface", found, "triangles around every vertex")
    rows, columns, weights = [], [], []
    for corner in range(3):
        i, j, k = (mesh.faces[:, (corner + step) % 3] for step in range(3))
        u, v = points[j] - points[i], points[k] - points[i]
        twice_area = np.linalg.norm(np.cross(u, v), axis=1)
        # The angle at i weighs the edge opposite; triangles without an area have none.
        cotangent = (u * v).sum(axis=1) / np.maximum(twice_area, 1e-9)
        rows += [j, k]
        columns += [k, j]
        weights += [cotangent / 2] * 2
    edges = sparse.csr_array(
        (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns))), shape=(n, n)
    )
    return sparse.csr_array(sparse.diags_array(edges.sum(axis=1)) - edges), area_mm2
