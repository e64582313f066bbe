"""Apply resampling weights: to values and to labels, with a mask or without."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from cytosurf.errors import InputError

# Labels whose summed weights differ by less than this are tied: it is rounding.
TIE = 1e-6


def masked_weights(
    weights: sparse.sparray, valid: npt.NDArray[np.bool_] | None = None
) -> tuple[sparse.csr_array, npt.NDArray[np.bool_]]:
    """Leave source vertices out of the weights, and scale the others up to a sum of 1 again.

    Parameters
    ----------
    weights : (n_target, n_source) scipy.sparse array
        Such as from `barycentric_weights`.
    valid : (n_source,) array of bool, optional
        Source vertices that count; all if left out.

    Returns
    -------
    weights : (n_target, n_source) scipy.sparse.csr_array
        Without any entry at vertices that do not count.
    reached : (n_target,) array of bool
        Targets with any weight left (the rule of Connectome Workbench with ``-current-roi``).

    Raises
    ------
    InputError
        If the mask does not have one row per source vertex.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> half, reached = masked_weights(sparse.csr_array([[0.5, 0.5]]), np.array([True, False]))
    >>> half.toarray().tolist(), reached.tolist()
    ([[1.0, 0.0]], [True])
    """
    matrix = sparse.csr_array(weights)
    if valid is None:
        return matrix, np.diff(matrix.indptr) > 0
    if valid.shape != (matrix.shape[1],) or valid.dtype != bool:
        raise InputError(
            "mask",
            f"{valid.dtype} array of shape {valid.shape}",
            f"bool array of shape ({matrix.shape[1]},), one per source vertex",
        )
    if valid.all():
        return matrix, np.diff(matrix.indptr) > 0
    kept = sparse.csr_array(
        (matrix.data * valid[matrix.indices], matrix.indices.copy(), matrix.indptr.copy()),
        shape=matrix.shape,
    )
    kept.eliminate_zeros()
    n_left = np.diff(kept.indptr)
    sums = kept.sum(axis=1)
    sums[n_left == 0] = 1
    kept.data /= np.repeat(sums, n_left)
    return kept, n_left > 0


def apply_weights(
    weights: sparse.sparray,
    values: npt.ArrayLike,
    valid: npt.NDArray[np.bool_] | None = None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """Carry values to the target mesh.

    Parameters
    ----------
    weights : (n_target, n_source) scipy.sparse array
        Such as from `barycentric_weights`.
    values : (n_source,) or (n_source, n_columns) array_like
        Values on the source mesh. A NaN at a vertex that counts is carried on.
    valid : (n_source,) array of bool, optional
        Source vertices that count. Their weights are scaled to a sum of 1 for each target, and a
        target is valid when any of its sources is (the rule of Connectome Workbench with
        ``-current-roi``); the values of others are 0. If left out, every vertex counts.

    Returns
    -------
    values : (n_target,) or (n_target, n_columns) array of float64
    valid : (n_target,) array of bool

    Raises
    ------
    InputError
        If values or mask do not have one row per source vertex.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> weights = sparse.csr_array([[0.5, 0.5], [0.0, 1.0]])
    >>> values, valid = apply_weights(weights, [4.0, 100.0], np.array([True, False]))
    >>> values.tolist(), valid.tolist()
    ([4.0, 0.0], [True, False])
    """
    source = np.asarray(values, dtype=np.float64)
    _check_rows(len(source), weights, "values")
    kept, reached = masked_weights(weights, valid)
    return kept @ source, reached


def resample_labels(
    weights: sparse.sparray,
    keys: npt.NDArray[np.integer],
    valid: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.int32]:
    """Give each target vertex the key whose source vertices have the largest summed weight.

    Parameters
    ----------
    weights : (n_target, n_source) scipy.sparse array
        Such as from `barycentric_weights`.
    keys : (n_source,) array of int
        Keys on the source mesh; 0 takes part like any other.
    valid : (n_source,) array of bool, optional
        Source vertices that count; all if left out.

    Returns
    -------
    (n_target,) array of int32
        Keys on the target mesh. Of keys with the same weight (to 1e-6) the smallest wins. 0 where
        no source vertex counts.

    Raises
    ------
    InputError
        If there is not one key, and one row of the mask, per source vertex.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy import sparse
    >>> weights = sparse.csr_array([[0.4, 0.3, 0.3]])
    >>> resample_labels(weights, np.array([0, 5, 5])).tolist()
    [5]
    """
    _check_rows(len(keys), weights, "labels")
    kept, reached = masked_weights(weights, valid)
    used, code = np.unique(keys, return_inverse=True)
    one_hot = sparse.csr_array(
        (np.ones(len(code)), (np.arange(len(code)), code)), shape=(len(code), len(used))
    )
    summed = sparse.csr_array(kept @ one_hot)
    summed.sort_indices()
    starts = summed.indptr[:-1][reached]
    largest = np.maximum.reduceat(summed.data, starts) if len(starts) else summed.data
    wins = np.flatnonzero(summed.data >= np.repeat(largest, np.diff(summed.indptr)[reached]) - TIE)
    first = wins[np.searchsorted(wins, starts)]
    carried = np.zeros(len(reached), np.int32)
    carried[reached] = used[summed.indices[first]]
    return carried


def _check_rows(n_rows: int, weights: sparse.sparray, where: str) -> None:
    if n_rows != weights.shape[1]:
        raise InputError(
            where,
            f"{n_rows:,} rows",
            f"{weights.shape[1]:,}, one per vertex of the source sphere",
            "Values and sphere must belong to the same mesh.",
        )
