"""The Hessian kernel equals dense float64 arithmetic."""

import numpy as np
import pytest
from scipy.special import softmax

from cytosurf.decoding.hessian import hessian_pass, mirror
from tests.unit.decoding.oracles import random_tiles, rows_of


def dense_hessian(x, weight, coefficients, intercepts):
    """Sum the blocks over rows, written out."""
    z = np.column_stack([x, np.ones(len(x))])
    p = softmax(x @ coefficients.T + intercepts, axis=1)
    middle = np.einsum("i,ik,kl->ikl", weight, p, np.eye(p.shape[1]))
    middle -= np.einsum("i,ik,il->ikl", weight, p, p)
    return np.einsum("ikl,ia,ib->kalb", middle, z, z)


@pytest.mark.parametrize(("n_features", "n_classes"), [(1, 2), (3, 3), (6, 5), (4, 9)])
def test_equals_dense_arithmetic(n_features, n_classes):
    """All blocks or those on the diagonal, over the named tiles and slots with weight."""
    x, _, weight, *parameters = random_tiles(0, n_features, n_classes)
    tiles = np.array([2, 0])
    rows = rows_of(x, tiles).astype(np.float64), weight[tiles].ravel().astype(np.float64)
    expected = dense_hessian(*rows, *(p.astype(np.float64) for p in parameters))
    size = n_classes * (n_features + 1)
    full = hessian_pass(x, tiles, weight, *parameters, True)
    assert (full.shape, full.dtype) == ((1, size, size), np.float32)
    scale = np.abs(expected).max()
    assert np.abs(full[0] - expected.reshape(size, size)).max() < 1e-5 * scale
    blocks = hessian_pass(x, tiles, weight, *parameters, False)
    for k, block in enumerate(blocks):
        assert np.abs(block - expected[k, :, k]).max() < 1e-5 * scale


def test_mirror_copies_the_upper_half():
    """In place, the diagonal and above untouched."""
    matrix = np.arange(16, dtype=np.float32).reshape(4, 4)
    upper = np.triu(matrix)
    mirror(matrix)
    assert np.array_equal(matrix, upper + np.triu(upper, 1).T)
