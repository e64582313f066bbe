"""Two decoders on the same labels: where they differ, and how sure they are there."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.crossval import UNLABELLED, Decoder, fold_fits
from cytosurf.decoding.scores import confusion_counts, macro_f1

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Held-out predictions of one decoder.

    Attributes
    ----------
    fold : (n_vertices,) int32
        Fold that tests each vertex, -1 where none does.
    prediction : (n_vertices,) int32
        Class index, -1 where nothing was tested.
    gap : (n_vertices,) float32
        Highest probability less the second highest, 1 where there is one class alone.
    n_unconverged : int
        Folds whose fit did not meet its stopping rule.
    cpu_s : float
        CPU seconds of all folds.
    """

    fold: npt.NDArray[np.int32]
    prediction: npt.NDArray[np.int32]
    gap: npt.NDArray[np.float32]
    n_unconverged: int
    cpu_s: float


@dataclass(frozen=True, eq=False)
class Agreement:
    """Two decoders on one label vector.

    Attributes
    ----------
    f1_difference : (n_folds,) float64
        Of macro-F1, in absolute value; NaN where nothing was tested.
    n_tested : int
        Vertices tested.
    gaps : (n_different,) float32
        The reference's gap of probabilities at each vertex that is predicted otherwise.
    n_unconverged, n_reference_unconverged : int
        Folds whose fit did not meet its stopping rule.
    cpu_s, reference_cpu_s : float
        CPU seconds of all folds.
    """

    f1_difference: Float64
    n_tested: int
    gaps: npt.NDArray[np.float32]
    n_unconverged: int
    n_reference_unconverged: int
    cpu_s: float
    reference_cpu_s: float


def hold_out(decoder: Decoder, label: npt.NDArray[np.integer], n_classes: int) -> HeldOut:
    """Cross-validate a decoder on one label vector, and time it.

    Parameters
    ----------
    decoder : Decoder
        From `cytosurf.decoding.make_decoder`.
    label : (n_vertices,) array of int
        Class index of each vertex, -1 where there is none.
    n_classes : int
        Number of classes.
    """
    fold = np.full(decoder.n_vertices, UNLABELLED, np.int32)
    prediction = np.full(decoder.n_vertices, UNLABELLED, np.int32)
    gap = np.ones(decoder.n_vertices, np.float32)
    n_unconverged = 0
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        start = time.process_time()
        fits = list(fold_fits(decoder, label, n_classes))
        cpu_s = time.process_time() - start
    for k, (vertices, fit) in enumerate(fits):
        fold[vertices] = k
        prediction[vertices] = fit.prediction
        gap[vertices] = top_two_gap(fit.probabilities())
        n_unconverged += not fit.converged
    n_unconverged += sum(_says_unconverged(warning) for warning in caught)
    return HeldOut(fold, prediction, gap, n_unconverged, cpu_s)


def _says_unconverged(warning: warnings.WarningMessage) -> bool:
    from sklearn.exceptions import ConvergenceWarning

    # Rounding may end scikit-learn's L-BFGS at the minimum before its own rule does ("ABNORMAL").
    return issubclass(warning.category, ConvergenceWarning) and "ABNORMAL" not in str(
        warning.message
    )


def top_two_gap(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the highest probability less the second highest of each row.

    Examples
    --------
    >>> top_two_gap(np.array([[0.25, 0.5, 0.25]], np.float32)).tolist()
    [0.25]
    """
    if probability.shape[1] == 1:
        return np.ones(len(probability), np.float32)
    highest = np.partition(probability, -2, axis=1)[:, -2:]
    gap: npt.NDArray[np.float32] = highest[:, 1] - highest[:, 0]
    return gap


def compare(
    label: npt.NDArray[np.integer], ours: HeldOut, reference: HeldOut, n_folds: int, n_classes: int
) -> Agreement:
    """Compare held-out predictions of the same labels in the same folds.

    Parameters
    ----------
    label : (n_vertices,) array of int
        The true classes.
    ours, reference : HeldOut
        From `hold_out`.
    n_folds, n_classes : int
        Folds and classes.
    """
    ours_f1, reference_f1 = (
        macro_f1(confusion_counts(label, held.prediction, held.fold, n_folds, n_classes))
        for held in (ours, reference)
    )
    different = ours.prediction != reference.prediction
    return Agreement(
        np.abs(ours_f1 - reference_f1),
        int((reference.fold >= 0).sum()),
        reference.gap[different],
        ours.n_unconverged,
        reference.n_unconverged,
        ours.cpu_s,
        reference.cpu_s,
    )
