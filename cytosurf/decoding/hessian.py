"""Numba kernels for the Hessian of the softmax regression."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.kernels import FAST, aligned, copy_row, tile_exponentials, tile_logits

Float32 = npt.NDArray[np.float32]
Int64 = npt.NDArray[np.int64]


@njit(cache=True, fastmath=FAST, error_model="numpy", nogil=True)
def hessian_pass(
    x: Float32,
    tiles: Int64,
    weight: Float32,
    coefficients: Float32,
    intercepts: Float32,
    full: bool,
) -> Float32:
    """Return the Hessian of the weighted log-loss with respect to all parameters.

    A block of it is ``sum_i w_i (p_ik [k = l] - p_ik p_il) x_i x_i'``, with a 1 added to x. Blocks
    and outer products are symmetric: what differs is done, in one matrix product a tile.

    Parameters
    ----------
    x, tiles, weight, coefficients, intercepts
        As for `gradient_pass`.
    full : bool
        All blocks, or those on the diagonal alone.

    Returns
    -------
    (1, K n, K n) or (K, n, n) float32
        With n the number of features and 1 more.
    """
    n_classes, n_features = coefficients.shape
    width = n_features + 1
    n_pairs = n_classes * (n_classes + 1) // 2 if full else n_classes
    z = aligned(n_classes * TILE).reshape(n_classes, TILE)
    top = np.empty(TILE, np.float32)
    total = np.empty(TILE, np.float32)
    pairs = np.empty((n_pairs, TILE), np.float32)
    outer = np.ones((width * (width + 1) // 2, TILE), np.float32)
    product = np.empty((n_pairs, len(outer)), np.float32)
    sums = np.zeros((n_pairs, len(outer)), np.float32)
    for tile in tiles:
        tile_logits(x[tile], coefficients, intercepts, z)
        tile_exponentials(z, top, total)
        _fill_pairs(z, total, weight[tile], pairs, full)
        _fill_outer(x[tile], outer)
        np.dot(pairs, outer.T, product)
        _add(product.ravel(), sums.ravel())
    hessian: Float32 = _unfold(sums, n_classes, width, full)
    return hessian


@njit(inline="always")
def _fill_pairs(z: Float32, total: Float32, weight: Float32, pairs: Float32, full: bool) -> None:
    """Fill a row for each pair of classes with the weight of the slots in their block."""
    n_classes = len(z)
    for t in range(TILE):
        total[t] = np.float32(1.0) / total[t]
    row = 0
    for k in range(n_classes):
        for t in range(TILE):
            p = z[k, t] * total[t]
            pairs[row, t] = weight[t] * p * (np.float32(1.0) - p)
        row += 1
        for m in range(k + 1, n_classes if full else 0):
            for t in range(TILE):
                pairs[row, t] = -weight[t] * z[k, t] * total[t] * z[m, t] * total[t]
            row += 1


@njit(inline="always")
def _fill_outer(x: Float32, outer: Float32) -> None:
    """Fill a row for each pair of features, the constant 1 among them, with their product."""
    n_features = len(x)
    row = 0
    for j in range(n_features):
        for m in range(j, n_features):
            for t in range(TILE):
                outer[row, t] = x[j, t] * x[m, t]
            row += 1
        copy_row(x[j], outer[row])
        row += 1


@njit(inline="always")
def _add(a: Float32, total: Float32) -> None:
    """Add `a` to `total`."""
    for i in range(len(a)):
        total[i] += a[i]


@njit(cache=True, nogil=True)
def _unfold(sums: Float32, n_classes: int, width: int, full: bool) -> Float32:
    """Lay ``sums[pair of classes, pair of features]`` out as a symmetric matrix, or its blocks."""
    size = n_classes * width if full else width
    matrices = np.empty((1 if full else n_classes, size, size), np.float32)
    row = 0
    for k in range(n_classes):
        for m in range(k, n_classes if full else k + 1):
            matrix = matrices[0 if full else k]
            a, b = (k * width, m * width) if full else (0, 0)
            column = 0
            for i in range(width):
                for j in range(i, width):
                    value = sums[row, column]
                    column += 1
                    matrix[a + i, b + j] = matrix[a + j, b + i] = value
                    matrix[b + j, a + i] = matrix[b + i, a + j] = value
            row += 1
    return matrices


@njit(cache=True, nogil=True)
def mirror(matrix: Float32) -> None:
    """Copy the upper half of a square matrix to the lower, in place."""
    for i in range(len(matrix)):
        for j in range(i):
            matrix[i, j] = matrix[j, i]
