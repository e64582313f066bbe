"""Statistics of a spin test that confusion counts are enough for, to be chosen after the spins.

A run keeps the confusion counts of every spin, so any score of them has a null distribution at no
further cost. Each statistic here is a function of the marginals of the counts, observed or spun,
and large values are good. A statistic that is chosen because its p is small has no valid p: the
macro-F1 is the one that was settled beforehand.

Scores of folds are averaged over the folds in which something was tested. `pooled_macro_f1` and
scores of one class are computed from the counts of all folds together; classes that a spin took
out of the analysed region are not averaged there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from cytosurf.decoding import scores
from cytosurf.decoding.marginals import Marginals, marginals
from cytosurf.errors import InputError, unknown_name

Float64 = npt.NDArray[np.float64]
Statistic = Callable[[Marginals], Float64]

DIFFERENCE = " difference"
N_NAMED = 40  # classes that an error names
OF_A_CLASS = ("f1", "precision", "recall")


def fold_mean(values: Float64) -> Float64:
    """Return the mean over folds, the last dimension, leaving out those without a value.

    Parameters
    ----------
    values : (..., n_folds) ndarray of float
        A score of each fold, NaN where nothing was tested.

    Returns
    -------
    (...) ndarray of float64
        NaN where nothing was tested in any fold.

    Examples
    --------
    >>> fold_mean(np.array([[0.25, np.nan, 0.75], [np.nan, np.nan, np.nan]])).tolist()
    [0.5, nan]
    """
    n_tested = (~np.isnan(values)).sum(axis=-1)
    total = np.nansum(values, axis=-1)
    mean = np.full(total.shape, np.nan)
    np.divide(total, n_tested, out=mean, where=n_tested > 0)
    return mean


def fold_mean_macro_f1(counts: npt.NDArray[np.integer] | Marginals) -> Float64:
    """Return the mean over folds of macro-F1: the default statistic, observed and under the null.

    Parameters
    ----------
    counts : (..., n_folds, K, K) ndarray of int, or Marginals of shape (..., n_folds, K)
        Confusion counts, or what F1 needs to know of them.

    Returns
    -------
    (...) ndarray of float64
        Folds in which nothing was tested are left out; NaN where nothing was tested in any.

    Examples
    --------
    >>> float(fold_mean_macro_f1(np.array([[[2, 0], [0, 2]], [[0, 0], [0, 0]]])))
    1.0
    """
    return fold_mean(scores.macro_f1(counts))


def pooled(of: Marginals) -> Marginals:
    """Return the marginals of all folds together: (..., n_folds, K) become (..., K)."""
    return Marginals(*(array.sum(axis=-2) for array in of))


def class_f1(counts: npt.NDArray[np.integer] | Marginals) -> Float64:
    """Return the F1 of each class over all folds; NaN where the class is not there.

    Parameters
    ----------
    counts : (..., n_folds, K, K) ndarray of int, or Marginals of shape (..., n_folds, K)
        Confusion counts, or what F1 needs to know of them.

    Returns
    -------
    (..., K) ndarray of float64
        The scores. A class without a tested vertex (a spin took it onto the medial wall) has none.

    Examples
    --------
    >>> class_f1(np.array([[[2, 0, 0], [1, 1, 0], [0, 0, 0]]])).round(3).tolist()
    [0.8, 0.667, nan]
    """
    together = pooled(counts if isinstance(counts, Marginals) else marginals(counts))
    return np.where(together.of_truth > 0, scores.per_class_f1(together), np.nan)


_FOLD_MEANS: dict[str, Statistic] = {
    "macro_f1": fold_mean_macro_f1,
    "accuracy": lambda of: fold_mean(scores.accuracy(of)),
    "balanced_accuracy": lambda of: fold_mean(scores.balanced_accuracy(of)),
    "mcc": lambda of: _where_tested(of, scores.mcc(of)),
    "kappa": lambda of: fold_mean(scores.kappa(of)),
}
STATISTICS: dict[str, Statistic] = _FOLD_MEANS | {
    "pooled_macro_f1": lambda of: scores.macro_f1(pooled(of)),
}


def is_of_a_class(name: str) -> bool:
    """Say whether a statistic is the score of one class, such as ``f1:V1``.

    Parameters
    ----------
    name : str
        As for `statistic_named`.
    """
    return name.partition(":")[0] in OF_A_CLASS


def statistic_named(name: str, keys: Sequence[int] = (), names: Sequence[str] = ()) -> Statistic:
    """Return a statistic by its name.

    Parameters
    ----------
    name : str
        ``macro_f1``, ``accuracy``, ``balanced_accuracy``, ``mcc``, ``kappa`` (means over folds),
        ``pooled_macro_f1``; or ``f1:CLASS``, ``precision:CLASS``, ``recall:CLASS`` of one class
        over all folds, by its name or key.
    keys, names : sequence of int, of str
        Keys and names of the classes, in the order of the counts.

    Returns
    -------
    callable
        From marginals (..., n_folds, K) to values (...). NaN where nothing of it was tested.

    Raises
    ------
    InputError
        If there is no such statistic, or no such class; the names are listed.

    Examples
    --------
    >>> of = marginals(np.array([[[2, 0], [1, 1]]]))
    >>> recall = statistic_named("recall:V1", keys=[3, 7], names=["V1", "V2"])
    >>> float(statistic_named("accuracy")(of)), float(recall(of))
    (0.75, 1.0)
    """
    if name in STATISTICS:
        return STATISTICS[name]
    score, colon, of_class = name.partition(":")
    if score not in OF_A_CLASS:
        raise unknown_name("--statistic", name, [*STATISTICS, *(f"{s}:CLASS" for s in OF_A_CLASS)])
    matches = [
        i
        for i, (key, text) in enumerate(zip(keys, names, strict=True))
        if of_class in (text, str(key))
    ]
    if not colon or len(matches) != 1:
        found = f"{len(matches)} classes called {of_class!r}" if colon else "no class"
        known = [f"{key} ({text})" for key, text in zip(keys, names, strict=True)]
        more = f" and {len(known) - N_NAMED} more" if len(known) > N_NAMED else ""
        expected = f"{score}:CLASS with the key or name of {', '.join(known[:N_NAMED])}{more}"
        raise InputError(f"--statistic {name}", found, expected)
    index = matches[0]
    return lambda of: _of_a_class(score, pooled(of), index)


def _of_a_class(score: str, of: Marginals, index: int) -> Float64:
    hits, of_truth, of_prediction = (array[..., index] for array in of)
    below = {"f1": of_truth + of_prediction, "precision": of_prediction, "recall": of_truth}[score]
    values = np.zeros(below.shape)
    np.divide(hits * (2 if score == "f1" else 1), below, out=values, where=below > 0)
    return np.where(of_truth > 0, values, np.nan)


def _where_tested(of: Marginals, values: Float64) -> Float64:
    """Return the mean over folds of a score that is 0, not NaN, where nothing was tested."""
    return fold_mean(np.where(of.of_truth.sum(axis=-1) > 0, values, np.nan))
