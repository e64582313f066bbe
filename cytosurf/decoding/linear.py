"""How much of a quantity, such as the position of a vertex, is a linear function of features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.folds import Folds
from cytosurf.errors import InputError


def linear_r2(
    features: npt.NDArray[np.floating], values: npt.NDArray[np.floating], folds: Folds
) -> npt.NDArray[np.float64]:
    """Predict columns of values from features by least squares, and return R2 of each test fold.

    Parameters
    ----------
    features : (n_vertices, n_features) ndarray
        Features of all vertices; only those of ``folds.mask`` are looked at.
    values : (n_vertices, n_values) ndarray
        What is predicted, e.g. x, y and z in mm.
    folds : Folds
        Which vertices train and which are tested.

    Returns
    -------
    (n_folds, n_values) ndarray of float64
        One minus the squared error over the squared distance from the mean of the test fold, as
        ``sklearn.metrics.r2_score``: 1 is perfect, below 0 is worse than that mean.

    Raises
    ------
    InputError
        If an array is no matrix, its rows are not the folds', or a value in the mask is not finite.

    Examples
    --------
    >>> folds = Folds([0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1])
    >>> x = np.arange(6.0)[:, None]
    >>> linear_r2(x, np.c_[2 * x + 1, -x], folds).round(6).tolist()
    [[1.0, 1.0], [1.0, 1.0]]
    """
    for name, array in (("features", features), ("values", values)):
        if array.ndim != 2 or len(array) != len(folds.block):
            expected = f"({len(folds.block)}, n_columns)"
            raise InputError(name, f"shape {array.shape}", expected)
        if not np.isfinite(array[folds.mask]).all():
            raise InputError(name, "NaN or infinite values inside the mask", "finite values")
    return np.stack([_fold_r2(features, values, folds, k) for k in range(folds.n_folds)])


def _fold_r2(
    features: npt.NDArray[np.floating], values: npt.NDArray[np.floating], folds: Folds, k: int
) -> npt.NDArray[np.float64]:
    train, test = folds.train(k), folds.test(k)
    x, y = features[train].astype(np.float64), values[train].astype(np.float64)
    x_mean, y_mean, scale = x.mean(axis=0), y.mean(axis=0), x.std(axis=0)
    scale[scale == 0] = 1
    slopes = np.linalg.lstsq((x - x_mean) / scale, y - y_mean, rcond=None)[0]
    truth = values[test].astype(np.float64)
    error = truth - (y_mean + (features[test] - x_mean) / scale @ slopes)
    r2: npt.NDArray[np.float64] = 1 - (error**2).sum(axis=0) / (
        (truth - truth.mean(axis=0)) ** 2
    ).sum(axis=0)
    return r2
