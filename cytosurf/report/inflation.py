"""Inflate a folded cortex so that its sulci can be seen, and keep its folds as a grey pattern."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf.report.views import outward_normals
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.space import Space

_ITERATIONS = 120
_CURVATURE_SMOOTHING = 4


def inflate(mesh: Mesh, iterations: int = _ITERATIONS) -> Mesh:
    """Smooth a surface by repeated averaging over neighbours, and give it back its area.

    Parameters
    ----------
    mesh : Mesh
        A closed surface, e.g. a midthickness.
    iterations : int
        Rounds of averaging; more rounds open more of the sulci.

    Returns
    -------
    Mesh
        Same triangles and vertex order, same centre and total area.

    Examples
    --------
    >>> corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]])
    >>> mesh = Mesh(corners, [[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4],
    ...                       [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    >>> round(float(inflate(mesh, 1).face_areas().sum() / mesh.face_areas().sum()), 5)
    1.0
    """
    averaging = _averaging(mesh)
    points = mesh.vertices.astype(np.float64)
    centre = points.mean(axis=0)
    points = points - centre
    for _ in range(iterations):
        points = averaging @ points
    smooth = Mesh(points, mesh.faces)
    growth = np.sqrt(mesh.face_areas().sum() / smooth.face_areas().sum())
    return Mesh(points * growth + centre, mesh.faces)


def folding(mesh: Mesh) -> npt.NDArray[np.float64]:
    """Return the folding of a surface: above 0 in sulci, below 0 on gyral crowns.

    It is the mean curvature (the neighbours' mean minus the vertex, along the outward normal),
    smoothed a little, in units of its standard deviation.
    """
    averaging = _averaging(mesh)
    points = mesh.vertices.astype(np.float64)
    bend = ((averaging @ points - points) * outward_normals(mesh)[1]).sum(axis=1)
    for _ in range(_CURVATURE_SMOOTHING):
        bend = averaging @ bend
    spread = bend.std()
    scaled: npt.NDArray[np.float64] = bend / spread if spread > 0 else bend
    return scaled


@lru_cache(maxsize=8)
def display_mesh(space: Space, hemisphere: str) -> tuple[Mesh, npt.NDArray[np.float64]]:
    """Return the inflated midthickness of a space, and the folding of the original.

    Raises
    ------
    InputError
        If no surface of the space is known or at hand.
    """
    from cytosurf.surfaces.templates import load_mesh

    midthickness = load_mesh(space, hemisphere, "midthickness")
    return inflate(midthickness), folding(midthickness)


def _averaging(mesh: Mesh) -> sparse.csr_array:
    """Return the matrix that replaces each vertex by the mean of itself and its neighbours."""
    edges = mesh.edges()
    n = mesh.n_vertices
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    near = sparse.csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n))
    near = near + sparse.eye_array(n, format="csr")
    return sparse.csr_array(near.multiply(1 / near.sum(axis=1)[:, None]))
