"""Many tests at once: false discovery rate, the maximum over statistics, null bands.

`cytosurf.nulls.holm` needs only the p-values of a family. Where all statistics were computed on
the same spins, their joint null is known as well, and the maximum over them gives adjusted
p-values that lose nothing when the statistics go together (the F1 of neighbouring classes, feature
sets that share columns) [1]_.

Each statistic is put on its own scale first, by mean and standard deviation of its null, so that
the class with the widest null does not decide alone. The real labels count as one of the rotations
there, as they do in ``p = (b + 1) / (n + 1)``: then they are treated like every spin, and the
adjusted p-values hold for any number of spins.

References
----------
.. [1] Westfall PH, Young SS (1993). Resampling-Based Multiple Testing. Wiley. Nichols TE, Holmes
   AP (2002). Nonparametric permutation tests for functional neuroimaging. Hum Brain Mapp 15:1-25.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.nulls.pvalues import TIE_TOLERANCE, adjusted_p_values

Float64 = npt.NDArray[np.float64]


def benjamini_hochberg(p: npt.ArrayLike) -> Float64:
    """Return p-values adjusted for the false discovery rate by Benjamini and Hochberg's method.

    The i-th smallest of `m` (from 1) is multiplied by ``m / i`` and never exceeds the one after
    it; computed by statsmodels. Rejecting what is at or below 0.05 keeps the expected share of
    false rejections at 5 % for independent tests and for positively dependent ones; Holm's method
    controls the stricter chance of any false rejection.

    Parameters
    ----------
    p : (n_tests,) array_like
        The p-values of the family, each in (0, 1].

    Returns
    -------
    (n_tests,) ndarray of float64
        In the same order; at most 1.

    Raises
    ------
    InputError
        If there are none, or one is not in (0, 1].

    References
    ----------
    Benjamini Y, Hochberg Y (1995). Controlling the false discovery rate. J R Stat Soc B 57:289.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5]).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    return adjusted_p_values(p, "fdr_bh")


@dataclass(frozen=True, eq=False)
class MaxStatistic:
    """Single-step maximum test over statistics that share their spins.

    Attributes
    ----------
    z : (n_tests,) float64
        The observed statistics on the scale of their nulls. Minus infinity where all spins and
        the real labels have one value, from which nothing can be learned.
    null_max : (n_spins,) float64
        The largest scaled statistic of each spin; infinite where a spin has none.
    exceed : (n_tests,) int64
        Spins whose maximum is at least `z` (b).
    p : (n_tests,) float64
        Adjusted for the family: ``(exceed + 1) / (n_spins + 1)``.
    n_spins : int
        Spins in all (n).
    """

    z: Float64
    null_max: Float64
    exceed: npt.NDArray[np.int64]
    p: Float64
    n_spins: int


def max_statistic(observed: npt.ArrayLike, null: npt.ArrayLike) -> MaxStatistic:
    """Compare each statistic with the largest of all statistics of each spin.

    The chance that any `p` is at or below alpha is at most alpha when no statistic has an effect,
    whatever their dependence; nearly so where spins lack statistics, see `null`.

    Parameters
    ----------
    observed : (n_tests,) array_like
        The statistics of the real labels: one for each feature set, or the F1 of each class. Large
        values speak against the null.
    null : (n_spins, n_tests) array_like
        The statistics of each spin. All columns must come from the same spins. NaN is a statistic
        that a spin does not have (a class that came to lie on the medial wall). The next spin that
        has it (after the last, the first) lends its value, so that the largest is taken of as many
        statistics as the real labels have; of fewer, it would be too small. This is right as far
        as it is chance which spins lack it. A spin that has none counts as exceeding.

    Returns
    -------
    MaxStatistic
        One adjusted p-value for each statistic.

    Raises
    ------
    InputError
        If the shapes do not fit, an observed value is NaN, or a value is infinite.

    Examples
    --------
    >>> null = np.random.default_rng(0).normal(size=(999, 3)) * [1, 10, 100]
    >>> max_statistic([4.0, 10.0, 0.0], null).p.round(3).tolist()
    [0.001, 0.413, 0.873]
    """
    values, nulls = _checked(observed, null)
    # All rotations are treated alike, the identity among them.
    everything = np.concatenate([values[None], nulls])
    z = _scaled(everything, everything)
    z[:, np.nanmin(everything, axis=0) == np.nanmax(everything, axis=0)] = -np.inf
    null_max = _filled(z[1:]).max(axis=1)
    null_max[np.isnan(nulls).all(axis=1)] = np.inf
    exceed = (null_max[:, None] >= z[0] - TIE_TOLERANCE).sum(axis=0)
    p = (exceed + 1) / (len(nulls) + 1)
    return MaxStatistic(z[0], null_max, exceed, p, len(nulls))


