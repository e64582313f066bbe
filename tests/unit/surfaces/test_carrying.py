"""Columns that are carried when they are asked for are those that are carried at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import sparse

from cytosurf.surfaces import carrying
from cytosurf.surfaces.applying import apply_weights
from cytosurf.surfaces.carrying import Carrier
from cytosurf.surfaces.space import Space

BIGBRAIN, FSLR_164K, FSLR_32K = (
    Space.parse(name) for name in ("bigbrain-164k", "fsLR-164k", "fsLR-32k")
)
SIZES = {BIGBRAIN: 50, FSLR_164K: 40, FSLR_32K: 30}
RNG = np.random.default_rng(0)
VALUES = RNG.normal(size=(50, 7)).astype(np.float32)
VALID = RNG.random(50) > 0.4


def toy_weights(step, hemisphere, **_):
    """Return weights of few vertices, other ones for each step and side; one row is empty."""
    shape = SIZES[step.target], SIZES[step.source]
    rng = np.random.default_rng([*shape, ord(hemisphere)])
    weights = sparse.csr_array(rng.random(shape) * (rng.random(shape) < 0.1))
    sums = weights.sum(axis=1)
    return sparse.csr_array(weights / np.where(sums == 0, 1, sums)[:, None])


@pytest.mark.parametrize("target", [BIGBRAIN, FSLR_164K, FSLR_32K])
@pytest.mark.parametrize("valid", [None, VALID, np.zeros(50, bool)])
@pytest.mark.parametrize("values", [VALUES, np.asfortranarray(VALUES)])
def test_a_column_is_that_of_all_columns(monkeypatch, n_threads, target, valid, values):
    """Over no, one or two steps, with a mask or without, in any order and thread: to the bit."""
    monkeypatch.setattr(carrying, "step_weights", toy_weights)
    carrier = Carrier(BIGBRAIN, target, "L")
    at_once, reached = carrier.values(values, valid)
    column, reached_too = carrier.columns(values, valid)
    assert np.array_equal(reached, reached_too)
    assert at_once.dtype == column(0).dtype == np.float32
    assert not at_once[~reached].any()
    order = [3, 6, 0, 3, 1, 5, 2, 4]
    with ThreadPoolExecutor(n_threads) as pool:
        for index, found in zip(order, pool.map(column, order), strict=True):
            assert found.tobytes() == at_once[:, index].tobytes()


def test_a_mask_that_comes_later_does_not_change_columns(monkeypatch):
    """Columns keep the mask they were asked with, although a carrier keeps one mask only."""
    monkeypatch.setattr(carrying, "step_weights", toy_weights)
    carrier = Carrier(BIGBRAIN, FSLR_164K, "R")
    column, _ = carrier.columns(VALUES, VALID)
    carrier.columns(VALUES, None)
    (step,) = carrying.route(BIGBRAIN, FSLR_164K)
    expected, _ = apply_weights(toy_weights(step, "R"), VALUES, VALID)
    np.testing.assert_allclose(column(2), expected[:, 2], atol=1e-6)
