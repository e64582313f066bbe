"""A process that compiles the kernels gives the same bits as one that finds them in the cache."""

import os
import subprocess
import sys

import pytest

GRADIENTS = """
import hashlib
import numpy as np
from cytosurf.decoding.kernels import TILE, aligned, objective_gradient

rng, digest = np.random.default_rng(0), hashlib.sha256()
for n_features, n_classes in ((1, 2), (3, 7), (32, 7), (32, 17)):
    x = aligned(9 * n_features * TILE).reshape(9, n_features, TILE)
    x[:] = rng.standard_normal(x.shape)
    label = rng.integers(0, n_classes, (9, TILE)).astype(np.int16)
    weight = rng.random((9, TILE)).astype(np.float32)
    theta, ones = rng.standard_normal((n_classes, n_features + 1)), np.ones(n_features + 1)
    digest.update(objective_gradient(x, np.arange(9), label, weight, 4000, ones, ones, theta))
print(digest.hexdigest())
"""

FITS = """
import hashlib
import numpy as np
from cytosurf.decoding.design import make_design
from cytosurf.decoding.softmax import fit_softmax, make_start, predict_probability

rng, digest = np.random.default_rng(0), hashlib.sha256()
for n_features, n_classes in ((3, 7), (16, 9)):
    fold = rng.integers(0, 3, 20_000)
    design = make_design(rng.standard_normal((20_000, n_features)), fold)
    start = make_start(design, rng.integers(0, n_classes, 20_000), np.ones(20_000, bool))
    for k in range(3):
        fit = fit_softmax(start, fold != k)
        digest.update(fit.theta)
        digest.update(predict_probability(design, fit))
print(digest.hexdigest())
"""


@pytest.mark.parametrize("code", [GRADIENTS, pytest.param(FITS, marks=pytest.mark.slow)])
def test_compiled_equals_cached(code, tmp_path):
    """The kernels that a caller inlined are those that are called on their own."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    run = [sys.executable, "-c", code]
    compiled, cached = (
        subprocess.run(run, env=environment, check=True, capture_output=True, text=True).stdout
        for _ in range(2)
    )
    assert any(tmp_path.rglob("*.nbc"))
    assert compiled == cached
