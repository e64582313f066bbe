"""Estimates of the inverse Hessian of the softmax regression: the preconditioners of its solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from cytosurf.decoding.hessian import hessian_pass, mirror
from cytosurf.decoding.problem import Problem

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

# Parameters up to which the preconditioner is the inverse of the full Hessian; above, it has one
# block a class.
FULL_HESSIAN_PARAMETERS = 4000


@dataclass(frozen=True, eq=False)
class Preconditioner:
    """An estimate of the inverse of a Hessian.

    Attributes
    ----------
    inverse : (1, K n, K n) or (K, n, n) float32
        For all parameters, class after class, or a block for the n parameters of each class.
    n_classes : int
        The number of classes K.
    """

    inverse: Float32
    n_classes: int

    def decrement(self, gradient: Float64) -> float:
        """Return twice the fall of the objective that Newton's step promises at `gradient`."""
        parts = gradient.astype(np.float32).reshape(len(self.inverse), -1, 1)
        return float((parts * (self.inverse @ parts)).sum(dtype=np.float64))

    def of_classes(self, rows: npt.NDArray[np.integer]) -> Preconditioner:
        """Return the part that belongs to some of the classes: positive definite still."""
        if len(rows) == self.n_classes:
            return self
        if len(self.inverse) > 1:
            return Preconditioner(self.inverse[rows], len(rows))
        n = self.inverse.shape[1] // self.n_classes
        kept = (rows[:, None] * n + np.arange(n)).ravel()
        part = np.ascontiguousarray(self.inverse[0][np.ix_(kept, kept)])
        return Preconditioner(part[None], len(rows))


def estimate_inverse(sample: Problem, theta: Float64) -> Preconditioner:
    """Invert the Hessian of a sample at `theta`.

    Classes weigh the same, so each should give the same number of vertices: a plain sample would
    hardly see the rare classes, whose curvature it is that changes most.

    Parameters
    ----------
    sample : Problem
        From `cytosurf.decoding.problem.sample_problem`.
    theta : (K, n_features + 1) float64
        Where the curvature is wanted.
    """
    n_classes, width = theta.shape
    full = n_classes * width <= FULL_HESSIAN_PARAMETERS
    hessian = hessian_pass(
        sample.x,
        sample.tiles,
        sample.weight,
        np.ascontiguousarray(theta[:, :-1]).astype(np.float32),
        theta[:, -1].astype(np.float32),
        full,
    )
    hessian /= np.float32(sample.n_train)
    ridge = np.diag(sample.penalty).astype(np.float32)
    if full:
        # Nothing but the penalty changes when all classes are shifted alike: such shifts get the
        # curvature of other directions, so that the inverse is accurate in float32.
        by_class = hessian[0].reshape(n_classes, width, n_classes, width)
        diagonal = np.arange(n_classes)
        by_class[diagonal, :, diagonal] += ridge
        by_class += (by_class[diagonal, :, diagonal].mean(axis=0) / n_classes)[:, None, :]
    else:
        hessian += ridge
    return Preconditioner(np.stack([_inverse(matrix) for matrix in hessian]), n_classes)


def inverse_at_zero(sample: Problem) -> Preconditioner:
    """Invert the Hessian of a sample where all parameters are 0: the same block for every class.

    All probabilities are equal there, and what couples the classes acts on common shifts alone.

    Parameters
    ----------
    sample : Problem
        From `cytosurf.decoding.problem.sample_problem`.
    """
    n_classes, width = len(sample.classes), len(sample.penalty)
    moments = np.empty((width, width), np.float32)
    moments[:-1, :-1] = sum(
        (sample.x[tile] * sample.weight[tile]) @ sample.x[tile].T for tile in sample.tiles
    )
    moments[-1, :-1] = moments[:-1, -1] = np.einsum(
        "tjs,ts->j", sample.x[sample.tiles], sample.weight[sample.tiles]
    )
    moments[-1, -1] = sample.n_train
    moments /= np.float32(sample.n_train * n_classes)
    block = _inverse(moments + np.diag(sample.penalty).astype(np.float32))
    return Preconditioner(np.stack([block] * n_classes), n_classes)


def _inverse(matrix: Float32) -> Float32:
    """Invert a symmetric matrix whose smallest eigenvalues rounding may have left below zero."""
    diagonal = np.arange(len(matrix))
    shift = np.float32(1e-6 * np.trace(matrix) / len(matrix))
    while True:
        matrix[diagonal, diagonal] += shift
        factor, failed = linalg.lapack.spotrf(matrix.T, lower=True)
        if not failed:
            inverse: Float32 = linalg.lapack.spotri(factor, lower=True, overwrite_c=True)[0].T
            mirror(inverse)
            return inverse
        shift *= 10