@dataclass(frozen=True, eq=False)
class NullBands:
    """Where statistics lie under the null, one column for each (the classes of a target).

    Attributes
    ----------
    median : (n_tests,) float64
        Of the null of each.
    low, high : (n_tests,) float64
        Pointwise: each on its own holds `coverage` of the spins.
    low_all, high_all : (n_tests,) float64
        Simultaneous: `coverage` of the spins lie within the band in every column. At least as
        wide as the pointwise band; it may reach beyond what a statistic can be (an F1 below 0).
    coverage : float
        The share.
    """

    median: Float64
    low: Float64
    high: Float64
    low_all: Float64
    high_all: Float64
    coverage: float


def null_bands(null: npt.ArrayLike, coverage: float = 0.95) -> NullBands:
    """Return pointwise and simultaneous bands of statistics under the null.

    The pointwise band goes between the ``(1 - coverage) / 2`` quantiles of each column. The
    simultaneous one reaches equally many standard deviations above and below the mean in every
    column, as many as it takes to hold `coverage` of the spins and one more. With 99 spins of 8
    classes a band for 90 % held 87 to 89 % of new spins, with 999 spins 89 to 90 %.

    Parameters
    ----------
    null : (n_spins, n_tests) array_like
        The statistics of each spin: `class_f1` gives the F1 of each class over all folds. NaN is a
        statistic that a spin does not have, and is left out of its column.
    coverage : float, optional
        Between 0 and 1.

    Returns
    -------
    NullBands
        The bands, one value for each column; NaN for a column without any value.

    Raises
    ------
    InputError
        If the null is empty, has other than two dimensions, holds NaN alone or infinite values, or
        the coverage is no share.

    Examples
    --------
    >>> bands = null_bands(np.random.default_rng(0).normal(size=(2000, 7)))
    >>> float(bands.high.mean().round(1)), float(bands.high_all.mean().round(1))
    (2.0, 2.7)
    """
    if not 0 < coverage < 1:
        raise InputError("coverage", str(coverage), "a share between 0 and 1")
    nulls = np.asarray(null, dtype=np.float64)
    if nulls.ndim != 2 or not nulls.size:
        raise InputError("null distributions", f"shape {nulls.shape}", "(n_spins, n_tests)")
    _check_finite(nulls, "null distributions")
    there = ~np.isnan(nulls)
    if not there.any():
        raise InputError("null distributions", "NaN alone", "the statistics of spins")
    known = there.any(axis=0)
    bands = np.full((5, nulls.shape[1]), np.nan)
    bands[:, known] = _bands(nulls[there.any(axis=1)][:, known], coverage)
    median, low, high, low_all, high_all = bands
    return NullBands(median, low, high, low_all, high_all, coverage)


def _bands(nulls: Float64, coverage: float) -> tuple[Float64, ...]:
    """Return median, low, high, low_all and high_all of columns with at least one value each."""
    tail = (1 - coverage) / 2
    low, median, high = np.nanquantile(nulls, [tail, 0.5, 1 - tail], axis=0)
    away_sd = np.sort(np.nanmax(np.abs(_scaled(nulls, nulls)), axis=1))
    needed = math.ceil(coverage * (len(nulls) + 1) - 1e-9)
    reach = away_sd[min(needed, len(nulls)) - 1] * np.nanstd(nulls, axis=0)
    mean = np.nanmean(nulls, axis=0)
    low_all, high_all = np.minimum(low, mean - reach), np.maximum(high, mean + reach)
    return median, low, high, low_all, high_all


def _scaled(values: Float64, reference: Float64) -> Float64:
    """Return values less the mean of the reference over its SD; 0 where the SD is."""
    sd = np.nanstd(reference, axis=0)
    away = values - np.nanmean(reference, axis=0)
    scaled: Float64 = np.divide(away, sd, out=np.zeros_like(away), where=sd > 0)
    return scaled


def _filled(nulls: Float64) -> Float64:
    """Return the nulls with each NaN replaced by the next value of its column, in a circle."""
    filled = nulls.copy()
    for column in filled.T:
        there, lacking = np.flatnonzero(~np.isnan(column)), np.flatnonzero(np.isnan(column))
        column[lacking] = (
            column[there[np.searchsorted(there, lacking) % there.size]] if there.size else -np.inf
        )
    return filled


def _checked(observed: npt.ArrayLike, null: npt.ArrayLike) -> tuple[Float64, Float64]:
    values = np.asarray(observed, dtype=np.float64)
    nulls = np.asarray(null, dtype=np.float64)
    if values.ndim != 1 or nulls.ndim != 2 or nulls.shape[1:] != values.shape or not nulls.size:
        raise InputError(
            "statistics and their nulls",
            f"shapes {values.shape} and {nulls.shape}",
            "(n_tests,) and (n_spins, n_tests)",
        )
    n_nan = int(np.isnan(values).sum())
    if n_nan:
        raise InputError("observed statistics", f"{n_nan} NaN of {values.size}", "finite values")
    _check_finite(values, "observed statistics")
    _check_finite(nulls, "null distributions")
    return values, nulls


def _check_finite(values: Float64, where: str) -> None:
    broken = int(np.isinf(values).sum())
    if broken:
        raise InputError(where, f"{broken} infinite of {values.size}", "finite values, or NaN")
