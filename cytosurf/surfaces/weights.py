"""Resampling weights kept on disk, found again by the content of the two spheres."""

from __future__ import annotations

import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from scipy import sparse

from cytosurf.compute.files import arrays_sha256, write_npz
from cytosurf.errors import CytosurfWarning
from cytosurf.surfaces.barycentric import barycentric_weights
from cytosurf.surfaces.mesh import Mesh

# Part of the file name: raise it when the weights of the same spheres change.
METHOD = "barycentric-1"


def cached_weights(source_sphere: Mesh, target_sphere: Mesh, folder: Path) -> sparse.csr_array:
    """Return `barycentric_weights` of two spheres, from a file if they were computed before.

    The file is named by the hash of the vertices and faces of both spheres. A file that cannot be
    read or does not hold weights of the right shape is computed again; where nothing can be
    written, the weights are computed each time, with a warning.

    Parameters
    ----------
    source_sphere, target_sphere : Mesh
        The two registration spheres.
    folder : pathlib.Path
        Where the files are kept.

    Returns
    -------
    scipy.sparse.csr_array
        Weights of shape (n_target, n_source).

    Raises
    ------
    InputError
        If a mesh is not a registration sphere.

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
    content = arrays_sha256(
        {
            "source_vertices": source_sphere.vertices,
            "source_faces": source_sphere.faces,
            "target_vertices": target_sphere.vertices,
            "target_faces": target_sphere.faces,
        }
    )
    path = folder / f"{METHOD}-{content[:32]}.npz"
    shape = (target_sphere.n_vertices, source_sphere.n_vertices)
    kept = _read(path, shape)
    if kept is not None:
        return kept
    weights = barycentric_weights(source_sphere, target_sphere)
    try:
        write_npz(path, weights=weights.data, columns=weights.indices, starts=weights.indptr)
    except OSError as error:
        warnings.warn(
            f"{folder}: resampling weights cannot be kept there ({error}); "
            "they are computed each time.",
            CytosurfWarning,
            stacklevel=2,
        )
    return weights


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
    whole = weights.dtype == np.float64 and (weights > 0).all() and np.allclose(sums, 1, atol=1e-9)
    return matrix if whole else None
