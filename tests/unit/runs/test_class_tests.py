"""The F1 of each class beside its null: counted, banded and corrected over the classes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.nulls import SpinPValue, max_statistic, null_bands
from cytosurf.runs.class_tests import class_test


def random_null(seed, n_spins=60, k=4):
    """Return observed values and a null of classes with scales of their own."""
    rows = np.random.default_rng(seed).normal(0.4, np.linspace(0.01, 0.2, k), (n_spins + 1, k))
    return rows[0], rows[1:]


def test_is_what_the_nulls_say():
    """p, corrected p and bands are those of the functions for arrays."""
    observed, null = random_null(0)
    result = class_test(observed, null)
    bands = null_bands(null)
    assert result["p"] == [SpinPValue.from_null(o, null[:, j]).p for j, o in enumerate(observed)]
    assert result["p_max"] == max_statistic(observed, null).p.tolist()
    for name in ("low", "high", "low_all", "high_all", "median"):
        assert result[f"null_{name}"] == getattr(bands, name).tolist()
    assert result["n_spins"] == [60] * 4


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_a_class_that_spins_take_away_rests_on_the_others(seed):
    """Its p counts the spins that kept it; a spin that kept nothing exceeds for every class."""
    observed, null = random_null(seed)
    without = class_test(observed, null)
    null[::3, 1] = np.nan
    null[5] = np.nan
    result = class_test(observed, null)
    kept = [i for i in range(60) if i % 3 and i != 5]
    exceed = sum(null[i, 1] >= observed[1] for i in kept) + 1
    assert (result["exceed"][1], result["n_spins"][1]) == (exceed, len(kept) + 1)
    assert result["p"][1] == (exceed + 1) / (len(kept) + 2)
    others = [i for i in range(60) if i != 5]
    assert result["exceed"][0] == sum(null[i, 0] >= observed[0] for i in others) + 1
    assert result["n_spins"][0] == without["n_spins"][0] == 60


def test_studentised_so_that_no_class_decides_alone():
    """A class with a narrow null is found beside one with a wide null; raw maxima would not."""
    observed, null = random_null(1, n_spins=199)
    observed[0] = 0.4 + 6 * 0.01
    assert null.max() > observed[0]
    assert class_test(observed, null)["p_max"][0] == 1 / 200


def test_classes_that_were_not_tested_have_no_values():
    """Not of the real labels, or not in any spin."""
    observed, null = random_null(2)
    observed[3] = np.nan
    null[:, 2] = np.nan
    result = class_test(observed, null)
    assert math.isnan(result["p"][3])
    assert math.isnan(result["p_max"][2])
    assert result["n_spins"][2:] == [0, 0]
    assert not math.isnan(result["p_max"][0])
    nothing = class_test(observed, np.full((60, 4), np.nan))
    assert all(math.isnan(p) for p in nothing["p"])


def test_bands_without_p_values():
    """A number of spins that the data chose gives bands alone."""
    observed, null = random_null(3)
    result = class_test(observed, null, tested=False)
    assert all(math.isnan(p) for p in (*result["p"], *result["p_max"]))
    assert result["null_low"] == pytest.approx(np.quantile(null, 0.025, axis=0))
