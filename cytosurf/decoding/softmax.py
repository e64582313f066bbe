r"""Multinomial logistic regression on a fixed design matrix, for a stream of label vectors.

The problem is scikit-learn's ``LogisticRegression(class_weight="balanced", C=C)`` after
``StandardScaler``, both fitted on the training vertices: minimise

.. math:: C \sum_i w_i \left( \log \sum_k e^{z_{ik}} - z_{i y_i} \right)
          + \tfrac12 \sum_k \lVert W_k \rVert^2, \qquad z_i = W \tilde x_i + b

with :math:`w_i = n / (K n_{y_i})` over the K classes present in the training vertices, and
standardised features :math:`\tilde x`. (With two classes scikit-learn fits one coefficient vector;
the softmax reaches the same solution with twice the penalty.)

The design is never copied or rescaled: standardisation only changes how much each column's
coefficients are penalised. What makes a fit cheap is a sample of the training vertices, the same
number of every class:

- without a start, the minimum over the sample is the start;
- from a start (a fit to the vertices of all folds), the minimum is sought over the sample first,
  tilted so that at the start its gradient is that of all training vertices [1]_: this takes the
  changed weights of rare classes into account, without the sample's own error;
- the preconditioner is the inverse of the sample's Hessian, and the steps over the sample are
  remembered in those over all.

References
----------
.. [1] Shamir, Srebro and Zhang (2014), Communication-efficient distributed optimization using an
   approximate Newton-type method, ICML.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import repeat

import numpy as np
import numpy.typing as npt

from cytosurf.decoding import kernels
from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.curvature import Preconditioner, estimate_inverse, inverse_at_zero
from cytosurf.decoding.design import Design, read_only
from cytosurf.decoding.minimise import Memory, minimise
from cytosurf.decoding.problem import (
    Labelled,
    Problem,
    Sample,
    draw_sample,
    label_design,
    make_problem,
    sample_problem,
    single,
    thin_sample,
)

Float64 = npt.NDArray[np.float64]

# Vertices in the sample to minimise over, and in the one for the curvature, for each parameter.
SAMPLE_PER_PARAMETER, CURVATURE_PER_PARAMETER = 8, 4
SAMPLE_TOLERANCE = 1e-3
TILTED_TOLERANCE = 1e-6
MAX_SAMPLE_ITERATIONS = 100
# Iterations after which the Hessian is estimated again: from the estimate at zero, and from one
# near the minimum or good enough for a first sample.
COLD_SEGMENTS = (2, 3, 10, *repeat(15, 100))
WARM_SEGMENTS = (*repeat(50, 40),)
# Stop when the estimated distance to the minimum, in units of the mean log-loss, is below this:
# at least 99.99 % of predictions are then those of the exact minimum.
TOLERANCE = 2e-8
# For a fit that is the start of others alone.
START_TOLERANCE = 1e-5


@dataclass(frozen=True, eq=False)
class SoftmaxFit:
    """A fitted softmax regression.

    Attributes
    ----------
    classes : (K,) int64
        Class indices present in training; the others are never predicted.
    theta : (K, n_features + 1) float64
        Coefficients per unit of the design's columns, intercepts last.
    n_passes : int
        Passes over the training vertices.
    converged : bool
        Whether the stopping rule was met.
    preconditioner : Preconditioner
        The last estimate of the inverse Hessian: the preconditioner of a similar problem.
    """

    classes: npt.NDArray[np.int64]
    theta: Float64
    n_passes: int
    converged: bool
    preconditioner: Preconditioner


@dataclass(frozen=True, eq=False)
class Start:
    """What the fits to parts of some labelled rows, the training sets of folds, begin with.

    Attributes
    ----------
    labelled : Labelled
        Features and labels.
    sample : Sample or None
        Some of the rows, None where there are too few to choose from.
    problem : Problem
        The training set of all rows.
    fit : SoftmaxFit
        A loose fit to it.
    """

    labelled: Labelled
    sample: Sample | None
    problem: Problem
    fit: SoftmaxFit

    @cached_property
    def tile_gradients(self) -> Float64:
        """What each tile adds to the gradient at the fit, (n_tiles, K, n_features + 1)."""
        return self.problem.tile_gradients(self.fit.theta)


def make_start(
    design: Design,
    label: npt.NDArray[np.integer],
    rows: npt.NDArray[np.bool_],
    *,
    C: float = 1.0,
) -> Start:
    """Prepare fits to parts of the same labelled rows.

    Parameters
    ----------
    design : Design
        Features of all rows, from `cytosurf.decoding.design.make_design`.
    label : (n_rows,) array of int
        Class index of each row, 0 to K - 1; not looked at outside `rows`.
    rows : (n_rows,) array of bool
        The rows of all training sets.
    C : float
        Inverse strength of the penalty, as in scikit-learn.

    Raises
    ------
    InputError
        If there is no row.
    """
    labelled = label_design(design, label, rows)
    problem = make_problem(labelled, rows, C)
    sample = draw_sample(problem, SAMPLE_PER_PARAMETER)
    if len(problem.classes) == 1:
        return Start(labelled, sample, problem, _fit_of_one_class(problem))
    if sample is None:
        curved, begin, segments = problem, _from_nothing(problem), COLD_SEGMENTS
    else:
        sampled = sample_problem(problem, sample)
        curved = sample_problem(problem, thin_sample(sampled, sample, CURVATURE_PER_PARAMETER))
        begin, segments = _from_sample(problem, sampled, curved), WARM_SEGMENTS
    fit = _minimise(problem, curved, begin, segments, START_TOLERANCE)
    return Start(labelled, sample, problem, fit)


def fit_softmax(
    start: Start, train: npt.NDArray[np.bool_], *, C: float = 1.0, tolerance: float = TOLERANCE
) -> SoftmaxFit:
    """Fit balanced, L2-penalised multinomial logistic regression on the training rows.

    Parameters
    ----------
    start : Start
        Features and labels, from `make_start`.
    train : (n_rows,) array of bool
        The training rows, among those of `start`.
    C : float
        Inverse strength of the penalty, as in scikit-learn.
    tolerance : float
        Estimated distance to the minimum, in units of the mean log-loss, to be reached.

    Returns
    -------
    SoftmaxFit
        A class without training rows is not among its classes.

    Raises
    ------
    InputError
        If there is no training row.

    Examples
    --------
    >>> import numpy as np
    >>> from cytosurf.decoding.design import make_design
    >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> design, every = make_design(x, np.zeros(4, int)), np.ones(4, bool)
    >>> start = make_start(design, np.array([0, 0, 1, 1]), every)
    >>> predict_probability(design, fit_softmax(start, every)).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    problem = make_problem(start.labelled, train, C)
    if len(problem.classes) == 1:  # a single class is always predicted
        return _fit_of_one_class(problem)
    sample = sample_problem(problem, start.sample)
    begin = _from_start(problem, sample, start)
    return _minimise(problem, sample, begin, WARM_SEGMENTS, tolerance)


