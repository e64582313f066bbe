"""What scores need of confusion counts: the diagonal and the sums over rows and columns.

With K classes these are three numbers per class where the counts are K x K, so that hundreds of
classes in hundreds of superblocks, or in thousands of spins, stay small.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError

Float64 = npt.NDArray[np.float64]


class Marginals(NamedTuple):
    """Vertices of each class, counted in three ways; leading dimensions are free.

    float64 holds such counts exactly, and their products do not overflow.

    Attributes
    ----------
    hits : (..., K) float64
        Vertices of the class that were predicted right.
    of_truth : (..., K) float64
        Vertices of the class.
    of_prediction : (..., K) float64
        Vertices predicted as the class.
    """

    hits: Float64
    of_truth: Float64
    of_prediction: Float64


def marginals(counts: npt.NDArray[np.integer]) -> Marginals:
    """Return the marginals of confusion counts.

    Parameters
    ----------
    counts : (..., K, K) ndarray of int
        Confusion counts, truth in rows and prediction in columns; never copied.

    Raises
    ------
    InputError
        If the shape is another one.

    Examples
    --------
    >>> of = marginals(np.array([[2, 0], [1, 3]]))
    >>> of.hits.tolist(), of.of_truth.tolist(), of.of_prediction.tolist()
    ([2.0, 3.0], [2.0, 4.0], [3.0, 3.0])
    """
    if counts.ndim < 2 or counts.shape[-1] != counts.shape[-2]:
        raise InputError("confusion counts", f"shape {counts.shape}", "(..., K, K)")
    hits = np.diagonal(counts, axis1=-2, axis2=-1).astype(np.float64)
    return Marginals(
        hits, counts.sum(axis=-1, dtype=np.float64), counts.sum(axis=-2, dtype=np.float64)
    )


def group_marginals(
    truth: npt.NDArray[np.integer],
    prediction: npt.NDArray[np.integer],
    group: npt.NDArray[np.integer],
    n_groups: int,
    n_classes: int,
) -> Marginals:
    """Return the marginals of each group of vertices, without ever making the counts.

    Equals ``marginals(confusion_counts(...))`` of the same arguments.

    Parameters
    ----------
    truth, prediction : (n,) ndarray of int
        Class index 0 to ``n_classes - 1`` of each vertex; vertices where any of the three arrays
        is negative are not counted.
    group : (n,) ndarray of int
        Group 0 to ``n_groups - 1`` of each vertex: its superblock or fold.
    n_groups, n_classes : int
        Size of the result.

    Returns
    -------
    Marginals
        Arrays of shape (n_groups, n_classes).

    Raises
    ------
    InputError
        If a class or group is too large.

    Examples
    --------
    >>> of = group_marginals(np.array([0, 1, 1]), np.array([0, 0, 1]), np.array([0, 0, 1]), 2, 2)
    >>> of.hits.tolist(), of.of_prediction.tolist()
    ([[1.0, 0.0], [0.0, 1.0]], [[2.0, 0.0], [0.0, 1.0]])
    """
    counted = (truth >= 0) & (prediction >= 0) & (group >= 0)
    largest = [int(array[counted].max(initial=-1)) for array in (group, truth, prediction)]
    if largest[0] >= n_groups or max(largest[1:]) >= n_classes:
        expected = f"below {(n_groups, n_classes, n_classes)}"
        raise InputError("group, truth, prediction", f"numbers up to {largest}", expected)

    def count(rows: npt.NDArray[np.bool_], of_class: npt.NDArray[np.integer]) -> Float64:
        cell = (group[rows].astype(np.int64), of_class[rows].astype(np.int64))
        flat = np.ravel_multi_index(cell, (n_groups, n_classes))
        sums = np.bincount(flat, minlength=n_groups * n_classes)
        return sums.reshape(n_groups, n_classes).astype(np.float64)

    right = counted & (truth == prediction)
    return Marginals(count(right, truth), count(counted, truth), count(counted, prediction))
