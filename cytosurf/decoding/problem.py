"""One training set of the softmax regression, in the slots of a design, and samples of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cytosurf.decoding import slots
from cytosurf.decoding.design import Design, read_only
from cytosurf.decoding.kernels import objective_gradient, tile_gradients_pass
from cytosurf.errors import InputError

Float64 = npt.NDArray[np.float64]

# A sample is for this many parameters at least.
FEWEST_PARAMETERS = 1024
# A sample that has less than this share of a class's part in it is not used.
LEAST_SHARE = 0.5
# A standard deviation below this share of the mean is rounding.
CONSTANT = 1e-6


def single(theta: Float64) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return coefficients and intercepts as the passes take them."""
    return np.ascontiguousarray(theta[:, :-1]).astype(np.float32), theta[:, -1].astype(np.float32)


@dataclass(frozen=True, eq=False)
class Problem:
    """One training set: what the gradient of the objective needs.

    The parameters ``theta (K, n_features + 1)`` are coefficients in units of the design's columns,
    and intercepts in the last column. The penalty is that of standardised columns.

    Attributes
    ----------
    classes : (K,) int64
        Class indices present.
    n_per_class : (K,) int64
        Training vertices of each of them.
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
    n_per_class: npt.NDArray[np.int64]
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

    def tile_gradients(self, theta: Float64) -> Float64:
        """Return what each tile adds to the gradient of C n times the log-loss.

        (n_tiles, *theta.shape), 0 in tiles without training vertices.
        """
        coefficients, intercepts = single(theta)
        gradients: Float64 = tile_gradients_pass(
            self.x, self.tiles, self.label, self.weight, coefficients, intercepts
        )
        return gradients


@dataclass(frozen=True, eq=False)
class Labelled:
    """A design with labels: what the training sets of all folds share.

    Attributes
    ----------
    design : Design
        Features of all rows.
    label : (n_tiles, TILE) int16
        Class of each slot, -1 where there is none.
    n_classes : int
        Number of classes K.
    count : (n_tiles,) float64
        Labelled slots of each tile.
    mean, spread : (n_tiles, n_features) float64
        Mean of the features over them, and sum of the squared differences to it.
    """

    design: Design
    label: npt.NDArray[np.int16]
    n_classes: int
    count: Float64
    mean: Float64
    spread: Float64


def label_design(
    design: Design, label: npt.NDArray[np.integer], rows: npt.NDArray[np.bool_]
) -> Labelled:
    """Label the chosen rows of a design.

    Parameters
    ----------
    design : Design
        Features of all rows.
    label : (n_rows,) array of int
        Class of each row; not looked at outside `rows`.
    rows : (n_rows,) array of bool
        The rows that training sets may have.

    Raises
    ------
    InputError
        If no row is chosen.
    """
    design = Design(read_only(design.x), read_only(design.slot_row), design.row_slot)
    label_slots = slots.fill_labels(design.slot_row, np.asarray(label, dtype=np.int64), rows)
    labelled = label_slots >= 0
    tiles = np.flatnonzero(labelled.any(axis=1))
    if not len(tiles):
        raise InputError("train", "no training row", "at least one")
    shape = (len(design.x), design.x.shape[1])
    count, mean, spread = np.zeros(shape[0]), np.zeros(shape), np.zeros(shape)
    count[tiles], mean[tiles], spread[tiles] = slots.moments_pass(
        design.x, tiles, labelled.astype(np.float32)
    )
    return Labelled(design, label_slots, int(label_slots.max()) + 1, count, mean, spread)


def make_problem(labelled: Labelled, train: npt.NDArray[np.bool_], C: float) -> Problem:
    """Return a training set: classes present, weights, penalty.

    Parameters
    ----------
    labelled : Labelled
        Features and labels.
    train : (n_rows,) array of bool
        The training rows; those without a label are left out.
    C : float
        Inverse strength of the penalty.

    Raises
    ------
    InputError
        If no row is trained on.
    """
    slot_row = labelled.design.slot_row
    n_per_class, n_per_tile = slots.count_training(
        slot_row, labelled.label, train, labelled.n_classes
    )
    n_train = int(n_per_tile.sum())
    if not n_train:
        raise InputError("train", "no training row", "at least one")
    classes = np.flatnonzero(n_per_class)
    position = np.zeros(len(n_per_class), np.int16)
    position[classes] = np.arange(len(classes))
    class_weight = n_train / (len(classes) * np.maximum(n_per_class, 1.0))
    label, weight = slots.fill_training_slots(
        slot_row, labelled.label, train, position, class_weight.astype(np.float32)
    )
    tiles = np.flatnonzero(n_per_tile)
    mean, variance = _moments(labelled, tiles, n_per_tile[tiles], weight)
    # A column that is constant in this training set, but for the rounding of its float32, is not
    # scaled, as in StandardScaler.
    is_constant = variance <= (CONSTANT * mean) ** 2
    # Balanced weights add up to n, so dividing by C n leaves this penalty.
    penalty = (2.0 if len(classes) == 2 else 1.0) / (C * n_train)
    return Problem(
        classes,
        n_per_class[classes],
        labelled.design.x,
        tiles,
        label,
        weight,
        n_train,
        np.append(penalty * np.where(is_constant, 1.0, variance), 0.0),
        np.where(is_constant, mean, np.nan),
        np.append(~is_constant, True).astype(np.float64),
    )


def _moments(
    labelled: Labelled,
    tiles: npt.NDArray[np.int64],
    n_per_tile: npt.NDArray[np.int64],
    weight: npt.NDArray[np.float32],
) -> tuple[Float64, Float64]:
    """Return mean and variance of each feature over a training set.

    Tiles that are in it with all their labelled slots are described already (the sums are
    combined as by Chan, Golub and LeVeque, 1979).
    """
    count, mean, spread = labelled.count[tiles], labelled.mean[tiles], labelled.spread[tiles]
    part = n_per_tile < count
    if part.any():
        count[part], mean[part], spread[part] = slots.moments_pass(
            labelled.design.x, tiles[part], weight
        )
    total = count.sum()
    overall = count @ mean / total
    return overall, (spread.sum(axis=0) + count @ (mean - overall) ** 2) / total


@dataclass(frozen=True, eq=False)
class Sample:
    """Some slots of a training set, in tiles of their own.

    Attributes
    ----------
    x : (n, n_features, TILE) float32
        Their features.
    source : (n, TILE) int64
        Which slots they are, -1 for none.
    per_parameter : int
        Slots for each parameter that were asked for.
    per_class : int
        Slots of every class that were asked for.
    """

    x: npt.NDArray[np.float32]
    source: npt.NDArray[np.int64]
    per_parameter: int
    per_class: float


def draw_sample(problem: Problem, per_parameter: int) -> Sample | None:
    """Draw a sample of a training set.

    Of every class the sample has the same number of vertices, strided through all of it, or all
    where there are fewer. There is none where the training set is no larger than it would be.

    Parameters
    ----------
    problem : Problem
        The training set.
    per_parameter : int
        Vertices for each parameter, of which `FEWEST_PARAMETERS` are counted at least.
    """
    n_classes = len(problem.classes)
    size = per_parameter * max(FEWEST_PARAMETERS, n_classes * len(problem.penalty))
    if problem.n_train <= size:
        return None
    x, source = slots.stratified_sample(
        problem.x, problem.tiles, problem.label, problem.weight, n_classes, size
    )
    return Sample(read_only(x), source, per_parameter, size / n_classes)


def thin_sample(sampled: Problem, sample: Sample, per_parameter: int) -> Sample:
    """Draw a smaller sample from a sample.

    Parameters
    ----------
    sampled : Problem
        The training set of `sample`, from `sample_problem`.
    sample : Sample
        The larger one.
    per_parameter : int
        As for `draw_sample`.
    """
    part = draw_sample(sampled, per_parameter)
    if part is None:
        return sample
    source = np.where(part.source < 0, -1, sample.source.ravel()[part.source])
    return replace(part, source=source)


def sample_problem(problem: Problem, sample: Sample | None) -> Problem:
    """Return the problem of those vertices of a sample that are in a training set.

    They weigh as much together, in every class, as the whole class does. Where the sample has
    too few of a class, another is drawn from the training set itself.

    Parameters
    ----------
    problem : Problem
        The training set.
    sample : Sample or None
        Drawn from it, or from a training set that has it as a part; `problem` is returned for
        none.
    """
    if sample is None:
        return problem
    found, taken = _found_in(problem, sample)
    if (taken >= np.minimum(problem.n_per_class, LEAST_SHARE * sample.per_class)).all():
        return found
    own = draw_sample(problem, sample.per_parameter)
    return problem if own is None else _found_in(problem, own)[0]


def _found_in(problem: Problem, sample: Sample) -> tuple[Problem, npt.NDArray[np.int64]]:
    """Return the problem of the vertices of a sample, and their number in every class."""
    label, weight, taken = slots.fill_sample(
        sample.source, problem.label, problem.weight, problem.n_per_class
    )
    tiles = np.flatnonzero(weight.any(axis=1))
    return replace(problem, x=sample.x, tiles=tiles, label=label, weight=weight), taken
