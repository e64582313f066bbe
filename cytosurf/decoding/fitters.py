"""Classifiers behind one small interface: training and test rows in, held-out probabilities out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.design import Design, make_design
from cytosurf.decoding.softmax import fit_softmax, make_start, predict_class, predict_probability


@dataclass(frozen=True, eq=False)
class FoldFit:
    """A classifier fitted in one fold, applied to the fold's test rows.

    Attributes
    ----------
    classes : (n_present,) int64
        Classes with a training vertex.
    prediction : (n_test,) int64
        The most probable class of every test row, the first of equal ones.
    converged : bool
        Whether the fit met its stopping rule.
    probabilities : callable
        Computes the held-out probabilities, which spins do not need: (n_test, n_present) float32,
        columns in the order of `classes`.
    """

    classes: npt.NDArray[np.int64]
    prediction: npt.NDArray[np.int64]
    converged: bool
    probabilities: Callable[[], npt.NDArray[np.float32]]

    @classmethod
    def of_probability(
        cls,
        classes: npt.NDArray[np.int64],
        probability: npt.NDArray[np.float32],
        *,
        converged: bool,
    ) -> FoldFit:
        """Return the fit of a classifier that gave these held-out probabilities."""
        return cls(classes, classes[probability.argmax(axis=1)], converged, lambda: probability)


class Fitter(Protocol):
    """A classifier on fixed features: training and test rows in, a `FoldFit` out."""

    def start(self, label: npt.NDArray[np.int64], rows: npt.NDArray[np.bool_]) -> Any:
        """Return what the fits of all folds start from, given the training rows of any fold."""

    def fit(
        self,
        label: npt.NDArray[np.int64],
        train: npt.NDArray[np.bool_],
        test: npt.NDArray[np.int64],
        state: Any,
    ) -> FoldFit:
        """Fit on the rows where `train` is true and predict the rows numbered `test`."""


@runtime_checkable
class BatchFitter(Fitter, Protocol):
    """A classifier that is faster for many label vectors together than one after the other."""

    def count_many(
        self,
        labels: npt.NDArray[np.integer],
        train: npt.NDArray[np.bool_],
        test: npt.NDArray[np.bool_],
        n_classes: int,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Return for each of `labels` counts, rows predicted right, and fits not converged."""


def softmax_fitter(
    matrix: npt.NDArray[np.float64], fold: npt.NDArray[np.integer], C: float, device: str
) -> Fitter:
    """Return the softmax regression of `cytosurf.decoding.softmax`, or the same in torch.

    Parameters
    ----------
    matrix : (n_rows, n_features) float64
        Features.
    fold : (n_rows,) array of int
        Test fold of each row.
    C : float
        Inverse strength of the penalty.
    device : {"cpu", "cuda", "torch-cpu"}
        Where it is fitted.

    Raises
    ------
    InputError
        If the device is not there.
    """
    design = make_design(matrix, fold)
    if device == "cpu":
        return SoftmaxFitter(design, C)
    from cytosurf.decoding.torch_device import check_device

    check_device(device)
    from cytosurf.decoding.torch_softmax import TorchFitter

    slots = design.x.transpose(0, 2, 1).reshape(-1, design.x.shape[1])
    return TorchFitter(slots[design.row_slot], C, device)


@dataclass(frozen=True, eq=False)
class SoftmaxFitter:
    """The softmax regression; each fold starts from one fit to the rows of all."""

    design: Design
    C: float

    def start(self, label: npt.NDArray[np.int64], rows: npt.NDArray[np.bool_]) -> Any:
        """Fit the rows of all folds, loosely."""
        return make_start(self.design, label, rows, C=self.C)

    def fit(
        self,
        label: npt.NDArray[np.int64],  # noqa: ARG002
        train: npt.NDArray[np.bool_],
        test: npt.NDArray[np.int64],
        state: Any,
    ) -> FoldFit:
        """Fit the training rows of a fold from there."""
        fit = fit_softmax(state, train, C=self.C)
        probabilities = partial(predict_probability, self.design, fit, test)
        prediction = predict_class(self.design, fit, test)
        return FoldFit(fit.classes, prediction, fit.converged, probabilities)


@dataclass(frozen=True, eq=False)
class ClassifierFitter:
    """Any scikit-learn classifier, behind a `StandardScaler` fitted on the training rows."""

    matrix: npt.NDArray[np.float64]
    classifier: Any

    def start(self, label: npt.NDArray[np.int64], rows: npt.NDArray[np.bool_]) -> Any:  # noqa: ARG002
        """Return None: other classifiers have no start."""
        return None

    def fit(
        self,
        label: npt.NDArray[np.int64],
        train: npt.NDArray[np.bool_],
        test: npt.NDArray[np.int64],
        state: Any,  # noqa: ARG002
    ) -> FoldFit:
        """Fit a clone on standardised training rows."""
        from sklearn.base import clone
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        present = np.unique(label[train])
        if len(present) == 1 or len(test) == 0:  # which scikit-learn refuses
            share = np.full((len(test), len(present)), 1 / len(present), np.float32)
            return FoldFit.of_probability(present, share, converged=True)
        model = make_pipeline(StandardScaler(), clone(self.classifier))
        model.fit(self.matrix[train], label[train])
        probability = model.predict_proba(self.matrix[test]).astype(np.float32)
        classes = np.asarray(model.classes_, dtype=np.int64)
        return FoldFit.of_probability(classes, probability, converged=True)
