"""P-values follow (b + 1) / (n + 1), intervals statsmodels, Holm the written definition."""

import dataclasses
import warnings
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import permutation_test_score
from sklearn.naive_bayes import GaussianNB
from statsmodels.stats.proportion import proportion_confint

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls.pvalues import SpinPValue, check_spin_count, clopper_pearson, holm
from tests.unit.nulls.oracles import holm_by_definition

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

    @given(scores, st.lists(scores | st.just(np.nan), min_size=1, max_size=30))
    def test_a_spin_that_could_not_be_tested_counts_as_exceeding(self, observed, null):
        """NaN is as if that spin had reached the observed value, whatever that is."""
        reached = [observed if np.isnan(value) else value for value in null]
        assert SpinPValue.from_null(observed, null) == SpinPValue.from_null(observed, reached)

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
            (0.5, [np.inf, 0.1], "1 infinite of 2"),
            (0.5, [0.1, -np.inf, np.nan], "1 infinite of 3"),
            (np.nan, [0.1], "observed statistic"),
        ],
    )
    def test_bad_input(self, observed, null, says):
        """An empty null, an infinite value, or an observed NaN is refused."""
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


@pytest.mark.usefixtures("no_collection")
class TestHolm:
    """Adjustment for a family."""

    @settings(max_examples=60)
    @given(st.lists(st.integers(1, 1000), min_size=1, max_size=12), st.integers(0, 1000))
    def test_rejects_what_stepping_down_rejects(self, thousandths, level):
        """Adjusted p <= alpha where Holm's procedure rejects at alpha, in exact fractions.

        Step down (Holm 1979): from the smallest p on, reject while p <= alpha / (number of
        hypotheses left), and stop at the first that is not.
        """
        p = [Fraction(k, 1000) for k in thousandths]
        alpha = Fraction(2 * level + 1, 2003)  # never equal to a multiple of a p
        rejected = set()
        for n_rejected, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
            if p[i] > alpha / (len(p) - n_rejected):
                break
            rejected.add(i)
        adjusted = holm([float(value) for value in p])
        assert {i for i, value in enumerate(adjusted) if value <= float(alpha)} == rejected

    @settings(max_examples=60)
    @given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12), st.randoms())
    def test_is_monotone_capped_and_independent_of_order(self, p, random):
        """No adjusted p is below its p or above 1; order is kept; a shuffle changes nothing."""
        adjusted = holm(p)
        assert (np.array(p) <= adjusted).all()
        assert (adjusted <= 1).all()
        order = np.argsort(p, kind="stable")
        assert (np.diff(adjusted[order]) >= 0).all()
        assert adjusted[order[0]] == pytest.approx(min(1, len(p) * min(p)), rel=1e-12)
        shuffled = random.sample(range(len(p)), len(p))
        assert np.array_equal(holm([p[i] for i in shuffled]), adjusted[shuffled])

    @settings(max_examples=30)
    @given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
    def test_follows_the_written_definition(self, p):
        """The i-th smallest p times what is left of the family, the largest so far, at most 1."""
        np.testing.assert_allclose(holm(p), holm_by_definition(p), rtol=1e-12)

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