def _fit_of_one_class(problem: Problem) -> SoftmaxFit:
    theta = np.zeros((1, len(problem.penalty)))
    nothing = Preconditioner(np.eye(theta.size, dtype=np.float32)[None], 1)
    return SoftmaxFit(problem.classes, theta, 0, True, nothing)


@dataclass(frozen=True, eq=False)
class _Beginning:
    """Where the minimisation over all training vertices begins."""

    theta: Float64
    gradient: Float64
    estimate: Preconditioner
    memory: Memory
    n_passes: int


def _from_nothing(problem: Problem) -> _Beginning:
    """Begin where all coefficients are 0."""
    theta = np.zeros((len(problem.classes), len(problem.penalty)))
    gradient, estimate = problem.gradient(theta), inverse_at_zero(problem)
    return _Beginning(theta, gradient, estimate, Memory.empty(theta), 1)


def _from_sample(problem: Problem, sample: Problem, curved: Problem) -> _Beginning:
    """Begin at the minimum over a sample, with the Hessian of another one there."""
    theta = _minimise(sample, sample, _from_nothing(sample), WARM_SEGMENTS, SAMPLE_TOLERANCE).theta
    estimate = estimate_inverse(curved, theta)
    return _Beginning(theta, problem.gradient(theta), estimate, Memory.empty(theta), 1)


