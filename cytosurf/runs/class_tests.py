"""The F1 of each class beside what spins give it: bands, and p-values corrected over the classes.

A spin may take a class onto the medial wall, or out of the analysed region. It has no F1 there, and
the spin says nothing of that class: its p and its band rest on the spins that kept it. Spins that
left nothing to decode count as exceeding, for every class.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.nulls import SpinPValue, max_statistic, null_bands

Float64 = npt.NDArray[np.float64]

COVERAGE = 0.95


def class_test(observed: Float64, null: Float64, *, tested: bool = True) -> dict[str, Any]:
    """Compare the F1 of each class, or a difference of two, with its null.

    Parameters
    ----------
    observed : (K,) ndarray of float64
        Of the real labels; NaN for a class of which no vertex was tested.
    null : (n_spins, K) ndarray of float64
        Of each spin; NaN for a class that a spin took away, a whole row where nothing was left to
        decode.
    tested : bool, optional
        Whether there are p-values; they need a number of spins that was settled beforehand.

    Returns
    -------
    dict
        Lists of K values: ``observed``, ``null_median``, ``null_low`` and ``null_high`` (pointwise
        band of 95 %), ``null_low_all`` and ``null_high_all`` (of 95 % of the spins in all classes
        at once), ``exceed``, ``n_spins`` (that kept the class), ``p`` and ``p_max`` (corrected over
        the classes by the maximum of their studentised values). NaN, or 0 spins, where there is no
        such value.

    Examples
    --------
    >>> null = np.random.default_rng(0).normal(0.3, [0.1, 0.01], size=(99, 2))
    >>> result = class_test(np.array([0.4, 0.4]), null)
    >>> [round(p, 2) for p in result["p"]], [round(p, 2) for p in result["p_max"]]
    ([0.15, 0.01], [0.17, 0.01])
    """
    k = len(observed)
    lost = np.isnan(null).all(axis=1)
    known = ~np.isnan(observed) & ~np.isnan(null).all(axis=0)
    counted = [
        _counted(observed[j], null[lost | ~np.isnan(null[:, j]), j], known[j]) for j in range(k)
    ]
    bands, p_max = np.full((5, k), np.nan), np.full(k, np.nan)
    if known.any():
        of = null_bands(null[:, known], COVERAGE)
        bands[:, known] = of.median, of.low, of.high, of.low_all, of.high_all
        p_max[known] = max_statistic(observed[known], null[:, known]).p
    names = ("null_median", "null_low", "null_high", "null_low_all", "null_high_all")
    p = [outcome.p if outcome and tested else math.nan for outcome in counted]
    return {
        "observed": observed.tolist(),
        **dict(zip(names, bands.tolist(), strict=True)),
        "exceed": [outcome.exceed if outcome else 0 for outcome in counted],
        "n_spins": [outcome.n_spins if outcome else 0 for outcome in counted],
        "p": p,
        "p_max": p_max.tolist() if tested else [math.nan] * k,
    }


def _counted(observed: float, null: Float64, known: bool) -> SpinPValue | None:
    return SpinPValue.from_null(float(observed), null) if known else None
