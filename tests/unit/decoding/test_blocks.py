"""The register blocks are matrix products, whatever the number of classes and features."""

import numpy as np
import pytest
from numba import njit

from cytosurf.decoding.blocks import BLOCK, LANES, TILE, logits_block, products_block

SIZES = [(k, p) for k in range(1, 2 * BLOCK + 2) for p in (1, 2, 3, 4, 5, 7, 8, 9, 13)]
GUARD = np.float32(-7.25)


@njit
def all_logits(x, coefficients, intercepts, z):
    """Fill in the logits of a tile, block by block."""
    n_classes, n_features = coefficients.shape
    for k in range(0, n_classes, BLOCK):
        logits_block(x, coefficients, intercepts, z, k, n_classes, n_features)


@njit
def all_products(x, z, sums):
    """Add the products of a tile to `sums`, block by block."""
    n_classes, n_features = sums.shape[:2]
    for k in range(0, n_classes, BLOCK):
        for j in range(0, n_features, BLOCK):
            products_block(x, z, sums, k, j, n_classes, n_features)


def tile(seed, n_rows):
    """Return random rows of one tile, in float32, of scales from 0.01 to 100."""
    rng = np.random.default_rng(seed)
    scale = 10 ** rng.uniform(-2, 2, (n_rows, 1))
    return (scale * rng.standard_normal((n_rows, TILE))).astype(np.float32)


def guarded(shape):
    """Return an array inside a larger one, whose rows before and after must stay `GUARD`."""
    n_rows = shape[0]
    whole = np.full((n_rows + 2 * BLOCK, *shape[1:]), GUARD, np.float32)
    return whole, whole[BLOCK : BLOCK + n_rows]


def is_untouched(whole):
    """Whether nothing was written beyond the inner rows."""
    return bool((whole[:BLOCK] == GUARD).all() and (whole[-BLOCK:] == GUARD).all())


@pytest.mark.parametrize("offset", [0, 3])
@pytest.mark.parametrize(("n_classes", "n_features"), SIZES)
def test_logits_equal_float64_products(n_classes, n_features, offset):
    """Within the rounding of float32, wherever the features begin, and nothing else is written."""
    memory = np.empty(n_features * TILE + offset, np.float32)
    x = memory[offset:].reshape(n_features, TILE)
    x[:] = tile(n_features, n_features)
    rng = np.random.default_rng(n_classes)
    coefficients = rng.standard_normal((n_classes, n_features)).astype(np.float32)
    intercepts = rng.standard_normal(n_classes).astype(np.float32)
    whole, z = guarded((n_classes, TILE))
    all_logits(x, coefficients, intercepts, z)
    wide, factors = x.astype(np.float64), coefficients.astype(np.float64)
    expected = factors @ wide + intercepts[:, None]
    size = np.abs(factors) @ np.abs(wide) + np.abs(intercepts[:, None])
    assert (np.abs(z - expected) <= (n_features + 1) * np.finfo(np.float32).eps * size).all()
    assert is_untouched(whole)


@pytest.mark.parametrize(("n_classes", "n_features"), SIZES)
def test_products_equal_float64_products(n_classes, n_features):
    """Lane by lane, added once to what was there, and nothing else is written."""
    x, z = tile(1, n_features), tile(2, n_classes)
    whole, sums = guarded((n_classes, n_features, LANES))
    before = np.random.default_rng(3).standard_normal(sums.shape).astype(np.float32)
    sums[:] = before
    all_products(x, z, sums)
    by_lane = "ktl,jtl->kjl"
    wide_z = z.reshape(n_classes, -1, LANES).astype(np.float64)
    wide_x = x.reshape(n_features, -1, LANES).astype(np.float64)
    expected = np.einsum(by_lane, wide_z, wide_x) + before
    size = np.einsum(by_lane, np.abs(wide_z), np.abs(wide_x)) + np.abs(before)
    steps = TILE // LANES + 1
    assert (np.abs(sums - expected) <= steps * np.finfo(np.float32).eps * size).all()
    assert is_untouched(whole)


def test_a_block_is_its_own_rows_alone():
    """A block in the middle fills four rows of logits, and the sums of four by four."""
    x, z = tile(4, 9), tile(5, 10)
    coefficients, intercepts = z[:, :9].copy(), z[:, 9].copy()

    @njit
    def one_block(x, coefficients, intercepts, logits, z, sums):
        logits_block(x, coefficients, intercepts, logits, 4, 10, 9)
        products_block(x, z, sums, 4, 4, 10, 9)

    logits = np.full((10, TILE), GUARD, np.float32)
    sums = np.zeros((10, 9, LANES), np.float32)
    one_block(x, coefficients, intercepts, logits, z, sums)
    assert np.flatnonzero((logits != GUARD).any(axis=1)).tolist() == [4, 5, 6, 7]
    filled = np.zeros((10, 9), bool)
    filled[4:8, 4:8] = True
    assert np.array_equal(sums.any(axis=2), filled)


def test_not_a_number_stays_in_its_slot():
    """A NaN in one slot is a NaN in the logits of that slot alone."""
    x = tile(6, 5)
    x[2, 77] = np.nan
    z = np.zeros((3, TILE), np.float32)
    all_logits(x, np.ones((3, 5), np.float32), np.zeros(3, np.float32), z)
    assert np.flatnonzero(np.isnan(z).any(axis=0)).tolist() == [77]
