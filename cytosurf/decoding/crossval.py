"""Cross-validated decoding of one label vector from one feature set.

A `Decoder` is what stays the same while labels change: the features of the analysed vertices, the
folds, and the classifier. `decode_labels` runs it on the observed labels and `count_labels` on
spun ones. Both fit through `fold_fits`, so that an observed score is never compared with a null of
another making.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.fitters import BatchFitter, ClassifierFitter, Fitter, FoldFit, softmax_fitter
from cytosurf.decoding.folds import Folds
from cytosurf.decoding.scores import confusion_counts, log_loss
from cytosurf.errors import InputError

UNLABELLED = -1


@dataclass(frozen=True, eq=False)
class Decoder:
    """Features, folds and a classifier, ready for any number of label vectors.

    Built by `make_decoder`.

    Attributes
    ----------
    rows : (n_rows,) int64
        The analysed vertices: the feature mask.
    train, test : (n_folds, n_rows) bool
        Membership of each analysed vertex in each fold.
    n_vertices : int
        Vertices of the space, all hemispheres.
    fitter : Fitter
        The classifier.
    """

    rows: npt.NDArray[np.int64]
    train: npt.NDArray[np.bool_]
    test: npt.NDArray[np.bool_]
    n_vertices: int
    fitter: Fitter

    @cached_property
    def trained(self) -> npt.NDArray[np.bool_]:
        """Analysed vertices that train in any fold, (n_rows,)."""
        return np.asarray(self.train.any(axis=0))

    @cached_property
    def tested(self) -> list[npt.NDArray[np.int64]]:
        """The analysed vertices that each fold tests, as rows."""
        return [np.flatnonzero(fold) for fold in self.test]


@dataclass(frozen=True, eq=False)
class DecodingResult:
    """What cross-validation of one feature set on one label vector gave.

    Attributes
    ----------
    counts : (n_folds, K, K) int64
        Confusion counts of each test fold; rows are true classes, columns predicted ones.
    prediction : (n_vertices,) int32
        Held-out prediction (class index), -1 where nothing was tested.
    probability : (n_vertices, K) float16
        Held-out probabilities, 0 where nothing was tested.
    log_loss : (n_folds,) float64
        Log-loss of each test fold, from the float32 probabilities.
    absent : (n_folds, K) bool
        Classes without a training vertex: never predicted in that fold.
    converged : bool
        Whether every fit met its stopping rule.
    """

    counts: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int32]
    probability: npt.NDArray[np.float16]
    log_loss: npt.NDArray[np.float64]
    absent: npt.NDArray[np.bool_]
    converged: bool


def make_decoder(
    features: npt.NDArray[np.floating],
    folds: Folds,
    *,
    C: float = 1.0,
    classifier: Any = None,
    device: str = "cpu",
) -> Decoder:
    """Prepare the decoding of label vectors from `features`.

    Parameters
    ----------
    features : (n_vertices, n_features) array
        Features of all vertices; only those of ``folds.mask`` are looked at.
    folds : Folds
        Which vertices train and which are tested in each fold.
    C : float
        Inverse strength of the penalty of the softmax regression.
    classifier : scikit-learn classifier, optional
        Used instead of the softmax regression: cloned for each fold and fitted on features
        standardised over the training vertices. It must have ``predict_proba``.
    device : {"cpu", "cuda", "torch-cpu"}
        Where the softmax regression is fitted, see `cytosurf.decoding.torch_device.check_device`.

    Returns
    -------
    Decoder

    Raises
    ------
    InputError
        If the features are no matrix or its rows are not the folds', an analysed value is not
        finite, `C` is not above 0, the classifier gives no probabilities, or the device is not
        there.

    Examples
    --------
    >>> import numpy as np
    >>> folds = Folds(block=[0, 0, 1, 1, 2, 2, 3, 3], fold=[0, 0, 0, 0, 1, 1, 1, 1])
    >>> x = np.array([-2.0, -1, 1, 2, -2, -1, 1, 2])[:, None]
    >>> decoder = make_decoder(x, folds)
    >>> decode_labels(decoder, np.array([0, 0, 1, 1, 0, 0, 1, 1]), 2).counts.sum(axis=0).tolist()
    [[4, 0], [0, 4]]
    """
    if features.ndim != 2 or len(features) != len(folds.block):
        found, expected = f"shape {features.shape}", f"({len(folds.block)}, n_features)"
        raise InputError("features", found, expected)
    if not 0 < C < np.inf:
        raise InputError("C", str(C), "a number above 0")
    if classifier is not None and not hasattr(classifier, "predict_proba"):
        raise InputError("classifier", repr(classifier), "a classifier with predict_proba")
    rows = np.flatnonzero(folds.mask)
    matrix = np.asarray(features[rows], dtype=np.float64)
    if not np.isfinite(matrix).all():
        raise InputError(
            "features", "NaN or infinite values inside the mask", "finite values", "Mask them."
        )
    train = np.stack([folds.train(k)[rows] for k in range(folds.n_folds)])
    test = np.stack([folds.test(k)[rows] for k in range(folds.n_folds)])
    fitter: Fitter
    if classifier is not None:
        fitter = ClassifierFitter(matrix, classifier)
    else:
        fitter = softmax_fitter(matrix, folds.fold[rows], C, device)
    return Decoder(rows, train, test, len(features), fitter)


def decode_labels(
    decoder: Decoder, label: npt.NDArray[np.integer], n_classes: int
) -> DecodingResult:
    """Cross-validate `decoder` on one label vector, keeping everything about each vertex.

    Parameters
    ----------
    decoder : Decoder
        From `make_decoder`.
    label : (n_vertices,) array of int
        Class index of each vertex, 0 to ``n_classes - 1``, or -1 where there is none. Vertices
        outside the decoder's rows are ignored.
    n_classes : int
        Number of classes K, present or not.

    Returns
    -------
    DecodingResult

    Raises
    ------
    InputError
        If the label vector has another length or other numbers, or a fold has no labelled
        training vertex.
    """
    n_folds = len(decoder.train)
    fold = np.full(decoder.n_vertices, UNLABELLED, np.int32)
    prediction = np.full(decoder.n_vertices, UNLABELLED, np.int32)
    probability = np.zeros((decoder.n_vertices, n_classes), np.float16)
    losses = np.full(n_folds, np.nan)
    absent = np.ones((n_folds, n_classes), bool)
    converged = True
    for k, (vertices, fit) in enumerate(fold_fits(decoder, label, n_classes)):
        fold[vertices] = k
        prediction[vertices] = fit.prediction
        of_all = np.zeros((len(vertices), n_classes), np.float32)
        of_all[:, fit.classes] = fit.probabilities()
        probability[vertices] = of_all
        if len(vertices):
            losses[k] = log_loss(label[vertices], of_all)
        absent[k, fit.classes] = False
        converged &= fit.converged
    counts = confusion_counts(label, prediction, fold, n_folds, n_classes)
    return DecodingResult(counts, prediction, probability, losses, absent, converged)


class LabelCounts(NamedTuple):
    """What a null distribution needs of the cross-validation of one label vector.

    Attributes
    ----------
    counts : (n_folds, K, K) int64
        Confusion counts; truth in rows, prediction in columns.
    correct : (n_vertices,) bool
        Where the held-out prediction was right.
    n_unconverged : int
        Folds whose fit ended before its stopping rule was met.
    """

    counts: npt.NDArray[np.int64]
    correct: npt.NDArray[np.bool_]
    n_unconverged: int


def count_labels(decoder: Decoder, label: npt.NDArray[np.integer], n_classes: int) -> LabelCounts:
    """Cross-validate `decoder` on one label vector, keeping what a null distribution needs.

    Parameters
    ----------
    decoder, label, n_classes
        As for `decode_labels`.

    Returns
    -------
    LabelCounts
        Counts are equal to those of `decode_labels`.
    """
    n_unconverged = 0
    counts = np.zeros((len(decoder.train), n_classes, n_classes), np.int64)
    correct = np.zeros(decoder.n_vertices, bool)
    for k, (vertices, fit) in enumerate(fold_fits(decoder, label, n_classes)):
        truth, prediction = label[vertices].astype(np.int64), fit.prediction
        pairs = np.bincount(truth * n_classes + prediction, minlength=n_classes**2)
        counts[k] = pairs.reshape(n_classes, n_classes)
        correct[vertices] = truth == prediction
        n_unconverged += not fit.converged
    return LabelCounts(counts, correct, n_unconverged)


def count_many(
    decoder: Decoder, labels: npt.NDArray[np.integer], n_classes: int
) -> Iterator[LabelCounts]:
    """Cross-validate `decoder` on many label vectors: on a GPU together, else one by one.

    Parameters
    ----------
    decoder, n_classes
        As for `decode_labels`.
    labels : (n, n_vertices) array of int
        Label vectors.

    Yields
    ------
    LabelCounts
        Of each label vector, as from `count_labels`.

    Raises
    ------
    InputError
        As from `decode_labels`.
    """
    if not isinstance(decoder.fitter, BatchFitter):
        for label in labels:
            yield count_labels(decoder, label, n_classes)
        return
    of_rows = np.stack([_row_labels(decoder, label, n_classes) for label in labels])
    found = decoder.fitter.count_many(of_rows, decoder.train, decoder.test, n_classes)
    for counts, right, n_unconverged in zip(*found, strict=True):
        correct = np.zeros(decoder.n_vertices, bool)
        correct[decoder.rows] = right
        yield LabelCounts(counts, correct, int(n_unconverged))


def fold_fits(
    decoder: Decoder, label: npt.NDArray[np.integer], n_classes: int
) -> Iterator[tuple[npt.NDArray[np.int64], FoldFit]]:
    """Fit the folds one after the other: what all scores of a label vector are made from.

    Parameters
    ----------
    decoder, label, n_classes
        As for `decode_labels`.

    Yields
    ------
    vertices : (n_test,) int64
        Vertices of the space that the fold tests.
    fit : FoldFit
        The classifier, applied to them.

    Raises
    ------
    InputError
        As from `decode_labels`.
    """
    row_label = _row_labels(decoder, label, n_classes)
    labelled = row_label != UNLABELLED
    state = decoder.fitter.start(row_label, decoder.trained & labelled)
    for train, rows in zip(decoder.train, decoder.tested, strict=True):
        tested = rows[labelled[rows]]
        fit = decoder.fitter.fit(row_label, train & labelled, tested, state)
        yield decoder.rows[tested], fit


def _row_labels(
    decoder: Decoder, label: npt.NDArray[np.integer], n_classes: int
) -> npt.NDArray[np.int64]:
    """Return the labels of the analysed vertices, having checked that all folds can be fitted."""
    if label.shape != (decoder.n_vertices,):
        raise InputError("labels", f"shape {label.shape}", f"({decoder.n_vertices},)")
    row_label = np.asarray(label[decoder.rows], dtype=np.int64)
    if not UNLABELLED <= row_label.min() <= row_label.max() < n_classes:
        found = f"class indices {row_label.min()} to {row_label.max()}"
        raise InputError("labels", found, f"{UNLABELLED} to {n_classes - 1}")
    untrained = ~(decoder.train & (row_label != UNLABELLED)).any(axis=1)
    if untrained.any():
        found = f"no labelled training vertex in fold {untrained.argmax()}"
        raise InputError("folds", found, "labels in every fold")
    return row_label
