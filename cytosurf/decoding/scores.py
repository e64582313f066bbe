"""Scores of a decoder, computed from confusion counts.

Counts are all that leaves a worker, so every score here is a function of an array
``(..., K, K)`` with the truth in rows and the prediction in columns. Leading dimensions are free:
folds, feature sets and thousands of spins are scored in one call. Only sums over rows and columns
and the diagonal are taken, so that the counts, which may be large, are never copied.

Macro-F1 comes in two forms. `macro_f1` follows scikit-learn, which averages over the classes that
occur in the truth or in the prediction *of that fold*; a class that is nowhere in a fold is not
averaged there. `pooled_macro_f1` adds up the counts of all folds and averages over the fixed list
of K classes, whatever occurs. The first is the published score, the second compares across spins.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.folds import Folds
from cytosurf.decoding.marginals import Marginals, marginals
from cytosurf.errors import InputError

Counts = npt.NDArray[np.integer]
Float64 = npt.NDArray[np.float64]


def confusion_counts(
    truth: npt.NDArray[np.integer],
    prediction: npt.NDArray[np.integer],
    group: npt.NDArray[np.integer],
    n_groups: int,
    n_classes: int,
) -> npt.NDArray[np.int64]:
    """Count truth against prediction within groups: folds for scores, superblocks for intervals.

    Parameters
    ----------
    truth, prediction : (n,) ndarray of int
        Class index 0 to ``n_classes - 1`` of each vertex; vertices where any of the three arrays
        is negative are not counted.
    group : (n,) ndarray of int
        Group 0 to ``n_groups - 1`` of each vertex.
    n_groups, n_classes : int
        Size of the result.

    Returns
    -------
    (n_groups, n_classes, n_classes) ndarray of int64
        Number of vertices; truth in rows, prediction in columns.

    Raises
    ------
    InputError
        If a class or group is too large.

    Examples
    --------
    >>> confusion_counts(np.array([0, 1, 1]), np.array([0, 0, 1]), np.zeros(3, int), 1, 2).tolist()
    [[[1, 0], [1, 1]]]
    """
    counted = (truth >= 0) & (prediction >= 0) & (group >= 0)
    columns = [array[counted].astype(np.int64) for array in (group, truth, prediction)]
    shape = (n_groups, n_classes, n_classes)
    if any(column.max(initial=-1) >= n for column, n in zip(columns, shape, strict=True)):
        found = [int(column.max(initial=-1)) for column in columns]
        raise InputError("group, truth, prediction", f"numbers up to {found}", f"below {shape}")
    flat = np.ravel_multi_index(tuple(columns), shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)


def macro_f1(counts: Counts | Marginals) -> Float64:
    """Return the macro-averaged F1 over the classes that occur, as scikit-learn does.

    Equals ``sklearn.metrics.f1_score(truth, prediction, average="macro")``: a class takes part
    when it occurs in the truth or in the prediction.

    Parameters
    ----------
    counts : (..., K, K) ndarray of int, or Marginals of shape (..., K)
        Confusion counts, or what of them is asked for.

    Returns
    -------
    (...) ndarray of float64
        The score; NaN where nothing was counted.

    Examples
    --------
    >>> float(macro_f1(np.array([[2, 0, 0], [2, 0, 0], [0, 0, 0]])))
    0.3333333333333333
    """
    hits, of_truth, of_prediction = _marginals(counts)
    either = of_truth + of_prediction
    return _ratio(_f1(hits, either).sum(axis=-1), (either > 0).sum(axis=-1), np.nan)


def per_class_f1(counts: Counts | Marginals) -> Float64:
    """Return the F1 of each class, 0 where the class occurs in neither truth nor prediction.

    Parameters
    ----------
    counts : (..., K, K) ndarray of int, or Marginals of shape (..., K)
        Confusion counts, or what of them is asked for; add up the folds first for the pooled score
        of each class.

    Returns
    -------
    (..., K) ndarray of float64
        The scores.

    Examples
    --------
    >>> per_class_f1(np.array([[2, 0, 0], [1, 1, 0], [0, 0, 0]])).round(3).tolist()
    [0.8, 0.667, 0.0]
    """
    hits, of_truth, of_prediction = _marginals(counts)
    return _f1(hits, of_truth + of_prediction)


def pooled_macro_f1(counts: Counts) -> Float64:
    """Return the F1 of the counts of all folds together, averaged over the fixed list of classes.

    Parameters
    ----------
    counts : (..., n_folds, K, K) ndarray of int
        Confusion counts of each fold.

    Returns
    -------
    (...) ndarray of float64
        The mean of all K scores; a class that never occurs scores 0.

    Examples
    --------
    >>> float(pooled_macro_f1(np.array([[[1, 0], [0, 0]], [[0, 0], [1, 1]]])))
    0.6666666666666666
    """
    sums = (array.sum(axis=-2) for array in marginals(counts))
    hits, of_truth, of_prediction = sums
    pooled: Float64 = _f1(hits, of_truth + of_prediction).mean(axis=-1)
    return pooled


def accuracy(counts: Counts | Marginals) -> Float64:
    """Return the share of vertices predicted right; NaN where nothing was counted.

    Parameters
    ----------
    counts : (..., K, K) ndarray of int, or Marginals of shape (..., K)
        Confusion counts, or what of them is asked for.

    Returns
    -------
    (...) ndarray of float64
        The score.
    """
    hits, of_truth, _ = _marginals(counts)
    return _ratio(hits.sum(axis=-1), of_truth.sum(axis=-1), np.nan)


def balanced_accuracy(counts: Counts | Marginals) -> Float64:
    """Return the mean recall over the classes that occur in the truth, as scikit-learn does.

    Parameters
    ----------
    counts : (..., K, K) ndarray of int, or Marginals of shape (..., K)
        Confusion counts, or what of them is asked for.

    Returns
    -------
    (...) ndarray of float64
        The score; NaN where nothing was counted.
    """
    hits, of_truth, _ = _marginals(counts)
    recall = _ratio(hits, of_truth, 0.0)
    return _ratio(recall.sum(axis=-1), (of_truth > 0).sum(axis=-1), np.nan)


def mcc(counts: Counts | Marginals) -> Float64:
    """Return the multiclass Matthews correlation coefficient [1]_, as scikit-learn does.

    Parameters
    ----------
    counts : (..., K, K) ndarray of int, or Marginals of shape (..., K)
        Confusion counts, or what of them is asked for.

    Returns
    -------
    (...) ndarray of float64
        The score, -1 to 1; 0 where truth or prediction holds a single class.

    References
    ----------
    .. [1] Gorodkin, 2004, Comput Biol Chem 28:367.

    Examples
    --------
    >>> float(mcc(np.array([[1, 0], [1, 2]]))).__round__(4)
    0.5774
    """
    hits, of_truth, of_prediction = _marginals(counts)
    n = of_truth.sum(axis=-1)
    together = hits.sum(axis=-1) * n - (of_truth * of_prediction).sum(axis=-1)
    spread = (n**2 - (of_truth**2).sum(axis=-1)) * (n**2 - (of_prediction**2).sum(axis=-1))
    return _ratio(together, np.sqrt(spread), 0.0)


def kappa(counts: Counts | Marginals) -> Float64:
    """Return Cohen's kappa [1]_, as scikit-learn does: accuracy beyond that of chance.

    Parameters
    ----------
    counts : (..., K, K) ndarray of int, or Marginals of shape (..., K)
        Confusion counts, or what of them is asked for.

    Returns
    -------
    (...) ndarray of float64
        The score, at most 1; NaN where truth and prediction hold one class alone, or nothing was
        counted.

    References
    ----------
    .. [1] Cohen, 1960, Educ Psychol Meas 20:37.

    Examples
    --------
    >>> float(kappa(np.array([[1, 0], [1, 2]])))
    0.5
    """
    hits, of_truth, of_prediction = _marginals(counts)
    n = of_truth.sum(axis=-1)
    by_chance = (of_truth * of_prediction).sum(axis=-1)
    return _ratio(n * hits.sum(axis=-1) - by_chance, n**2 - by_chance, np.nan)


def log_loss(truth: npt.NDArray[np.integer], probability: npt.NDArray[np.floating]) -> float:
    """Return the mean of minus the logarithm of the probability given to the true class.

    As in scikit-learn, probabilities are first clipped to ``[eps, 1 - eps]`` with the machine
    precision of their own type, so that a class held impossible costs 36 in float64, 16 in
    float32 and 7 in float16. Score what the model gave, not what was stored.

    Parameters
    ----------
    truth : (n,) ndarray of int
        Class index of each vertex, 0 to K - 1.
    probability : (n, K) ndarray of float
        Probabilities; the columns of classes absent from training are 0.

    Returns
    -------
    float
        The loss; smaller is better.

    Raises
    ------
    InputError
        If the shapes do not fit, there is no vertex, or a class index is not 0 to K - 1.

    Examples
    --------
    >>> round(log_loss(np.array([0, 1]), np.array([[0.5, 0.5], [0.0, 1.0]])), 4)
    0.3466
    """
    if probability.ndim != 2 or truth.shape != probability.shape[:1] or not len(truth):
        raise InputError(
            "log-loss", f"shapes {truth.shape} and {probability.shape}", "(n,) and (n, K), n > 0"
        )
    if truth.min() < 0 or truth.max() >= probability.shape[1]:
        raise InputError(
            "log-loss",
            f"classes {truth.min()} to {truth.max()}",
            f"0 to {probability.shape[1] - 1}, one per column",
        )
    eps = np.finfo(probability.dtype).eps
    given = np.clip(probability[np.arange(len(truth)), truth], eps, 1 - eps)
    return float(-np.log(given.astype(np.float64)).mean())


def mean_sd(scores: npt.NDArray[np.floating]) -> tuple[Float64, Float64]:
    """Return mean and standard deviation over folds (the last dimension), dividing by n.

    For a paired difference of two feature sets, give the difference of their scores fold by fold:
    the folds are the same, and what makes a fold hard for both cancels.

    Parameters
    ----------
    scores : (..., n_folds) ndarray of float
        One score per fold.

    Returns
    -------
    mean, sd : (...) ndarray of float64
        ``sd`` is that of the folds as they are (``ddof=0``), as in the published tables. It is not
        the uncertainty of the mean: see `cytosurf.decoding.bootstrap` for that.

    Examples
    --------
    >>> [float(value) for value in mean_sd(np.array([0.2, 0.4]))]
    [0.30000000000000004, 0.1]
    """
    return np.mean(scores, axis=-1, dtype=np.float64), np.std(scores, axis=-1, dtype=np.float64)


def class_counts(
    truth: npt.NDArray[np.integer], folds: Folds, n_classes: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the vertices of each class that each fold trains on and tests.

    A class that a fold does not train on is never predicted there. ``(train == 0).sum()`` is the
    number of such (fold, class) pairs, ``np.argwhere(train == 0)`` lists them; the same for test.

    Parameters
    ----------
    truth : (n_vertices,) ndarray of int
        Class index of each vertex, negative where there is none.
    folds : Folds
        The folds.
    n_classes : int
        Number of classes.

    Returns
    -------
    train, test : (n_folds, n_classes) ndarray of int64
        Number of vertices.

    Examples
    --------
    >>> folds = Folds(block=[0, 0, 1, 2], fold=[0, 0, 1, 1])
    >>> train, test = class_counts(np.array([0, 0, 0, 1]), folds, 2)
    >>> train.tolist(), test.tolist()
    ([[1, 1], [2, 0]], [[2, 0], [1, 1]])
    """

    def count(rows: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        return np.bincount(truth[rows & (truth >= 0)], minlength=n_classes)

    train = np.stack([count(folds.train(k)) for k in range(folds.n_folds)])
    test = np.stack([count(folds.test(k)) for k in range(folds.n_folds)])
    return train, test


def prior_reference(
    train: npt.NDArray[np.int64], test: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], Float64]:
    """Score the decoder that knows nothing but how frequent the classes are in training.

    Equals ``sklearn.dummy.DummyClassifier(strategy="prior")`` fitted in each fold: it always
    predicts the most frequent training class (the first of equals), with the class frequencies
    as probabilities.

    Parameters
    ----------
    train, test : (n_folds, K) ndarray of int
        Vertices of each class, from `class_counts`.

    Returns
    -------
    counts : (n_folds, K, K) ndarray of int64
        Confusion counts.
    log_loss : (n_folds,) ndarray of float64
        Log-loss of each fold; NaN where a fold tests no labelled vertex.

    Examples
    --------
    >>> counts, loss = prior_reference(np.array([[3, 1]]), np.array([[1, 1]]))
    >>> counts.tolist(), loss.round(4).tolist()
    ([[[1, 0], [1, 0]]], [0.837])
    """
    n_folds, n_classes = train.shape
    counts = np.zeros((n_folds, n_classes, n_classes), np.int64)
    counts[np.arange(n_folds), :, train.argmax(axis=1)] = test
    eps = np.finfo(np.float64).eps
    prior = np.clip(_ratio(train, train.sum(axis=1, keepdims=True), 0.0), eps, 1 - eps)
    return counts, _ratio(-(test * np.log(prior)).sum(axis=1), test.sum(axis=1), np.nan)


def _marginals(counts: Counts | Marginals) -> Marginals:
    return counts if isinstance(counts, Marginals) else marginals(counts)


def _f1(hits: Float64, of_either: Float64) -> Float64:
    return _ratio(2 * hits, of_either, 0.0)


def _ratio(above: npt.ArrayLike, below: npt.ArrayLike, undefined: float) -> Float64:
    """Divide, giving `undefined` where the divisor is 0."""
    above, below = np.asarray(above, np.float64), np.asarray(below, np.float64)
    result = np.full(np.broadcast_shapes(above.shape, below.shape), undefined)
    np.divide(above, below, out=result, where=below != 0)
    return result
