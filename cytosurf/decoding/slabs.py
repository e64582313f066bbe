"""Coronal slabs: pieces of cortex that share no section of a histological brain."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError


def coronal_slabs(
    y_mm: npt.NDArray[np.floating], mask: npt.NDArray[np.bool_], n_folds: int, n_slabs: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int8]]:
    """Cut the cortex into coronal slabs, and into folds of as many consecutive slabs.

    Parameters
    ----------
    y_mm : (n_vertices,) ndarray
        Position of each vertex of all hemispheres from posterior to anterior.
    mask : (n_vertices,) ndarray of bool
        The analysed vertices.
    n_folds : int
        Number of folds; the first is the most posterior.
    n_slabs : int
        Number of slabs, the superblocks; all have the same number of vertices, give or take one.

    Returns
    -------
    block, fold : (n_vertices,) ndarray of int32 and of int8
        Slab and fold of each vertex, -1 outside the mask.

    Raises
    ------
    InputError
        If there are fewer slabs than folds, or fewer vertices than slabs.

    Examples
    --------
    >>> y_mm = np.array([4.0, 1, 3, 2, 9])
    >>> mask = np.array([True, True, True, True, False])
    >>> block, fold = coronal_slabs(y_mm, mask, n_folds=2, n_slabs=4)
    >>> block.tolist(), fold.tolist()
    ([3, 0, 2, 1, -1], [1, 0, 1, 0, -1])
    """
    rows = np.flatnonzero(mask)
    if not n_folds <= n_slabs <= len(rows):
        raise InputError(
            "n_blocks", f"{n_slabs} slabs", f"{n_folds} (the folds) to {len(rows)} (the vertices)"
        )
    block, fold = np.full(len(mask), -1, np.int32), np.full(len(mask), -1, np.int8)
    from_behind = rows[np.argsort(y_mm[rows], kind="stable")]
    block[from_behind] = np.arange(len(rows)) * n_slabs // len(rows)
    fold[rows] = block[rows] * n_folds // n_slabs
    return block, fold
