"""Principal components of the pixels of tiles: features without any learning of structure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

from cytosurf.errors import InputError

Float32 = npt.NDArray[np.float32]


def pixel_components(
    tiles: npt.NDArray[np.floating], train: npt.NDArray[np.bool_], n_components: int
) -> Float32:
    """Return the principal component scores of all tiles, fitted on some of them.

    Tiles have more pixels than there are tiles, so that the matrix of products of tiles is
    decomposed, in full and in float64: nothing depends on a random start.

    Parameters
    ----------
    tiles : (n, ...) ndarray
        Pixels; centred here, and not rescaled.
    train : (n,) ndarray of bool
        Tiles that means and components come from.
    n_components : int
        Components to keep, fewer than there are training tiles.

    Returns
    -------
    (n, n_components) ndarray of float32
        Scores, in decreasing order of variance. Their signs are free.

    Raises
    ------
    InputError
        If so many components are not there.

    Examples
    --------
    >>> tiles = np.array([[0.0, 0], [2, 2], [4, 4], [5, 3]])
    >>> scores = pixel_components(tiles, np.array([True, True, True, False]), 1)
    >>> abs(scores[:, 0]).astype(float).round(3).tolist()
    [2.828, 0.0, 2.828, 2.828]
    """
    flat = tiles.reshape(len(tiles), -1)
    known = flat[train].astype(np.float64)
    n = len(known)
    if not 1 <= n_components < n:
        raise InputError("components", str(n_components), f"1 to {n - 1}, of {n} training tiles")
    mean = known.mean(axis=0)
    known -= mean
    variances, vectors = eigh(known @ known.T, subset_by_index=[n - n_components, n - 1])
    if variances[0] <= 1e-12 * variances[-1]:
        raise InputError("components", str(n_components), "as many as vary between tiles", "Fewer.")
    loadings = (known.T @ (vectors / np.sqrt(variances)))[:, ::-1]
    scores: Float32 = (flat @ loadings.astype(np.float32) - (mean @ loadings)).astype(np.float32)
    return scores
