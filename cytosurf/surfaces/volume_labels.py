"""From volumes to labels of vertices: the vote of the depths, and the largest loading."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.volume import N_SAMPLES, PointWarp, points_between, samples_at
from cytosurf.surfaces.volume_image import Volume

MAX_LABEL = 2**24  # volumes are read as float32, in which larger whole numbers merge


def sample_labels(
    image: Any,
    white: Mesh,
    pial: Mesh,
    *,
    n_samples: int = N_SAMPLES,
    warp: PointWarp | None = None,
) -> npt.NDArray[np.int32]:
    """Give each vertex the label that most samples between white and pial have.

    Parameters
    ----------
    image : nibabel image or path-like
        One volume of whole numbers, 0 for background.
    white, pial, n_samples, warp
        As for `sample_volume`.

    Returns
    -------
    (n_vertices,) ndarray of int32
        0 where every sample is background or outside the image; background does not vote
        otherwise, and a tie goes to the smallest label.

    Raises
    ------
    InputError
        As for `sample_volume`; also if there are several volumes, or values that are not whole
        numbers of 0 or more.
    """
    volume = Volume.open(image)
    if volume.n_volumes > 1:
        raise InputError(
            volume.where,
            f"{volume.n_volumes} volumes",
            "one volume of labels",
            "Probabilities, one volume per region, become labels by their largest value.",
        )
    depths = points_between(white, pial, n_samples)
    points = np.concatenate(depths)
    votes = samples_at(volume, points, len(points), order=0, warp=warp).values
    labels = np.nan_to_num(votes.reshape(len(depths), -1).T)
    if (labels < 0).any() or not np.array_equal(np.rint(labels), labels):
        raise InputError(
            volume.where,
            f"the value {labels[(labels < 0) | (np.rint(labels) != labels)][0]:g}",
            "labels: whole numbers of 0 or more",
            "Sample it as a map, not as labels.",
        )
    if labels.max() > MAX_LABEL:
        raise InputError(
            volume.where, f"label {labels.max():.0f}", f"labels up to {MAX_LABEL:,}", "Recode them."
        )
    return majority_label(labels.astype(np.int32))


def labels_from_loadings(loadings: npt.ArrayLike, threshold: float = 0.0) -> npt.NDArray[np.int32]:
    """Give each vertex the component with the largest loading above a threshold.

    Parameters
    ----------
    loadings : (n_vertices, n_components) array_like
        Loadings, or probabilities of regions. NaN counts as no loading.
    threshold : float, optional
        Only larger values make a label. A probability of 0.5 or more, for instance, leaves
        vertices where no region is likelier than the rest unassigned.

    Returns
    -------
    (n_vertices,) array of int32
        1 for the first component and so on, the first of equal ones; 0 where no loading is above
        the threshold.

    Raises
    ------
    InputError
        If the loadings are no table, or the threshold is negative or not finite.

    Examples
    --------
    >>> labels_from_loadings([[0.1, 0.3], [0.2, 0.2], [0.0, -1.0]]).tolist()
    [2, 1, 0]
    >>> labels_from_loadings([[0.1, 0.3], [0.2, 0.2], [0.0, -1.0]], threshold=0.25).tolist()
    [2, 0, 0]
    """
    values = np.asarray(loadings, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError("loadings", f"shape {values.shape}", "(n_vertices, n_components)")
    if not 0 <= threshold < np.inf:
        raise InputError("threshold", f"{threshold:g}", "a number of 0 or more")
    values = np.where(np.isnan(values), -np.inf, values)
    keys: npt.NDArray[np.int32] = np.where(
        values.max(axis=1) > threshold, values.argmax(axis=1) + 1, 0
    ).astype(np.int32)
    return keys


def majority_label(votes: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """Return the label above 0 that most columns of a row have; the smallest on a tie, or 0.

    Parameters
    ----------
    votes : (n_vertices, n_votes) ndarray of int
        A label in each column; 0 does not vote.

    Returns
    -------
    (n_vertices,) ndarray of int32

    Examples
    --------
    >>> majority_label(np.array([[0, 0, 0], [7, 0, 0], [5, 2, 0], [9, 9, 2]])).tolist()
    [0, 7, 2, 9]
    """
    ordered = np.sort(votes, axis=1)
    counts = np.zeros(ordered.shape, dtype=np.int64)
    for column in range(ordered.shape[1]):
        counts += ordered == ordered[:, [column]]
    best = np.where(ordered > 0, counts, 0).argmax(axis=1)  # the first is the smallest label
    winners: npt.NDArray[np.int32] = ordered[np.arange(len(ordered)), best].astype(np.int32)
    winners[ordered[:, -1] == 0] = 0
    return winners