def _from_start(problem: Problem, sample: Problem, start: Start) -> _Beginning:
    """Go from `start` to the minimum over a sample that is tilted to have the right gradient."""
    rows = np.searchsorted(start.fit.classes, problem.classes)
    theta, estimate = start.fit.theta[rows], start.fit.preconditioner.of_classes(rows)
    theta = theta - theta.mean(axis=0)  # a common shift of all classes changes nothing
    # From a column that varied and no longer does, only the slight penalty would lead back to 0.
    constant = ~np.isnan(problem.constant)
    theta[:, -1] += theta[:, :-1][:, constant] @ problem.constant[constant]
    theta[:, :-1][:, constant] = 0.0
    memory = Memory.empty(theta)
    if sample is problem:
        return _Beginning(theta, problem.gradient(theta), estimate, memory, 1)
    tilt, n_passes = _tilt(problem, sample, theta, start)
    gradient = sample.gradient(theta) + tilt
    found = minimise(
        sample,
        theta,
        estimate.inverse,
        memory,
        tolerance=TILTED_TOLERANCE,
        max_iterations=MAX_SAMPLE_ITERATIONS,
        tilt=tilt,
        gradient=gradient,
    )[0]
    found_gradient = problem.gradient(found)
    if estimate.decrement(found_gradient) < estimate.decrement(gradient):
        return _Beginning(found, found_gradient, estimate, memory, n_passes + 1)
    # The sample can be flat where all vertices together are not, and lead far away.
    return _Beginning(theta, problem.gradient(theta), estimate, Memory.empty(theta), n_passes + 2)


def _tilt(problem: Problem, sample: Problem, theta: Float64, start: Start) -> tuple[Float64, int]:
    """Return the gradient of `problem` minus its sample's, where `start` ended; and passes made.

    The gradient with the weights of all rows is the sum over tiles that were visited already. How
    much the weights of this training set change it is left to the sample, which has rare classes
    whole: it drops out of the difference.
    """
    whole = problem.n_train == start.labelled.count[problem.tiles].sum()
    if not whole or len(problem.classes) < len(start.fit.classes) or not problem.free.all():
        return problem.gradient(theta) - sample.gradient(theta), 1
    every = start.problem
    change = (every.n_train / every.n_per_class) / (problem.n_train / problem.n_per_class)
    alike = replace(sample, weight=sample.weight * change.astype(np.float32)[sample.label])
    gradient: Float64 = start.tile_gradients[problem.tiles].sum(axis=0) / problem.n_train
    gradient += problem.penalty * theta
    return gradient - alike.gradient(theta), 0


def _minimise(
    problem: Problem,
    sample: Problem,
    begin: _Beginning,
    segments: Sequence[int],
    tolerance: float,
) -> SoftmaxFit:
    """Minimise over `problem`, with the curvature of `sample`.

    After each of `segments`, numbers of iterations, the curvature is estimated anew.
    """
    theta, estimate, memory = begin.theta, begin.estimate, begin.memory
    gradient: Float64 | None = begin.gradient
    n_passes, converged = begin.n_passes, False
    for n_iterations in segments:
        if gradient is None:
            estimate, memory = estimate_inverse(sample, theta), Memory.empty(theta)
        theta, n_more, converged = minimise(
            problem,
            theta,
            estimate.inverse,
            memory,
            tolerance=tolerance,
            max_iterations=n_iterations,
            gradient=gradient,
        )
        n_passes += n_more
        if converged:
            break
        gradient = None
    return SoftmaxFit(problem.classes, theta, n_passes, converged, estimate)


def predict_probability(
    design: Design, fit: SoftmaxFit, rows: npt.NDArray[np.integer | np.bool_] | None = None
) -> npt.NDArray[np.float32]:
    """Return the class probabilities of the chosen rows of the design.

    Parameters
    ----------
    design : Design
        The design that `fit` was fitted on.
    fit : SoftmaxFit
        From `fit_softmax`.
    rows : (n_rows,) array of bool, or (n,) array of int, optional
        The rows wanted; all if left out. Tiles without any of them are not computed.

    Returns
    -------
    (n, n_classes_of_the_fit) float32
        Columns in the order of ``fit.classes``.
    """
    row_slot = design.row_slot if rows is None else design.row_slot[rows]
    place = np.full(design.slot_row.shape, -1, np.int32)
    place[row_slot] = np.arange(len(row_slot), dtype=np.int32)
    probability = np.empty((len(row_slot), len(fit.classes)), np.float32)
    kernels.probability_pass(
        read_only(design.x), place.reshape(-1, TILE), *single(fit.theta), probability
    )
    return probability


def predict_class(
    design: Design, fit: SoftmaxFit, rows: npt.NDArray[np.integer | np.bool_] | None = None
) -> npt.NDArray[np.int64]:
    """Return the most probable class of the chosen rows of the design, the first of equal ones.

    Parameters
    ----------
    design, fit, rows
        As for `predict_probability`, which takes longer.

    Returns
    -------
    (n,) int64
        Numbers of ``fit.classes``.
    """
    row_slot = design.row_slot if rows is None else design.row_slot[rows]
    winner = kernels.class_pass(read_only(design.x), row_slot, *single(fit.theta))
    return np.asarray(fit.classes[winner])
