"""One training set of the softmax regression, in the slots of a design, and samples of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cytosurf.decoding import slots
from cytosurf.decoding.design import Design
from cytosurf.decoding.kernels import objective_gradient
from cytosurf.errors import InputError

Float64 = npt.NDArray[np.float64]

# Vertices in a sample, which has of every class the same number, or all: so many for each
# parameter, and at least so many.
SAMPLE_PER_PARAMETER = 8
SMALLEST_SAMPLE = 8192
# A standard deviation below this share of the mean is rounding.
CONSTANT = 1e-6


@dataclass(frozen=True, eq=False)
class Problem:
    """One training set: what the gradient of the objective needs.

    The parameters ``theta (K, n_features + 1)`` are coefficients in units of the design's columns,
    and intercepts in the last column. The penalty is that of standardised columns.

    Attributes
    ----------
    classes : (K,) int64
        Class indices present.
    x : (n_tiles, n_features, TILE) float32
        Features.
    tiles : (n,) int64
        The tiles with training vertices.
    label : (n_tiles, TILE) int16
        Index of each slot's class among `classes`.
    weight : (n_tiles, TILE) float32
        Weight of each slot, 0 where none of the training set is.
    n_train : int
        Training vertices; the weights add up to it.
    penalty : (n_features + 1,) float64
        Of the squares of each column of the parameters, divided by C n; 0 for the intercepts.
    constant : (n_features,) float64
        Value of the columns that do not vary over the training set, NaN for the others.
    free : (n_features + 1,) float64
        1 for the columns of the parameters that are fitted, 0 for those that stay 0: the
        coefficients of constant columns.
    """

    classes: npt.NDArray[np.int64]
    x: npt.NDArray[np.float32]
    tiles: npt.NDArray[np.int64]
    label: npt.NDArray[np.int16]
    weight: npt.NDArray[np.float32]
    n_train: int
    penalty: Float64
    constant: Float64
    free: Float64

    def gradient(self, theta: Float64) -> Float64:
        """Return the gradient of the objective divided by C n, shaped like `theta`."""
        gradient: Float64 = objective_gradient(
            self.x,
            self.tiles,
            self.label,
            self.weight,
            self.n_train,
            self.penalty,
            self.free,
            theta,
        )
        return gradient


def make_problem(
    design: Design, label: npt.NDArray[np.integer], train: npt.NDArray[np.bool_], C: float
) -> Problem:
    """Return the training set: classes present, weights, penalty.

    Raises
    ------
    InputError
        If no row is trained on.
    """
    train_label = label[train]
    n_train = len(train_label)
    if not n_train:
        raise InputError("train", "no training row", "at least one")
    n_per_class = np.bincount(train_label)
    classes = np.flatnonzero(n_per_class)
    position = np.zeros(len(n_per_class), np.int16)
    position[classes] = np.arange(len(classes))
    class_weight = n_train / (len(classes) * np.maximum(n_per_class, 1.0))
    label_slots, weight, tiles = slots.fill_training_slots(
        design.slot_row,
        np.asarray(label, dtype=np.int64),
        train,
        position,
        class_weight.astype(np.float32),
    )
    mean, variance = slots.moments_pass(design.x, tiles, weight)
    # A column that is constant in this training set, but for the rounding of its float32, is not
    # scaled, as in StandardScaler.
    is_constant = variance <= (CONSTANT * mean) ** 2
    # Balanced weights add up to n, so dividing by C n leaves this penalty.
    penalty = (2.0 if len(classes) == 2 else 1.0) / (C * n_train)
    return Problem(
        classes,
        design.x,
        tiles,
        label_slots,
        weight,
        n_train,
        np.append(penalty * np.where(is_constant, 1.0, variance), 0.0),
        np.where(is_constant, mean, np.nan),
        np.append(~is_constant, True).astype(np.float64),
    )


def sample_problem(problem: Problem) -> Problem:
    """Return the problem of a sample of the training vertices, in tiles of its own.

    Of every class the sample has the same number of vertices, strided through all of it, or all
    where there are fewer; they weigh as much together as the class does. A problem that is no
    larger than its sample would be is returned as it is.
    """
    n_classes, n_features = len(problem.classes), problem.x.shape[1]
    size = max(SMALLEST_SAMPLE, SAMPLE_PER_PARAMETER * n_classes * (n_features + 1))
    if problem.n_train <= size:
        return problem
    x, label, weight = slots.stratified_sample(
        problem.x, problem.tiles, problem.label, problem.weight, n_classes, size
    )
    return replace(problem, x=x, tiles=np.arange(len(x)), label=label, weight=weight)
