"""Linear probe: how much of a classification a linear map of frozen features can say.

A balanced multinomial logistic regression on features that are standardised over the training
points of each fold (the softmax regression of the decoder, in float64), scored on held-out points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.estimator import SoftmaxRegression
from cytosurf.decoding.folds import Folds
from cytosurf.decoding.scores import confusion_counts, macro_f1, per_class_f1, pooled_macro_f1
from cytosurf.errors import InputError

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ProbeResult:
    """Predictions of held-out points, and what they score.

    Attributes
    ----------
    prediction : (n,) ndarray of int64
        Label predicted for each tested point, -1 elsewhere.
    counts : (n_folds, K, K) ndarray of int64
        Confusion counts over the classes asked for; truth in rows.
    macro_f1 : (n_folds,) ndarray of float64
        Of each fold, over the classes that occur in it.
    pooled_macro_f1 : float
        Over all classes asked for, counts of all folds together.
    f1 : (K,) ndarray of float64
        Of each class, counts of all folds together.
    """

    prediction: Int64
    counts: Int64
    macro_f1: Float64
    pooled_macro_f1: float
    f1: Float64


def linear_probe(
    features: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    folds: Folds,
    classes: Sequence[int],
    *,
    C: float = 1.0,
) -> ProbeResult:
    """Fit and score a linear classifier of features, fold by fold.

    Points of labels that are not asked for are neither trained on nor scored.

    Parameters
    ----------
    features : (n, d) or (n_folds, n, d) ndarray
        Features of all points; of three dimensions, those that fold k may see: of an encoder
        trained without its test points.
    labels : (n,) ndarray of int
        Label of each point, negative where there is none.
    folds : Folds
        Training and test points of each fold.
    classes : sequence of int
        Labels that are trained on and scored, at least two.
    C : float, optional
        Inverse strength of the L2 penalty.

    Returns
    -------
    ProbeResult

    Raises
    ------
    InputError
        If shapes do not fit, a feature is not finite, classes are repeated, or one of them has no
        training point in a fold.

    Examples
    --------
    >>> x = np.array([-2.0, -1, 1, 2, -2, -1, 1, 2])[:, None]
    >>> folds = Folds(block=[0, 0, 0, 0, 1, 1, 1, 1], fold=[0, 0, 0, 0, 1, 1, 1, 1])
    >>> linear_probe(x, np.array([3, 3, 5, 5, 3, 3, 5, 5]), folds, [3, 5]).pooled_macro_f1
    1.0
    """
    shape, n = np.shape(features), len(folds.block)
    if len(shape) not in (2, 3) or shape[:-1] not in ((n,), (folds.n_folds, n)):
        raise InputError("features", f"shape {shape}", f"({n}, d) or ({folds.n_folds}, {n}, d)")
    check_classes(labels, folds, classes)
    prediction = np.full(n, -1, np.int64)
    for k in range(folds.n_folds):
        of_fold = features if len(shape) == 2 else features[k]
        asked = np.isin(labels, classes)
        train, test = folds.train(k) & asked, folds.test(k)
        prediction[test] = fit_predict(of_fold[train], labels[train], of_fold[test], C=C)
    return score(prediction, labels, folds, classes)


def fit_predict(
    train: npt.NDArray[np.floating],
    labels: npt.NDArray[np.integer],
    test: npt.NDArray[np.floating],
    *,
    C: float = 1.0,
) -> Int64:
    """Return the labels that a balanced regression gives to test rows.

    Parameters
    ----------
    train : (n_train, d) ndarray
        Features to learn from, which also decide mean and SD; columns without variation are left.
    labels : (n_train,) ndarray of int
        Their labels.
    test : (n_test, d) ndarray
        Features to classify.
    C : float, optional
        Inverse strength of the L2 penalty.

    Raises
    ------
    InputError
        If a feature is not finite.
    """
    if not (np.isfinite(train).all() and np.isfinite(test).all()):
        raise InputError("features", "NaN or infinite values", "finite numbers")
    mean, sd = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    sd = np.where(sd > 0, sd, 1)
    model = SoftmaxRegression(C=C, class_weight="balanced").fit((train - mean) / sd, labels)
    predicted: Int64 = model.predict((test - mean) / sd).astype(np.int64)
    return predicted


def score(
    prediction: npt.NDArray[np.integer],
    labels: npt.NDArray[np.integer],
    folds: Folds,
    classes: Sequence[int],
) -> ProbeResult:
    """Score predictions of held-out points, however they were made.

    Parameters
    ----------
    prediction : (n,) ndarray of int
        Predicted label of each point, one of `classes` at every test point whose label is one.
    labels, folds, classes
        As for `linear_probe`.
    """
    truth, found = (_index(values, classes) for values in (labels, prediction))
    counts = confusion_counts(truth, found, folds.fold, folds.n_folds, len(classes))
    return ProbeResult(
        prediction=np.asarray(prediction, np.int64),
        counts=counts,
        macro_f1=macro_f1(counts),
        pooled_macro_f1=float(pooled_macro_f1(counts)),
        f1=per_class_f1(counts.sum(axis=0)),
    )


def check_classes(labels: npt.NDArray[np.integer], folds: Folds, classes: Sequence[int]) -> None:
    """Raise `InputError` unless there is a label for each point and each class can be learnt."""
    if np.shape(labels) != (len(folds.block),) or np.asarray(labels).dtype.kind not in "iu":
        raise InputError("labels", f"shape {np.shape(labels)}", f"{len(folds.block)} integers")
    if len(set(classes)) != len(classes) or len(classes) < 2 or min(classes) < 0:
        raise InputError("classes", f"{list(classes)}", "two or more different ones, 0 or larger")
    for k in range(folds.n_folds):
        missing = set(classes) - set(np.unique(labels[folds.train(k)]).tolist())
        if missing:
            raise InputError(
                "classes",
                f"no training point of {sorted(missing)} in fold {k}",
                "points of every class in the training of every fold",
                "Ask for other classes, fewer folds or a smaller gap.",
            )


def _index(labels: npt.NDArray[np.integer], classes: Sequence[int]) -> Int64:
    """Return the place of each label in the classes, -1 where it is none of them."""
    place = np.full(len(labels), -1, np.int64)
    for index, label in enumerate(classes):
        place[labels == label] = index
    return place
