"""How well people sort tiles into regions, and how far they agree with each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.scores import accuracy, confusion_counts, kappa, per_class_f1
from cytosurf.histology.xray_labels import RATED_CLASSES, RatedSet

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RaterScores:
    """Scores of one set of tiles.

    Attributes
    ----------
    f1 : (n_raters, n_classes) ndarray of float64
        F1 of each class against the key.
    macro_f1, accuracy, kappa : (n_raters,) ndarray of float64
        Against the key.
    agreement, agreement_kappa : (n_pairs,) ndarray of float64
        Share of tiles of the same answer, and Cohen's kappa, of every two raters: first and
        second, first and third, and so on.
    """

    f1: Float64
    macro_f1: Float64
    accuracy: Float64
    kappa: Float64
    agreement: Float64
    agreement_kappa: Float64


def rater_scores(rated: RatedSet, n_classes: int = len(RATED_CLASSES)) -> RaterScores:
    """Score the answers of raters against the key and against each other.

    Parameters
    ----------
    rated : RatedSet
        Key and answers.
    n_classes : int, optional
        Number of classes.

    Returns
    -------
    RaterScores

    Examples
    --------
    >>> scores = rater_scores(RatedSet(np.array([0, 0, 1, 1]), np.array([[0, 0, 1, 0]])), 2)
    >>> scores.f1.round(3).tolist(), scores.accuracy.tolist(), scores.kappa.tolist()
    ([[0.8, 0.667]], [0.75], [0.5])
    """
    pairs = np.array(list(combinations(range(len(rated.answers)), 2)), np.int64).reshape(-1, 2)
    against_key = _counts(np.broadcast_to(rated.key, rated.answers.shape), rated.answers, n_classes)
    each_other = _counts(rated.answers[pairs[:, 0]], rated.answers[pairs[:, 1]], n_classes)
    f1 = per_class_f1(against_key)
    return RaterScores(
        f1=f1,
        macro_f1=f1.mean(axis=-1),
        accuracy=accuracy(against_key),
        kappa=kappa(against_key),
        agreement=accuracy(each_other),
        agreement_kappa=kappa(each_other),
    )


def _counts(
    truth: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], n_classes: int
) -> npt.NDArray[np.int64]:
    n, size = answers.shape
    group = np.repeat(np.arange(n), size)
    return confusion_counts(truth.ravel(), answers.ravel(), group, n, n_classes)
