"""Minimisation of the objective of the softmax regression, compiled as a whole.

L-BFGS, preconditioned with an estimate of the inverse Hessian, with line searches that look at
gradients alone (the objective is convex), which the rounding of float32 cannot mislead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from cytosurf.decoding.kernels import objective_gradient
from cytosurf.decoding.problem import Problem

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

MEMORY = 80
MAX_TRIALS = 30
# The last step is trusted to do as much as the one before it, but no more than this.
FASTEST = 0.03
CONVERGED, UNFINISHED = 0, 1


@dataclass(frozen=True, eq=False)
class Memory:
    """The last steps of L-BFGS: what they tell of the curvature holds for similar problems too.

    Attributes
    ----------
    steps, changes : (MEMORY, K, n_features + 1) float64
        Steps, and changes of the gradient along them; a ring.
    inverse_curvature : (MEMORY,) float64
        One over the product of the two.
    place : (2,) int64
        Number of steps made, and number of those that are held.
    """

    steps: Float64
    changes: Float64
    inverse_curvature: Float64
    place: npt.NDArray[np.int64]

    @classmethod
    def empty(cls, theta: Float64) -> Memory:
        """Return a memory of nothing, for parameters shaped like `theta`."""
        shape = (MEMORY, *theta.shape)
        return cls(np.zeros(shape), np.zeros(shape), np.zeros(MEMORY), np.zeros(2, np.int64))


def minimise(
    problem: Problem,
    theta: Float64,
    inverse: Float32,
    memory: Memory,
    *,
    tolerance: float,
    max_iterations: int,
    tilt: Float64 | None = None,
    gradient: Float64 | None = None,
) -> tuple[Float64, int, bool]:
    """Minimise the objective of `problem`, plus ``sum(tilt * theta)``.

    The last step is taken without looking at where it leads. It is taken when the distance that
    it will leave, if the distance shrinks as it did in the step before, is below the tolerance.

    Parameters
    ----------
    problem : Problem
        The training set.
    theta : (K, n_features + 1) float64
        Where to start.
    inverse : (1, K n, K n) or (K, n, n) float32
        Estimate of the inverse Hessian: full, or a block for each class.
    memory : Memory
        Steps to begin with; those of this call are added.
    tolerance : float
        Estimated distance to the minimum, in units of the mean log-loss, to be reached.
    max_iterations : int
        Steps after which to give up.
    tilt : (K, n_features + 1) float64, optional
        What is added to the gradient.
    gradient : (K, n_features + 1) float64, optional
        Gradient at `theta`, tilted, where it is known already.

    Returns
    -------
    theta : (K, n_features + 1) float64
    n_passes : int
        Gradients computed.
    converged : bool
    """
    tilt = np.zeros_like(theta) if tilt is None else tilt
    known = gradient is not None
    if gradient is None:
        gradient = problem.gradient(theta) + tilt
    theta, n_passes, outcome = _minimise(
        problem.x,
        problem.tiles,
        problem.label,
        problem.weight,
        problem.n_train,
        problem.penalty,
        problem.free,
        tilt,
        np.ascontiguousarray(theta),
        gradient,
        inverse,
        memory.steps,
        memory.changes,
        memory.inverse_curvature,
        memory.place,
        tolerance,
        max_iterations,
    )
    return theta, n_passes + (not known), outcome == CONVERGED


@njit(
    cache=True,
    fastmath={"reassoc", "contract"},
    error_model="numpy",
    nogil=True,
    forceinline=True,
)
def _product(a: Float64, b: Float64) -> float:
    """Return the scalar product of two arrays of one shape."""
    a, b = a.ravel(), b.ravel()
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total


@njit(
    cache=True,
    fastmath={"reassoc", "contract"},
    error_model="numpy",
    nogil=True,
    forceinline=True,
)
def _symmetric_product(matrix: Float32, vector: Float32, product: Float32) -> None:
    """Multiply a symmetric matrix by a vector.

    Reading the matrix is what takes the time: only one half of it is read, four rows at once.
    """
    n = len(vector)
    product[:] = np.float32(0.0)
    for i in range(0, n - n % 4, 4):
        rest, below = vector[i + 4 :], product[i + 4 :]
        a, b = matrix[i, i + 4 :], matrix[i + 1, i + 4 :]
        c, d = matrix[i + 2, i + 4 :], matrix[i + 3, i + 4 :]
        va, vb, vc, vd = vector[i], vector[i + 1], vector[i + 2], vector[i + 3]
        pa = pb = pc = pd = np.float32(0.0)
        for j in range(len(rest)):
            v = rest[j]
            pa += a[j] * v
            pb += b[j] * v
            pc += c[j] * v
            pd += d[j] * v
            below[j] += a[j] * va + b[j] * vb + c[j] * vc + d[j] * vd
        product[i] += pa
        product[i + 1] += pb
        product[i + 2] += pc
        product[i + 3] += pd
    for k in range(n):  # what is left: squares of four on the diagonal
        first = k - k % 4
        for j in range(first, min(first + 4, n)):
            product[k] += matrix[k, j] * vector[j]


# What follows is written out in loops: whole arrays in one expression take seconds more to compile.
@njit(cache=True, error_model="numpy", nogil=True)
def _copy(a: Float64, to: Float64) -> None:
    """Fill an array with another of the same shape."""
    a, to = a.ravel(), to.ravel()
    for i in range(len(a)):
        to[i] = a[i]


@njit(cache=True, error_model="numpy", nogil=True)
def _add_multiple(factor: float, a: Float64, total: Float64) -> None:
    """Add a multiple of an array to another of the same shape."""
    a, total = a.ravel(), total.ravel()
    for i in range(len(a)):
        total[i] += factor * a[i]


@njit(cache=True, error_model="numpy", nogil=True)
def _sum(a: Float64, factor: float, b: Float64) -> Float64:
    """Return the sum of an array and a multiple of another."""
    total = a.copy()
    _add_multiple(factor, b, total)
    return total


@njit(cache=True, error_model="numpy", nogil=True, forceinline=True)
def _direction(
    gradient: Float64,
    inverse: Float32,
    steps: Float64,
    changes: Float64,
    inverse_curvature: Float64,
    place: npt.NDArray[np.int64],
    free: Float64,
) -> Float64:
    """Return minus the inverse Hessian estimate times the gradient (two-loop recursion).

    It is 0 where parameters are not free.
    """
    made, held = place
    q = gradient.copy()
    products = np.empty(held)
    for i in range(held):  # the newest first
        at = (made - 1 - i) % MEMORY
        products[i] = inverse_curvature[at] * _product(steps[at], q)
        _add_multiple(-products[i], changes[at], q)
    parts = q.astype(np.float32).reshape(len(inverse), -1)
    solved = np.empty_like(parts)
    for i in range(len(inverse)):
        _symmetric_product(inverse[i], parts[i], solved[i])
    direction = solved.reshape(gradient.shape).astype(np.float64)
    for i in range(held - 1, -1, -1):
        at = (made - 1 - i) % MEMORY
        product = inverse_curvature[at] * _product(changes[at], direction)
        _add_multiple(products[i] - product, steps[at], direction)
    for k in range(len(direction)):
        for j in range(len(free)):
            direction[k, j] *= -free[j]
    return direction


@njit(cache=True, error_model="numpy", nogil=True)
def _minimise(
    x: Float32,
    tiles: npt.NDArray[np.int64],
    label: npt.NDArray[np.int16],
    weight: Float32,
    n_train: int,
    penalty: Float64,
    free: Float64,
    tilt: Float64,
    theta: Float64,
    gradient: Float64,
    inverse: Float32,
    steps: Float64,
    changes: Float64,
    inverse_curvature: Float64,
    place: npt.NDArray[np.int64],
    tolerance: float,
    max_iterations: int,
) -> tuple[Float64, int, int]:
    """Do what `minimise` says.

    A step is taken as far as the slope along it has at most half its size, going up or not. On a
    convex function a slope that is still negative means that the objective fell; one that has
    become positive is answered by the secant's zero.
    """
    n_passes, before = 0, 0.0
    for _ in range(max_iterations):
        direction = _direction(gradient, inverse, steps, changes, inverse_curvature, place, free)
        slope = _product(gradient, direction)
        rate = max(FASTEST, min(1.0, slope / before)) if before < 0 else 1.0
        before = slope
        if -slope * rate < tolerance:
            return _sum(theta, 1.0, direction), n_passes, CONVERGED
        length = 1.0
        for trial in range(MAX_TRIALS):
            new_theta = _sum(theta, length, direction)
            new = objective_gradient(x, tiles, label, weight, n_train, penalty, free, new_theta)
            _add_multiple(1.0, tilt, new)
            n_passes += 1
            new_slope = _product(new, direction)
            if new_slope <= -0.5 * slope or trial == MAX_TRIALS - 1:
                break
            length *= min(0.9, max(0.1, slope / (slope - new_slope)))
        step, change = _sum(new_theta, -1.0, theta), _sum(new, -1.0, gradient)
        curvature = _product(step, change)
        if curvature > 0:
            at = place[0] % MEMORY
            _copy(step, steps[at])
            _copy(change, changes[at])
            inverse_curvature[at] = 1.0 / curvature
            place[0] += 1
            place[1] = min(place[1] + 1, MEMORY)
        theta, gradient = new_theta, new
    return theta, n_passes, UNFINISHED
