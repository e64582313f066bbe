"""Resampling weights kept on disk, found again by the content of spheres and areas."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf.compute.files import arrays_sha256, write_npz
from cytosurf.errors import CytosurfWarning, unknown_name
from cytosurf.surfaces.mesh import Mesh

Method = Literal["barycentric", "adaptive", "nearest"]
METHODS: tuple[Method, ...] = ("barycentric", "adaptive", "nearest")

# Part of the file names: raise the number when the weights of the same spheres change.
_VERSIONS: dict[Method, str] = {
    "barycentric": "barycentric-2",
    "adaptive": "adaptive-1",
    "nearest": "nearest-1",
}


def check_method(method: str) -> Method:
    """Return the name of a method if it is one of `METHODS`, or raise `InputError`."""
    if method not in METHODS:
        raise unknown_name("method", method, METHODS)
    return method


def cached_weights(
    source_sphere: Mesh,
    target_sphere: Mesh,
    folder: Path,
    *,
    method: Method = "barycentric",
    areas: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None,
) -> sparse.csr_array:
    """Return the weights between two spheres, from a file if they were computed before.

    The file is named by method and by the hash of the vertices and faces of both spheres, and of
    the areas. A file that cannot be read or does not hold weights of the right shape is computed
    again; where nothing can be written, the weights are computed each time, with a warning.

    Parameters
    ----------
    source_sphere, target_sphere : Mesh
        The two registration spheres.
    folder : pathlib.Path
        Where the files are kept.
    method : {"barycentric", "adaptive", "nearest"}, optional
        `barycentric_weights`, `adaptive_weights` or `nearest_weights`.
    areas : pair of ndarray, optional
        For "adaptive": areas of the source and of the target vertices; those of the spheres
        themselves if left out.

    Returns
    -------
    scipy.sparse.csr_array
        Weights of shape (n_target, n_source).

    Raises
    ------
    InputError
        If the method is unknown, a mesh is not a registration sphere, or areas do not fit it.

    Examples
    --------
    >>> import tempfile
    >>> corners = [[1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]]
    >>> faces = [[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]
    >>> faces += [[1, 0, 5], [2, 1, 5], [3, 2, 5], [0, 3, 5]]
    >>> sphere = Mesh(corners, faces)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     weights = cached_weights(sphere, sphere, Path(folder))
    ...     len(list(Path(folder).iterdir())), weights.nnz
    (1, 6)
    """
    content: dict[str, npt.NDArray[Any]] = {
        "source_vertices": source_sphere.vertices,
        "source_faces": source_sphere.faces,
        "target_vertices": target_sphere.vertices,
        "target_faces": target_sphere.faces,
    }
    if areas is not None:
        content |= {"source_areas": areas[0], "target_areas": areas[1]}
    path = folder / f"{_VERSIONS[check_method(method)]}-{arrays_sha256(content)[:32]}.npz"
    shape = (target_sphere.n_vertices, source_sphere.n_vertices)
    kept = _read(path, shape)
    if kept is not None:
        return kept
    weights = _compute(source_sphere, target_sphere, method, areas)
    try:
        write_npz(path, weights=weights.data, columns=weights.indices, starts=weights.indptr)
    except OSError as error:
        warnings.warn(
            f"{folder}: resampling weights cannot be kept there ({error.strerror}); "
            "they are computed each time.",
            CytosurfWarning,
            stacklevel=2,
        )
    return weights


def _compute(
    source_sphere: Mesh,
    target_sphere: Mesh,
    method: Method,
    areas: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
) -> sparse.csr_array:
    # Here, since weights that are kept need neither the search nor its compiled kernel.
    from cytosurf.surfaces.adaptive import adaptive_weights, nearest_weights
    from cytosurf.surfaces.barycentric import barycentric_weights

    if method == "nearest":
        return nearest_weights(source_sphere, target_sphere)
    if method == "adaptive":
        source_areas, target_areas = areas or (
            source_sphere.vertex_areas(),
            target_sphere.vertex_areas(),
        )
        return adaptive_weights(source_sphere, target_sphere, source_areas, target_areas)
    return barycentric_weights(source_sphere, target_sphere)


def _read(path: Path, shape: tuple[int, int]) -> sparse.csr_array | None:
    """Return the weights in a file, or None unless it is whole and holds weights of the shape."""
    try:
        with np.load(path, allow_pickle=False) as file:
            weights, columns, starts = (file[name] for name in ("weights", "columns", "starts"))
        matrix = sparse.csr_array((weights, columns, starts), shape=shape)
        matrix.check_format(full_check=True)
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    sums = matrix.sum(axis=1)
    filled = np.diff(matrix.indptr) > 0
    whole = weights.dtype == np.float64 and (weights > 0).all()
    return matrix if whole and filled.any() and np.allclose(sums[filled], 1, atol=1e-9) else None
