"""Estimates of the Hessian of the softmax regression: the preconditioners of its solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.problem import Problem, stratified_subset

Float64 = npt.NDArray[np.float64]

Factor = tuple[npt.NDArray[np.float32], bool]

# Parameters up to which the preconditioner is the full Hessian; above, it has one block a class.
FULL_HESSIAN_PARAMETERS = 4000


@dataclass(frozen=True, eq=False)
class Preconditioner:
    """The inverse of an estimated Hessian, in Cholesky factors.

    Attributes
    ----------
    classes : (n,) int64
        The classes that the Hessian is for.
    factors : list
        One factor for all parameters, or one for each class; none stands for no estimate.
    """

    classes: npt.NDArray[np.int64]
    factors: list[Factor]

    def solve(self, gradient: Float64, classes: npt.NDArray[np.int64]) -> Float64:
        """Return the inverse Hessian times `gradient (len(classes), n_parameters_of_a_class)`.

        Of a Hessian for more classes, the part of the inverse that belongs to `classes`: positive
        definite still.
        """
        rows = np.searchsorted(self.classes, classes)
        right = np.zeros((len(self.classes), gradient.shape[1]), np.float32)
        right[rows] = gradient
        parts = np.split(right.ravel(), len(self.factors))
        solved = [
            linalg.cho_solve(f, part, overwrite_b=True, check_finite=False)
            for f, part in zip(self.factors, parts, strict=True)
        ]
        return np.concatenate(solved).reshape(right.shape)[rows].astype(np.float64)


def estimate_hessian(problem: Problem, theta: Float64) -> Preconditioner:
    """Factor the Hessian at `theta`, estimated from some training vertices of every class.

    Classes weigh the same, so each gives the same number of vertices (all, where it has fewer): a
    plain sample would hardly see the rare classes, whose curvature it is that changes most. One
    Cholesky factor for all parameters when there are few, one for each class otherwise, and at
    the start, where all probabilities are equal and blocks are as good.
    """
    n_classes, width = theta.shape
    used, w = stratified_subset(problem, n_classes)
    tile, slot = used // TILE, used % TILE
    z = np.ones((len(used), width), np.float32)
    z[:, :-1] = (problem.x[tile, :, slot] - problem.mean) / problem.scale
    logits = z @ theta.T.astype(np.float32)
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    # The intercepts' common shift changes nothing: any small value on the diagonal fixes it.
    ridge = np.diag(np.append(np.full(width - 1, problem.penalty), 1e-6)).astype(np.float32)
    if not theta.any():
        s = np.sqrt(w * (p[:, 0] * (1 - p[:, 0])))[:, None] * z
        return Preconditioner(problem.classes, [factor(s.T @ s + ridge)] * n_classes)
    if n_classes * width > FULL_HESSIAN_PARAMETERS:
        scaled = (np.sqrt(w * p[:, k] * (1 - p[:, k]))[:, None] * z for k in range(n_classes))
        return Preconditioner(problem.classes, [factor(s.T @ s + ridge) for s in scaled])
    root = np.sqrt(w)[:, None]
    outer = ((root * p)[:, :, None] * z[:, None, :]).reshape(len(z), -1)
    hessian = -(outer.T @ outer)
    for k in range(n_classes):
        s = np.sqrt(p[:, [k]]) * root * z
        block = slice(k * width, (k + 1) * width)
        hessian[block, block] += s.T @ s + ridge
    return Preconditioner(problem.classes, [factor(hessian)])


def factor(matrix: npt.NDArray[np.float32]) -> Factor:
    """Factor a matrix whose smallest eigenvalues float32 products may have left below zero."""
    shift = 1e-6
    while True:
        try:
            result: Factor = linalg.cho_factor(
                matrix + np.float32(shift) * np.eye(len(matrix), dtype=np.float32)
            )
            return result
        except linalg.LinAlgError:
            shift *= 10
