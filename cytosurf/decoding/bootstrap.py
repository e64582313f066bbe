"""Confidence intervals of pooled scores, by resampling superblocks.

Errors of neighbouring vertices go together, so resampling vertices would give intervals that are
far too narrow. The superblocks are resampled instead, with replacement: what F1 needs to know of a
replicate (right predictions, truth and prediction of each class) is the sum over the blocks drawn,
one matrix product for all replicates.
The models are not fitted again; the interval speaks of the cortex tested, for the models as they
are. Blocks are taken to be independent. Neighbours and mirror images are not quite, so the
intervals are somewhat too narrow rather than too wide.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.marginals import Marginals
from cytosurf.decoding.superblocks import BOOTSTRAP_STREAM, seeded_generator
from cytosurf.errors import InputError

Float64 = npt.NDArray[np.float64]


def bootstrap_macro_f1(of_block: Marginals, *, n_replicates: int = 2000, seed: int = 0) -> Float64:
    """Resample superblocks and return the pooled macro-F1 of each replicate.

    All sets are resampled with the same blocks, so that the difference of two sets, replicate by
    replicate, is a paired one.

    A replicate may have drawn no vertex of a rare class, whose F1 then says nothing; it is left
    out of the mean of that replicate. A class without a vertex in any block scores 0, as in
    `cytosurf.decoding.scores.pooled_macro_f1`.

    Parameters
    ----------
    of_block : Marginals
        Of each superblock, arrays of shape (..., n_blocks, K); leading dimensions are feature sets
        evaluated on the same vertices. Blocks without a vertex are not drawn.
    n_replicates : int
        Number of replicates.
    seed : int
        Seed of the resampling.

    Returns
    -------
    (..., n_replicates) ndarray of float64
        Pooled macro-F1 of each replicate.

    Raises
    ------
    InputError
        If the shapes differ or lack a dimension, or fewer than two blocks hold vertices.

    Examples
    --------
    >>> of_truth = np.full((40, 2), 3.0)
    >>> hits = np.where(np.arange(40)[:, None] < 30, of_truth, 0)
    >>> of_block = Marginals(hits, of_truth, of_prediction=of_truth)
    >>> low, high = percentile_interval(bootstrap_macro_f1(of_block))
    >>> bool(low < 0.75 < high)
    True
    """
    shape = of_block.hits.shape
    if len(shape) < 2 or any(array.shape != shape for array in of_block):
        found = ", ".join(str(array.shape) for array in of_block)
        raise InputError(
            "superblock marginals", f"shapes {found}", "three times (..., n_blocks, K)"
        )
    if n_replicates < 1:
        raise InputError("n_replicates", str(n_replicates), "at least 1")
    filled = of_block.of_truth.reshape(-1, *shape[-2:]).any(axis=(0, 2))
    if filled.sum() < 2:
        raise InputError(
            "superblock marginals", f"{filled.sum()} superblocks with vertices", "at least 2"
        )
    weight = _draw(int(filled.sum()), n_replicates, seed)
    scores = np.empty((*shape[:-2], n_replicates))
    for one in np.ndindex(shape[:-2]):  # one set at a time: its replicates are large enough
        scores[one] = _replicates(Marginals(*(array[one][filled] for array in of_block)), weight)
    return scores


def _replicates(of_block: Marginals, weight: Float64) -> Float64:
    """Return the pooled macro-F1 of each replicate of one set, (n_replicates,)."""
    nowhere = ~of_block.of_truth.any(axis=0)
    hits, of_truth, of_prediction = (weight @ array for array in of_block)
    n_averaged = ((of_truth > 0) | nowhere).sum(axis=-1)
    of_prediction += of_truth
    hits *= 2
    f1 = np.divide(hits, of_prediction, out=np.zeros_like(hits), where=of_truth > 0)
    scores: Float64 = f1.sum(axis=-1) / n_averaged
    return scores


def percentile_interval(replicates: Float64, *, level: float = 0.95) -> Float64:
    """Return the percentile interval of bootstrap replicates.

    Parameters
    ----------
    replicates : (..., n_replicates) ndarray of float
        A score of each replicate, or the difference of two sets.
    level : float
        Share of replicates that the interval holds.

    Returns
    -------
    (..., 2) ndarray of float64
        Lower and upper end.

    Raises
    ------
    InputError
        If the level is not between 0 and 1.

    Examples
    --------
    >>> percentile_interval(np.arange(101.0), level=0.5).tolist()
    [25.0, 75.0]
    """
    if not 0 < level < 1:
        raise InputError("level", str(level), "a share between 0 and 1")
    ends = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2], axis=-1)
    return np.moveaxis(ends, 0, -1)


def _draw(n_blocks: int, n_replicates: int, seed: int) -> Float64:
    """Return how often each replicate draws each block, (n_replicates, n_blocks)."""
    generator = seeded_generator(seed, BOOTSTRAP_STREAM)
    share = np.full(n_blocks, 1 / n_blocks)
    return generator.multinomial(n_blocks, share, size=n_replicates).astype(np.float64)
