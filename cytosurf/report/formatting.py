"""How numbers and names are written, the same in text, tables and charts."""

from __future__ import annotations

import math
from collections.abc import Iterable


def format_p(p: float) -> str:
    """Return a p-value with three decimals, or two significant digits below 0.0095.

    Examples
    --------
    >>> format_p(0.04), format_p(0.000119), format_p(1.0), format_p(0.0)
    ('0.040', '0.00012', '1.000', '0')
    """
    if p == 0:
        return "0"
    if p >= 0.0095:
        return f"{p:.3f}"
    return f"{p:.{1 - math.floor(math.log10(p))}f}"


def number(value: float, decimals: int = 3) -> str:
    """Return a number with fixed decimals and a true minus sign; a dash where there is none.

    Examples
    --------
    >>> number(-0.12345), number(-0.0001), number(float("nan"))
    ('−0.123', '0.000', '–')
    """
    if math.isnan(value):
        return "–"
    rounded = round(value, decimals) + 0.0  # turns -0.0 into 0.0
    return f"{rounded:.{decimals}f}".replace("-", "−")


def interval(low: float, high: float, decimals: int = 3) -> str:
    """Return an interval as ``low to high``; a dash where there is none."""
    if math.isnan(low):
        return "–"
    return f"{number(low, decimals)} to {number(high, decimals)}"


def mean_sd(mean: float, sd: float, n_folds: int, decimals: int = 3) -> str:
    """Return ``mean ± SD`` over folds; of one fold the score alone, because it has no SD.

    Examples
    --------
    >>> mean_sd(0.4684, 0.0117, 5), mean_sd(0.4684, 0.0, 1)
    ('0.468 ± 0.012', '0.468')
    """
    if n_folds < 2 or math.isnan(sd):
        return number(mean, decimals)
    return f"{number(mean, decimals)} ± {number(sd, decimals)}"


def n_tested(folds: Iterable[float | None]) -> int:
    """Return how many folds have a score: one that tests no labelled vertex has none.

    Examples
    --------
    >>> n_tested([0.4, float("nan"), None, 0.5])
    2
    """
    return sum(score is not None and not math.isnan(score) for score in folds)


def over_folds(n_folds: int) -> str:
    """Say what a score of `mean_sd` is.

    Examples
    --------
    >>> over_folds(5), over_folds(1)
    ('mean ± SD over 5 folds', 'one fold')
    """
    return "one fold" if n_folds < 2 else f"mean ± SD over {n_folds} folds"


def columns(n: int) -> str:
    """Return ``"1 column"`` or ``"n columns"``."""
    return "1 column" if n == 1 else f"{n} columns"


def rivals(draws: str) -> str:
    """Say what features are compared with where they are drawn.

    Examples
    --------
    >>> rivals("spins"), rivals("surrogates")
    ('equally smooth features in wrong places', 'equally smooth features that are made anew')
    """
    where = {"spins": "in wrong places", "surrogates": "that are made anew"}
    return f"equally smooth features {where[draws]}"


def listed(items: list[str]) -> str:
    """Return ``"a, b and c"``."""
    return "".join(items) if len(items) < 2 else f"{', '.join(items[:-1])} and {items[-1]}"


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters of a text, ending in an ellipsis if it is cut."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
