"""P-values of a null distribution: how many spins did at least as well as the real labels.

``p = (b + 1) / (n + 1)`` with `b` of `n` spins at or above the observed value: the real labels
count as one of the rotations, so p is never 0 and never below what the number of spins can show
[1]_. All tests are one-sided: large values speak against the null.

References
----------
.. [1] Phipson B, Smyth GK (2010). Permutation p-values should never be zero. Stat Appl Genet Mol
   Biol 9:39.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special

from cytosurf.errors import CytosurfWarning, InputError

# Scores that differ by less are equal: their sums may have been made in another order.
TIE_TOLERANCE = 1e-12


@dataclass(frozen=True)
class SpinPValue:
    """The outcome of one spin test.

    Parameters
    ----------
    observed : float
        The statistic of the real labels.
    exceed : int
        Spins whose statistic is at least `observed` (b), and those that could not be tested.
    n_spins : int
        Spins in all (n).
    p : float
        ``(exceed + 1) / (n_spins + 1)``.
    ci95 : tuple of float
        Clopper-Pearson 95 % interval of the share of all possible rotations that exceed: what
        is left open by having drawn only `n_spins` of them.

    Examples
    --------
    >>> SpinPValue.from_null(0.5, [0.1, 0.5, 0.3]).p
    0.5
    """

    observed: float
    exceed: int
    n_spins: int
    p: float
    ci95: tuple[float, float]

    @classmethod
    def from_null(cls, observed: float, null: npt.ArrayLike) -> SpinPValue:
        """Compare an observed statistic with its null distribution.

        Parameters
        ----------
        observed : float
            The statistic of the real labels.
        null : (n_spins,) array_like
            The statistic of each spin. Values within 1e-12 of `observed` count as equal to it.
            NaN is a spin that could not be tested: it counts as exceeding, so that it can make p
            larger and never smaller.

        Raises
        ------
        InputError
            If the null is empty or has more than one dimension, or a value is infinite.

        Examples
        --------
        >>> SpinPValue.from_null(0.5, [0.1, float("nan"), 0.3]).exceed
        1
        """
        values = one_value_per_spin(null)
        broken = int(np.isinf(values).sum())
        if broken:
            found = f"{broken} infinite of {len(values)}"
            raise InputError("null distribution", found, "finite values")
        if not math.isfinite(observed):
            raise InputError("observed statistic", str(observed), "a finite value")
        exceed = int((~(values < observed - TIE_TOLERANCE)).sum())
        n_spins = len(values)
        p = (exceed + 1) / (n_spins + 1)
        return cls(float(observed), exceed, n_spins, p, clopper_pearson(exceed, n_spins))


def one_value_per_spin(null: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the null distribution of one statistic as an array, or raise `InputError`."""
    values = np.asarray(null, dtype=np.float64)
    if values.ndim != 1 or not len(values):
        raise InputError("null distribution", f"shape {values.shape}", "one value per spin")
    return values


def clopper_pearson(exceed: int, n_spins: int, coverage: float = 0.95) -> tuple[float, float]:
    """Return the Clopper-Pearson interval of a share of which `exceed` of `n_spins` were seen.

    Parameters
    ----------
    exceed, n_spins : int
        0 <= exceed <= n_spins, n_spins at least 1.
    coverage : float, optional
        How often, at least, such an interval holds the true share.

    Raises
    ------
    InputError
        If the counts are impossible.

    Examples
    --------
    >>> low, high = clopper_pearson(0, 99)
    >>> low, round(high, 4)
    (0.0, 0.0366)
    """
    if not 0 <= exceed <= n_spins or n_spins < 1:
        raise InputError("spins", f"{exceed} of {n_spins} exceed", "0 <= exceed <= n_spins, n > 0")
    tail = (1 - coverage) / 2
    low = special.betaincinv(exceed, n_spins - exceed + 1, tail) if exceed else 0.0
    high = special.betaincinv(exceed + 1, n_spins - exceed, 1 - tail) if exceed < n_spins else 1.0
    return float(low), float(high)


def holm(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return p-values adjusted for a family of tests by Holm's method.

    The i-th smallest of `m` (from 0) is multiplied by ``m - i`` and never falls below the one
    before it; computed by statsmodels.

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

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    return adjusted_p_values(p, "holm")


def adjusted_p_values(
    p: npt.ArrayLike, method: Literal["holm", "fdr_bh"]
) -> npt.NDArray[np.float64]:
    """Return p-values of a family adjusted by a method of statsmodels, as it calls it."""
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not len(values) or not ((values > 0) & (values <= 1)).all():
        raise InputError("p-values", str(values.tolist()), "a list of numbers in (0, 1]")
    from statsmodels.stats.multitest import multipletests

    adjusted: npt.NDArray[np.float64] = multipletests(values, method=method)[1]
    return adjusted


def check_spin_count(n_spins: int, alpha: float = 0.05, n_tests: int = 1) -> None:
    """Refuse a negative number of spins, and warn when no result could be significant.

    The smallest p of `n` spins is 1 / (n + 1), and Holm multiplies the smallest of a family of
    `m` by m: fewer than m / alpha - 1 spins cannot reach alpha whatever the data. No spins at all
    (no test) is a choice, not a mistake.

    Parameters
    ----------
    n_spins : int
        Spins that were asked for.
    alpha : float, optional
        The level at which a test would be called significant.
    n_tests : int, optional
        Tests in the family.

    Raises
    ------
    InputError
        If `n_spins` is negative.

    Warns
    -----
    CytosurfWarning
        If there are too few spins.

    Examples
    --------
    >>> check_spin_count(19)
    """
    if n_spins < 0:
        raise InputError("--spins", str(n_spins), "a whole number of at least 0")
    # 1 / 0.05 is not exactly 20 in floating point.
    needed = math.ceil(n_tests / alpha - 1e-9) - 1
    if 0 < n_spins < needed:
        family = f" in a family of {n_tests}" if n_tests > 1 else ""
        message = (
            f"{n_spins} spins cannot give p <= {alpha}{family}: the smallest possible p is "
            f"{min(1.0, n_tests / (n_spins + 1)):.3g}. Use at least {needed} spins."
        )
        warnings.warn(message, CytosurfWarning, stacklevel=2)
