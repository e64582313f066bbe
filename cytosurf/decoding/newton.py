r"""Newton's method for the softmax regression, in float64: the solver of `SoftmaxRegression`.

For a few fits that have to be exact. The many fits of a spin test have a solver of their own
(`cytosurf.decoding.softmax`).

The coefficients are sought along the principal axes of the centred rows, each in units of its
curvature at the start: columns of any scale, offset and correlation are then alike, and the penalty
keeps its form. The rotation changes the coordinates of the solution, not the solution. Newton steps
are found by conjugate gradients, which only need products with the Hessian.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import log_softmax

Float64 = npt.NDArray[np.float64]

# Conjugate gradients end at this share of the gradient, less as the gradient itself vanishes, at
# the rounding of the products, or after so many.
FORCING = 0.1
MAX_PRODUCTS = 500
ROUNDING = 1e-14
# A step must bring this share of the fall that the slope promises.
SUFFICIENT = 1e-4
MAX_TRIALS = 40


def solve_softmax(
    x: Float64,
    index: npt.NDArray[np.integer],
    weight: Float64,
    *,
    C: float,
    fit_intercept: bool,
    tol: float,
    max_iter: int,
) -> tuple[Float64, Float64, int, bool]:
    """Minimise the penalised log-loss of all K classes in float64.

    Parameters
    ----------
    x : (n, p) float64
        Features.
    index : (n,) int
        Class of each row, 0 to K - 1, none of them empty.
    weight : (n,) float64
        Weight of each row, above 0.
    C : float
        Inverse strength of the penalty on every one of the K coefficient vectors.
    fit_intercept : bool
        Whether there are intercepts.
    tol : float
        Distance to the minimum at which to stop, in units of the mean log-loss.
    max_iter : int
        Newton steps at most.

    Returns
    -------
    coefficients : (K, p) float64
    intercepts : (K,) float64
        Both add up to 0 over classes.
    n_iter : int
    converged : bool

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[-1.0], [0.0], [1.0]])
    >>> coefficients, intercepts, _, converged = solve_softmax(
    ...     x, np.arange(3), np.ones(3), C=1.0, fit_intercept=True, tol=1e-12, max_iter=100
    ... )
    >>> coefficients.round(3).ravel().tolist(), converged
    ([-0.623, 0.0, 0.623], True)
    """
    n_classes = int(index.max()) + 1
    share = weight / weight.sum()
    penalty = 1 / (C * weight.sum())
    mean = share @ x if fit_intercept else np.zeros(x.shape[1])
    centred = x - mean
    _, spread, axes = np.linalg.svd(np.sqrt(share)[:, None] * centred, full_matrices=False)
    # Along a principal axis the Hessian at the start is this squared.
    unit = np.sqrt(spread**2 / n_classes + penalty)
    z = centred @ (axes.T / unit)
    penalties = penalty / unit**2
    if fit_intercept:
        z = np.column_stack([z, np.full(len(z), np.sqrt(n_classes))])
        penalties = np.append(penalties, 0.0)
    objective = _Objective(z, index, share, penalties)
    theta, n_iter, converged = _minimise(
        objective, np.zeros((n_classes, z.shape[1])), tol, max_iter
    )
    coefficients = (theta[:, : len(unit)] / unit) @ axes
    intercepts = theta[:, -1] * np.sqrt(n_classes) if fit_intercept else np.zeros(n_classes)
    return coefficients, intercepts - coefficients @ mean, n_iter, converged


@dataclass(frozen=True, eq=False)
class _Objective:
    """The mean log-loss plus the penalty, and its derivatives."""

    z: Float64
    index: npt.NDArray[np.integer]
    share: Float64
    penalties: Float64

    def evaluate(self, theta: Float64) -> tuple[float, Float64, Float64]:
        """Return value, gradient like `theta (K, q)`, and probabilities ``(n, K)``."""
        log_probability = log_softmax(self.z @ theta.T, axis=1)
        rows = np.arange(len(self.z))
        value = -self.share @ log_probability[rows, self.index]
        value += 0.5 * np.vdot(theta, self.penalties * theta)
        probability = np.exp(log_probability)
        residual = probability.copy()
        residual[rows, self.index] -= 1
        gradient = (self.share[:, None] * residual).T @ self.z + self.penalties * theta
        return float(value), gradient, probability

    def curve(self, probability: Float64, direction: Float64) -> Float64:
        """Return the Hessian times a direction."""
        change = probability * (self.z @ direction.T)
        change -= probability * change.sum(axis=1, keepdims=True)
        product: Float64 = (self.share[:, None] * change).T @ self.z
        return product + self.penalties * direction


def _minimise(
    objective: _Objective, theta: Float64, tol: float, max_iter: int
) -> tuple[Float64, int, bool]:
    """Take Newton steps until the decrement is below `tol`; return also their number, success."""
    value, gradient, probability = objective.evaluate(theta)
    first = max(float(np.linalg.norm(gradient)), np.finfo(float).tiny)
    for n_iter in range(1, max_iter + 1):
        ratio = float(np.linalg.norm(gradient)) / first
        direction = _newton_direction(objective, gradient, probability, ratio)
        slope = float(np.vdot(gradient, direction))
        if -slope / 2 < tol:
            return theta + direction, n_iter, True
        theta, value, gradient, probability = _search(objective, theta, value, direction, slope)
    return theta, max_iter, False


def _newton_direction(
    objective: _Objective, gradient: Float64, probability: Float64, ratio: float
) -> Float64:
    """Solve for the Newton step, the closer the smaller the gradient is against the first one."""

    def product(flat: Float64) -> Float64:
        curved: Float64 = objective.curve(probability, flat.reshape(gradient.shape))
        return curved.ravel()

    hessian = LinearOperator((gradient.size, gradient.size), matvec=product, dtype=np.float64)
    rtol = FORCING * min(1.0, ratio**0.5)
    solution, _ = cg(hessian, -gradient.ravel(), rtol=rtol, atol=ROUNDING, maxiter=MAX_PRODUCTS)
    direction: Float64 = solution.reshape(gradient.shape)
    return direction


def _search(
    objective: _Objective, theta: Float64, value: float, direction: Float64, slope: float
) -> tuple[Float64, float, Float64, Float64]:
    """Step along `direction`, shorter where the objective would not fall."""
    length = 1.0
    for _ in range(MAX_TRIALS):
        new = theta + length * direction
        new_value, gradient, probability = objective.evaluate(new)
        if new_value <= value + SUFFICIENT * length * slope:
            break
        new_slope = float(np.vdot(gradient, direction))
        length *= min(0.9, max(0.1, slope / (slope - new_slope)))
    return new, new_value, gradient, probability
