"""Stopping a spin test early where it is clear that nothing is there.

Besag and Clifford's rule [1]_: spins are looked at in the order of their numbers. At the h-th spin
that does at least as well as the real labels, the test stops after `k` spins with ``p = h / k``;
if that does not happen within the largest number of spins allowed, ``p = (b + 1) / (n + 1)`` as
ever. The chance of p <= alpha without an effect is at most alpha, as for a fixed number of spins.
Where there is an effect nothing is saved: small p-values need all spins.

The decision is a function of the statistics in the order of the spins, and of nothing else: what
was computed beside them, in which order and in how many pieces does not matter, and spins beyond
the stopping point are not looked at even if they are there.

References
----------
.. [1] Besag J, Clifford P (1991). Sequential Monte Carlo p-values. Biometrika 78:301-304.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import special

from cytosurf.errors import InputError
from cytosurf.nulls.pvalues import TIE_TOLERANCE, clopper_pearson, one_value_per_spin

Float64 = npt.NDArray[np.float64]

EXCEEDANCES = 20


@dataclass(frozen=True)
class SequentialPValue:
    """The outcome of a spin test that may stop early.

    Attributes
    ----------
    observed : float
        The statistic of the real labels.
    exceed : int
        Spins at or above `observed` among those looked at (b, or h where it stopped).
    n_spins : int
        Spins looked at (k where it stopped).
    p : float
        ``exceed / n_spins`` where it stopped, else ``(exceed + 1) / (n_spins + 1)``.
    ci95 : tuple of float
        95 % interval of the share of all rotations that exceed, for this way of sampling:
        Clopper-Pearson's where it did not stop.
    stopped : bool
        Whether the h-th exceedance was met.
    complete : bool
        Whether more spins can change nothing: it stopped, or looked at all that are allowed.
    """

    observed: float
    exceed: int
    n_spins: int
    p: float
    ci95: tuple[float, float]
    stopped: bool
    complete: bool


def sequential_p_value(
    observed: float,
    null: npt.ArrayLike,
    *,
    exceedances: int = EXCEEDANCES,
    max_spins: int | None = None,
) -> SequentialPValue:
    """Apply Besag and Clifford's stopping rule to spins in their order.

    Parameters
    ----------
    observed : float
        The statistic of the real labels; large values speak against the null.
    null : (n_spins,) array_like
        The statistics of spins 0, 1, 2, ... without a gap; see `leading_spins`. Values within
        1e-12 of `observed` count as equal to it. NaN is a spin that could not be tested, and counts
        as exceeding.
    exceedances : int, optional
        Stop at this many (h). A p-value near alpha then rests on about ``h / alpha`` spins, and
        its relative standard error is about ``1 / sqrt(h)``.
    max_spins : int, optional
        Look at no more than these. It must be settled before the test, not by its outcome. All of
        `null` if left out.

    Returns
    -------
    SequentialPValue
        Not `complete` where the rule asks for spins that are not there: its p is provisional.

    Raises
    ------
    InputError
        If the null is empty or has more than one dimension, a value that is looked at is infinite,
        or a count is below 1.

    Examples
    --------
    >>> result = sequential_p_value(0.5, [0.6, 0.1, 0.7, 0.2, 0.9, 0.3], exceedances=2)
    >>> result.n_spins, round(result.p, 3), result.stopped
    (3, 0.667, True)
    >>> sequential_p_value(0.8, [0.6, 0.1, 0.7, 0.2, 0.9, 0.3], exceedances=2).p
    0.2857142857142857
    """
    values = _checked(observed, null, exceedances, max_spins)
    stop = _stop(observed, values, exceedances)
    used = values if stop is None else values[:stop]
    broken = int(np.isinf(used).sum())
    if broken:
        found = f"{broken} infinite of {len(used)}"
        raise InputError("null distribution", found, "finite values")
    exceed, n = int(_exceeding(observed, used).sum()), len(used)
    allowed = n if max_spins is None else max_spins
    if stop is None:
        p, interval = (exceed + 1) / (n + 1), clopper_pearson(exceed, n)
    else:
        p, interval = exceed / n, _interval_when_stopped(exceed, n)
    stopped = stop is not None
    return SequentialPValue(
        float(observed), exceed, n, p, interval, stopped, stopped or n >= allowed
    )


def enough_spins(
    observed: float,
    null: npt.ArrayLike,
    *,
    max_spins: int,
    exceedances: int = EXCEEDANCES,
) -> bool:
    """Say whether spins 0 to ``len(null) - 1`` settle the test, so that no more need be computed.

    Parameters
    ----------
    observed, null, exceedances, max_spins
        As for `sequential_p_value`; the null may be empty. For several statistics of the same
        spins, go on until this holds for each.

    Returns
    -------
    bool
        Once true it stays true whatever spins are added.

    Raises
    ------
    InputError
        As `sequential_p_value`.

    Examples
    --------
    >>> enough_spins(0.5, [0.6, 0.1, 0.7], max_spins=1000, exceedances=2)
    True
    >>> enough_spins(0.5, [0.6, 0.1, 0.2], max_spins=1000, exceedances=2)
    False
    """
    if not np.size(null):
        _checked(observed, [0.0], exceedances, max_spins)
        return False
    return sequential_p_value(observed, null, exceedances=exceedances, max_spins=max_spins).complete


def leading_spins(spins: npt.ArrayLike, null: npt.ArrayLike) -> Float64:
    """Return the statistics of spins 0, 1, 2, ... up to the first that is missing.

    Chunks finish in any order and shards anywhere; only the spins before the first gap may decide.

    Parameters
    ----------
    spins : (n,) array_like of int
        Numbers of the spins, in any order.
    null : (n,) array_like
        Their statistics.

    Returns
    -------
    (n_leading,) ndarray of float64
        In the order of the spins; empty where spin 0 is missing.

    Raises
    ------
    InputError
        If the shapes differ, or a spin is there twice.

    Examples
    --------
    >>> leading_spins([3, 1, 0, 4], [0.3, 0.1, 0.0, 0.4]).tolist()
    [0.0, 0.1]
    """
    numbers, values = np.asarray(spins), np.asarray(null, dtype=np.float64)
    if numbers.ndim != 1 or numbers.shape != values.shape:
        found = f"shapes {numbers.shape} and {values.shape}"
        raise InputError("spins and their statistics", found, "(n,) and (n,)")
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if twice.size:
        raise InputError("spins", f"spin {twice[0]} twice", "each spin once")
    in_place = ordered == np.arange(len(ordered))
    n_leading = len(ordered) if in_place.all() else int(in_place.argmin())
    return values[order[:n_leading]]


def _exceeding(observed: float, values: Float64) -> npt.NDArray[np.bool_]:
    return ~(values < observed - TIE_TOLERANCE)  # NaN exceeds


def _stop(observed: float, values: Float64, exceedances: int) -> int | None:
    """Return the number of spins up to the h-th exceedance, or None."""
    where = np.flatnonzero(_exceeding(observed, values))
    return int(where[exceedances - 1]) + 1 if len(where) >= exceedances else None


def _interval_when_stopped(h: int, k: int) -> tuple[float, float]:
    """Return the exact interval of a share when the h-th exceedance came at spin `k`.

    `k` or fewer spins were needed if k spins hold h or more; k or more if k - 1 hold fewer than h.
    """
    low = special.betaincinv(h, k - h + 1, 0.025)
    high = special.betaincinv(h, k - h, 0.975) if k > h else 1.0
    return float(low), float(high)


def _checked(
    observed: float, null: npt.ArrayLike, exceedances: int, max_spins: int | None
) -> Float64:
    """Return what may be looked at."""
    values = one_value_per_spin(null)
    if not math.isfinite(observed):
        raise InputError("observed statistic", str(observed), "a finite value")
    for where, count in (("exceedances", exceedances), ("max_spins", max_spins)):
        if count is not None and count < 1:
            raise InputError(where, str(count), "a whole number of at least 1")
    return values[:max_spins]
