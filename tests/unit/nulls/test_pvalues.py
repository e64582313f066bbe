"""P-values follow (b + 1) / (n + 1), intervals and Holm those of statsmodels."""

import dataclasses
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import permutation_test_score
from sklearn.naive_bayes import GaussianNB
from statsmodels.stats.proportion import proportion_confint

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls.pvalues import SpinPValue, check_spin_count, clopper_pearson, holm

scores = st.floats(-1, 1)


class TestSpinPValue:
    """The p-value of an observed statistic."""

    @given(scores, st.lists(scores, min_size=1, max_size=50))
    def test_equals_counting(self, observed, null):
        """B is the number of spins at or above the observed value, p = (b + 1) / (n + 1)."""
        result = SpinPValue.from_null(observed, null)
        b, n = sum(value >= observed - 1e-12 for value in null), len(null)
        assert (result.observed, result.exceed, result.n_spins) == (observed, b, n)
        assert result.p == (b + 1) / (n + 1)
        assert 0 < result.p <= 1
        assert result.ci95 == clopper_pearson(b, n)

    @given(scores, st.lists(scores, min_size=1, max_size=20), st.randoms())
    def test_order_of_spins_does_not_matter(self, observed, null, random):
        """Any split and order of the spins gives the same result."""
        shuffled = random.sample(null, len(null))
        assert SpinPValue.from_null(observed, shuffled) == SpinPValue.from_null(observed, null)

    def test_never_zero(self):
        """Far above all spins, p is what the number of spins can show."""
        assert SpinPValue.from_null(1.0, np.zeros(99)).p == 0.01

    def test_ties_and_rounding_count_as_exceeding(self):
        """A spin equal to the observed value up to the last digits counts; a lower one does not."""
        null = [0.3, 0.1 + 0.2, 0.3 - 1e-13, 0.3 - 1e-11]
        assert SpinPValue.from_null(0.3, null).exceed == 3
        assert SpinPValue.from_null(0.1 + 0.2, null).exceed == 3

    def test_equals_scikit_learn(self):
        """The same null gives the p-value of scikit-learn's permutation test."""
        generator = np.random.default_rng(0)
        X, y = generator.normal(size=(40, 2)), generator.integers(0, 2, 40)
        observed, null, p = permutation_test_score(
            GaussianNB(), X, y, n_permutations=49, random_state=0
        )
        assert SpinPValue.from_null(observed, null).p == p

    def test_is_frozen(self):
        """A result cannot be edited."""
        with pytest.raises(dataclasses.FrozenInstanceError):
            SpinPValue.from_null(0.0, [1.0]).p = 0.0

    @pytest.mark.parametrize(
        ("observed", "null", "says"),
        [
            (0.5, [], "one value per spin"),
            (0.5, [[0.1, 0.2]], "one value per spin"),
            (0.5, 0.1, "one value per spin"),
            (0.5, [0.1, np.nan], "1 NaN or infinite of 2"),
            (0.5, [np.inf, 0.1], "1 NaN or infinite of 2"),
            (np.nan, [0.1], "observed statistic"),
        ],
    )
    def test_bad_input(self, observed, null, says):
        """An empty null, or NaN anywhere, is refused rather than counted as not exceeding."""
        with pytest.raises(InputError, match=says):
            SpinPValue.from_null(observed, null)


class TestClopperPearson:
    """The interval of the share of rotations that exceed."""

    @given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
    def test_equals_statsmodels(self, counts):
        """The bounds are those of statsmodels' beta method, and hold the share seen."""
        low, high = clopper_pearson(*counts)
        expected = proportion_confint(*counts, alpha=0.05, method="beta")
        np.testing.assert_allclose((low, high), expected, rtol=1e-9, atol=1e-12)
        assert low <= counts[0] / counts[1] <= high

    def test_other_coverage(self):
        """A coverage of 99 % is wider than one of 95 %."""
        low, high = clopper_pearson(5, 99, 0.99)
        np.testing.assert_allclose((low, high), proportion_confint(5, 99, 0.01, "beta"))

    @pytest.mark.parametrize("counts", [(-1, 5), (6, 5), (0, 0)])
    def test_bad_input(self, counts):
        """Impossible counts are refused."""
        with pytest.raises(InputError):
            clopper_pearson(*counts)


class TestHolm:
    """Adjustment for a family."""

    @settings(max_examples=15)  # statsmodels collects garbage at every call
    @given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
    def test_follows_the_definition(self, p):
        """The i-th smallest p is multiplied by what is left of the family, and never falls."""
        expected, largest = {}, 0.0
        for rank, i in enumerate(np.argsort(p, kind="stable").tolist()):
            largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
            expected[i] = largest
        np.testing.assert_allclose(holm(p), [expected[i] for i in range(len(p))], rtol=1e-12)

    def test_a_single_test_is_left_alone(self):
        """A family of one needs no adjustment."""
        assert holm([0.03]).tolist() == [0.03]

    @pytest.mark.parametrize("p", [[], [0.0], [1.1], [0.1, np.nan], [[0.1]]])
    def test_bad_input(self, p):
        """No p-values, or numbers that are none, are refused."""
        with pytest.raises(InputError):
            holm(p)


class TestSpinCount:
    """Too few spins are said before they are computed."""

    @pytest.mark.parametrize(("n_tests", "enough"), [(1, 19), (3, 59)])
    def test_warns_below_what_alpha_needs(self, n_tests, enough):
        """19 spins can reach 0.05, 18 cannot; a family of three needs 59."""
        with pytest.warns(CytosurfWarning, match=f"at least {enough} spins"):
            check_spin_count(enough - 1, n_tests=n_tests)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_spin_count(enough, n_tests=n_tests)
        assert holm([1 / (enough + 1)] + [1.0] * (n_tests - 1))[0] <= 0.05
        assert holm([1 / enough] + [1.0] * (n_tests - 1))[0] > 0.05

    def test_no_spins_is_a_choice(self):
        """A run without a spin test needs no warning."""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            check_spin_count(0)

    def test_negative_is_refused(self):
        """A negative number of spins is bad input."""
        with pytest.raises(InputError, match="--spins"):
            check_spin_count(-3)
