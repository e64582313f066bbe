"""Estimates of the inverse Hessian of the softmax regression on a torch device."""

from __future__ import annotations

import torch
from torch import Tensor

from cytosurf.decoding.curvature import FULL_HESSIAN_PARAMETERS
from cytosurf.decoding.torch_problem import BLOCK_ROWS, Problems, sample


def inverse_at_zero(problems: Problems) -> Tensor:
    """Invert the Hessians of samples where all parameters are 0.

    Parameters
    ----------
    problems : Problems
        One of each label vector, in order.

    Returns
    -------
    (N, K, width, width) float32
        The same block for every class.
    """
    n_classes = problems.count.shape[1]
    found = []
    for number in torch.arange(len(problems), device=problems.rows.device):
        x, weight = _sample_rows(problems, number)
        n_train = problems.n_train[number]
        moments = (x * weight[:, None]).T @ x / (n_train * problems.present[number].sum())
        block = _inverse(moments + torch.diag(problems.penalty[number]).float())
        found.append(block.expand(n_classes, -1, -1))
    return torch.stack(found)


def inverse_at(problems: Problems, theta: Tensor) -> Tensor:
    """Invert the Hessians of samples at ``theta (N, K, width)``.

    Parameters
    ----------
    problems : Problems
        One of each label vector, in order.
    theta : (N, K, width) float64
        Parameters.

    Returns
    -------
    (N, 1, K * width, K * width) or (N, K, width, width) float32
        Full, or for many parameters a block for each class.
    """
    numbers = torch.arange(len(problems), device=theta.device)
    return torch.stack([_inverse_at(problems, number, theta[number]) for number in numbers])


def _sample_rows(problems: Problems, number: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows ``(size, width)`` and weights of the sample of one problem."""
    row, _, weight = sample(problems, number[None])
    return problems.rows.flat[row[0]], weight[0]


def _inverse_at(problems: Problems, number: Tensor, theta: Tensor) -> Tensor:
    n_classes, width = theta.shape
    full = n_classes * width <= FULL_HESSIAN_PARAMETERS
    device = theta.device
    k, m = torch.triu_indices(n_classes, n_classes, device=device)
    if not full:
        k = m = torch.arange(n_classes, device=device)
    i, j = torch.triu_indices(width, width, device=device)
    # Pairs of classes in rows, pairs of features in columns: blocks are symmetric.
    sums = torch.zeros(len(k), len(i), dtype=torch.float32, device=device)
    x, weight = _sample_rows(problems, number)
    for rows, w in zip(torch.split(x, BLOCK_ROWS), torch.split(weight, BLOCK_ROWS), strict=True):
        p = torch.softmax(rows @ theta.float().T, dim=1)
        pairs = w[:, None] * p[:, k] * ((k == m).float() - p[:, m])
        sums += pairs.T @ (rows[:, i] * rows[:, j])
    unfold = torch.zeros(width, width, dtype=torch.int64, device=device)
    unfold[i, j] = unfold[j, i] = torch.arange(len(i), device=device)
    hessian = sums[:, unfold] / problems.n_train[number]
    ridge = torch.diag(problems.penalty[number]).float()
    present = problems.present[number]
    if not full:
        hessian = torch.where(present[:, None, None], hessian + ridge, torch.eye(width).to(x))
        return torch.stack([_inverse(block) for block in hessian])
    blocks = hessian.new_zeros(n_classes, n_classes, width, width)
    blocks[k, m] = blocks[m, k] = hessian
    # Nothing but the penalty changes when all classes are shifted alike: such shifts get the
    # curvature of other directions, so that the inverse is accurate in float32.
    n_present = present.sum()
    every = torch.arange(n_classes, device=device)
    blocks[every, every] += ridge
    blocks += (blocks[every, every] * present[:, None, None]).sum(dim=0) / n_present**2
    both = (present[:, None] & present)[:, :, None, None]
    blocks = torch.where(both, blocks, torch.zeros_like(blocks))
    blocks[every, every] += torch.diag(torch.ones(width)).to(x) * ~present[:, None, None]
    return _inverse(blocks.transpose(1, 2).reshape(n_classes * width, -1))[None]


def _inverse(matrix: Tensor) -> Tensor:
    """Invert a symmetric matrix whose smallest eigenvalues rounding may have left below zero."""
    shift = 1e-6 * torch.trace(matrix) / len(matrix)
    unit = torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
    while True:
        matrix = matrix + shift * unit
        factor, failed = torch.linalg.cholesky_ex(matrix)
        if not failed:
            return torch.cholesky_inverse(factor)
        shift = shift * 10
