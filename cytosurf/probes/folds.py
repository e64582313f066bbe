"""Spatial folds of points in a plane or a volume: strips across one axis, with a gap between.

Points in one strip share neighbours and, where they are overlapping tiles, pixels. Strip k is
tested in fold k modulo the number of folds, whatever the labels are, so that a region as long as
several strips is tested in several folds. Each fold leaves out of its training the points on both
sides of its test strips that lie within the gap::

    strip     0    1    2    3    4    5    6    7       two strips of eight tested (T) in fold 1
            ...--TTTTT--...............--TTTTT--...      of four; trained on: .   left out: -
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.folds import MAX_FOLDS, Folds
from cytosurf.errors import InputError

ROUNDING_MM = 1e-5  # of float32 coordinates; a hundredth of a micrometre


def strip_folds(
    points_mm: npt.NDArray[np.floating],
    *,
    width_mm: float,
    gap_mm: float,
    n_folds: int = 5,
    axis: int = 0,
) -> Folds:
    """Cut points into strips of equal width and deal the strips to folds in turn.

    Parameters
    ----------
    points_mm : (n, d) ndarray
        Where the points lie.
    width_mm : float
        Width of a strip; the first begins at the smallest coordinate.
    gap_mm : float
        Points closer than this to a test point, along the axis, are not trained on. Between tiles
        of side s, a gap of one tile means 2 s from centre to centre.
    n_folds : int, optional
        Number of folds, at least 2.
    axis : int, optional
        The axis that strips follow each other along.

    Returns
    -------
    Folds
        Strip of each point as its block.

    Raises
    ------
    InputError
        If an option is out of range, there are fewer strips than folds, or a fold has nothing to
        train on.

    Examples
    --------
    >>> line = np.arange(6.0)[:, None]
    >>> folds = strip_folds(line, width_mm=2, gap_mm=2, n_folds=3)
    >>> folds.test(0).nonzero()[0].tolist(), folds.train(0).nonzero()[0].tolist()
    ([0, 1], [3, 4, 5])
    """
    points = np.asarray(points_mm, np.float64)
    if points.ndim != 2 or not len(points) or not np.isfinite(points).all():
        raise InputError("points_mm", f"shape {points.shape}", "(n, d) finite numbers")
    if not -points.shape[1] <= axis < points.shape[1]:
        raise InputError("axis", str(axis), f"0 to {points.shape[1] - 1}")
    if not 0 < width_mm < np.inf:
        raise InputError("width_mm", str(width_mm), "a width above 0 mm")
    if not 0 <= gap_mm < np.inf:
        raise InputError("gap_mm", str(gap_mm), "a distance of 0 mm or more")
    x = points[:, axis] - points[:, axis].min()
    block = np.floor((x + ROUNDING_MM) / width_mm).astype(np.int64)
    n_strips = len(np.unique(block))
    if not 2 <= n_folds <= min(n_strips, MAX_FOLDS):
        raise InputError(
            "n_folds",
            str(n_folds),
            f"2 to {n_strips}, the number of strips",
            "Or use thinner strips.",
        )
    fold = np.unique(block, return_inverse=True)[1] % n_folds
    near = np.stack([_near(x, np.sort(x[fold == k]), gap_mm) for k in range(n_folds)])
    return Folds(
        block.astype(np.int32), fold.astype(np.int8), near & (fold != np.arange(n_folds)[:, None])
    )


def _near(
    x: npt.NDArray[np.float64], tested: npt.NDArray[np.float64], gap_mm: float
) -> npt.NDArray[np.bool_]:
    """Return which values lie closer than the gap to one of the sorted tested values."""
    after = np.searchsorted(tested, x).clip(1, len(tested) - 1) if len(tested) > 1 else 0
    nearest = np.minimum(np.abs(x - tested[after]), np.abs(x - tested[np.maximum(after, 1) - 1]))
    near: npt.NDArray[np.bool_] = nearest < gap_mm - ROUNDING_MM
    return near
