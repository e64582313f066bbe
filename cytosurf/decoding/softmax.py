r"""Multinomial logistic regression on a fixed design matrix, for a stream of label vectors.

The problem is scikit-learn's ``LogisticRegression(class_weight="balanced", C=C)`` after
``StandardScaler``, both fitted on the training vertices: minimise

.. math:: C \sum_i w_i \left( \log \sum_k e^{z_{ik}} - z_{i y_i} \right)
          + \tfrac12 \sum_k \lVert W_k \rVert^2, \qquad z_i = W \tilde x_i + b

with :math:`w_i = n / (K n_{y_i})` over the K classes present in the training vertices, and
standardised features :math:`\tilde x`. (With two classes scikit-learn fits one coefficient vector;
the softmax reaches the same solution with twice the penalty.)

The design is never copied or rescaled: standardisation is an affine change of the coefficients, so
each training set only needs its own means and standard deviations. The minimum is found by L-BFGS
preconditioned with the Hessian of a strided subset of the training vertices, and by line searches
that look at gradients alone (the objective is convex), which float32 noise cannot mislead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.decoding import kernels
from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.curvature import Preconditioner, estimate_hessian
from cytosurf.decoding.design import Design
from cytosurf.decoding.problem import SAMPLE, Problem, make_problem, sample_problem

Float64 = npt.NDArray[np.float64]

# Training vertices above which a fit without a start is first made on a sample of them.
SAMPLED_ABOVE = 4 * SAMPLE
SAMPLE_TOLERANCE = 1e-3
MAX_PASSES = 2000
# Iterations at which the Hessian is estimated: on all vertices, on the sample (and when done with
# it), and where a start brought one.
COLD_HESSIANS = (0, 2, 5, *range(15, MAX_PASSES, 15))
SAMPLE_HESSIANS = (0, 10)
WARM_HESSIANS = range(100, MAX_PASSES, 100)
MEMORY = 25
MAX_TRIALS = 30
# Stop when the estimated distance to the minimum, in units of the mean log-loss, is below this:
# at least 99.99 % of predictions are then those of the exact minimum.
TOLERANCE = 1e-8


@dataclass(frozen=True, eq=False)
class SoftmaxFit:
    """A fitted softmax regression.

    Attributes
    ----------
    classes : (K,) int64
        Class indices present in training; the others are never predicted.
    coefficients : (K, n_features) float64
        Per unit of the design's columns.
    intercepts : (K,) float64
    n_passes : int
        Passes over the training vertices.
    converged : bool
        Whether the stopping rule was met.
    theta : (K, n_features + 1) float64
        Coefficients in standardised units, intercepts last: the start of a similar problem.
    preconditioner : Preconditioner
        The last Hessian estimate: the preconditioner of a similar problem.
    constant : (n_features,) bool
        Columns that do not vary over the training rows.
    """

    classes: npt.NDArray[np.int64]
    coefficients: Float64
    intercepts: Float64
    n_passes: int
    converged: bool
    theta: Float64
    preconditioner: Preconditioner
    constant: npt.NDArray[np.bool_]


def fit_softmax(
    design: Design,
    label: npt.NDArray[np.integer],
    train: npt.NDArray[np.bool_],
    *,
    C: float = 1.0,
    start: SoftmaxFit | None = None,
) -> SoftmaxFit:
    """Fit balanced, L2-penalised multinomial logistic regression on the training rows.

    Parameters
    ----------
    design : Design
        Features of all rows, from `cytosurf.decoding.design.make_design`.
    label : (n_rows,) array of int
        Class index of each row, 0 to K - 1; not looked at outside `train`.
    train : (n_rows,) array of bool
        The training rows.
    C : float
        Inverse strength of the penalty, as in scikit-learn.
    start : SoftmaxFit, optional
        The fit of a similar problem (another fold of the same labels) to start from. It changes
        the number of passes, not the solution.

    Returns
    -------
    SoftmaxFit
        A class without training rows is not among its classes.

    Examples
    --------
    >>> import numpy as np
    >>> from cytosurf.decoding.design import make_design
    >>> x = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    >>> design = make_design(x, np.zeros(4, int))
    >>> fit = fit_softmax(design, np.array([0, 0, 1, 1]), np.ones(4, bool))
    >>> predict_probability(design, fit).argmax(axis=1).tolist()
    [0, 0, 1, 1]
    """
    problem = make_problem(design, label, train, C)
    classes = problem.classes
    theta = np.zeros((len(classes), design.x.shape[1] + 1))
    preconditioner = Preconditioner(classes, [])
    if start is not None and _is_similar(start, problem):
        theta = start.theta[np.searchsorted(start.classes, classes)]
        preconditioner = start.preconditioner
    elif problem.n_train > SAMPLED_ABOVE:
        small = sample_problem(problem)
        theta = _minimise(small, theta, preconditioner, SAMPLE_HESSIANS, SAMPLE_TOLERANCE)[0]
        preconditioner = estimate_hessian(small, theta)
    refresh: Sequence[int] = WARM_HESSIANS if preconditioner.factors else COLD_HESSIANS
    theta, preconditioner, n_passes, converged = _minimise(
        problem, theta, preconditioner, refresh, TOLERANCE
    )
    coefficients, intercepts = problem.raw(theta)
    return SoftmaxFit(
        classes,
        coefficients,
        intercepts,
        n_passes,
        converged,
        theta,
        preconditioner,
        problem.constant,
    )


def _is_similar(start: SoftmaxFit, problem: Problem) -> bool:
    """Whether `start` has the problem's classes, and the same columns vary in both.

    From a column that varied and no longer does, only the slight penalty would lead back to 0.
    """
    known = bool(np.isin(problem.classes, start.classes).all())
    return known and np.array_equal(start.constant, problem.constant)


def predict_probability(
    design: Design, fit: SoftmaxFit, rows: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.float32]:
    """Return the class probabilities of the chosen rows of the design.

    Parameters
    ----------
    design : Design
        The design that `fit` was fitted on.
    fit : SoftmaxFit
        From `fit_softmax`.
    rows : (n_rows,) array of bool, optional
        The rows wanted; all if left out. Tiles without any of them are not computed.

    Returns
    -------
    (rows.sum(), n_classes_of_the_fit) float32
        Columns in the order of ``fit.classes``.
    """
    tile, slot = np.divmod(design.row_slot if rows is None else design.row_slot[rows], TILE)
    tiles = np.flatnonzero(np.bincount(tile))
    by_tile = np.empty((len(tiles), len(fit.classes), TILE), np.float32)
    kernels.probability_pass(
        design.x,
        tiles,
        fit.coefficients.astype(np.float32),
        fit.intercepts.astype(np.float32),
        by_tile,
    )
    probability: npt.NDArray[np.float32] = by_tile[np.searchsorted(tiles, tile), :, slot]
    return probability


def _minimise(
    problem: Problem,
    theta: Float64,
    preconditioner: Preconditioner,
    refresh: Sequence[int],
    tolerance: float,
) -> tuple[Float64, Preconditioner, int, bool]:
    """Minimise by preconditioned L-BFGS; return parameters, estimate, passes and success.

    The last step is taken without looking at where it leads: it only brings the minimum closer.
    """
    if len(theta) == 1:  # a single class is always predicted
        return np.zeros_like(theta), preconditioner, 0, True
    history: list[tuple[Float64, Float64, float]] = []
    gradient = problem.gradient(theta)
    n_passes, iteration = 1, 0
    while True:
        if iteration in refresh or not preconditioner.factors:
            preconditioner, history = estimate_hessian(problem, theta), []
        direction = _lbfgs_direction(problem.classes, gradient, history, preconditioner)
        slope = float(np.vdot(gradient, direction))
        if -slope < tolerance:
            return theta + direction, preconditioner, n_passes, True
        if n_passes >= MAX_PASSES:
            return theta, preconditioner, n_passes, False
        new_theta, new_gradient, n_tried = _line_search(problem, theta, direction, slope)
        n_passes += n_tried
        step, change = new_theta - theta, new_gradient - gradient
        curvature = float(np.vdot(step, change))
        if curvature > 0:
            history = [*history[-(MEMORY - 1) :], (step, change, 1.0 / curvature)]
        theta, gradient = new_theta, new_gradient
        iteration += 1


def _line_search(
    problem: Problem, theta: Float64, direction: Float64, slope: float
) -> tuple[Float64, Float64, int]:
    """Step along `direction` until the slope has at most half its size, going up or not.

    On a convex function a slope that is still negative means the objective fell; one that has
    become positive is answered by the secant's zero. Only gradients are needed.
    """
    length = 1.0
    n_tried = 0
    while True:
        new_theta = theta + length * direction
        new_gradient = problem.gradient(new_theta)
        new_slope = float(np.vdot(new_gradient, direction))
        n_tried += 1
        if new_slope <= -0.5 * slope or n_tried == MAX_TRIALS:
            return new_theta, new_gradient, n_tried
        length *= min(0.9, max(0.1, slope / (slope - new_slope)))


def _lbfgs_direction(
    classes: npt.NDArray[np.int64],
    gradient: Float64,
    history: list[tuple[Float64, Float64, float]],
    preconditioner: Preconditioner,
) -> Float64:
    """Return minus the inverse Hessian estimate times the gradient (two-loop recursion)."""
    q = gradient.copy()
    products = []
    for step, change, inverse in reversed(history):
        product = inverse * float(np.vdot(step, q))
        products.append(product)
        q -= product * change
    direction = preconditioner.solve(q, classes)
    for (step, change, inverse), product in zip(history, reversed(products), strict=True):
        direction += step * (product - inverse * float(np.vdot(change, direction)))
    return -direction
