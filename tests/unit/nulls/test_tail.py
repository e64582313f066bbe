"""The tail of the null: right where the truth is known, careful where it is not."""

import warnings

import numpy as np
import pytest
from scipy import stats

from cytosurf.errors import InputError
from cytosurf.nulls.pvalues import SpinPValue
from cytosurf.nulls.tail import _anderson_darling, _fit, tail_p_value


def errors(law, true_p, n_spins, repeats=20):
    """Return how many orders of magnitude the p-values of samples of a law are too large."""
    generator = np.random.default_rng(7)
    null = law.rvs(size=(repeats, n_spins), random_state=generator)
    return np.log10([tail_p_value(law.isf(true_p), row).p / true_p for row in null])


class TestKnownTails:
    """Distributions whose p-values are known."""

    @pytest.mark.parametrize("law", [stats.expon(2, 5), stats.genpareto(0.2)], ids=["exp", "gpd"])
    def test_exact_tails_are_met(self, law):
        """A tenth of the smallest p that can be counted is met in the median."""
        assert abs(np.median(errors(law, 1e-4, 1000, 40))) < 0.4

    @pytest.mark.parametrize(
        "law", [stats.norm(), stats.beta(30, 60), stats.gamma(4)], ids=["norm", "beta", "gamma"]
    )
    def test_light_tails_err_on_the_safe_side(self, law):
        """For tails as those of scores, p is seldom too small, and better than counting alone."""
        too_large = errors(law, 1e-5, 1000)
        assert 0 < np.median(too_large) < 2  # counting gives 0.001, two orders too large
        assert too_large.min() > -1.3

    def test_more_spins_come_closer(self):
        """With 10,000 spins the p of 1e-5 is within an order of magnitude."""
        assert np.abs(errors(stats.norm(), 1e-5, 10_000)).max() < 1.1

    def test_near_what_can_be_counted(self):
        """Where counting still works, both agree."""
        null = np.random.default_rng(0).exponential(size=10_000)
        observed = np.sort(null)[-9]
        counted = SpinPValue.from_null(observed, null)
        assert counted.exceed == 9
        assert tail_p_value(observed, null).p == pytest.approx(counted.p, rel=0.3)


class TestMachinery:
    """The parts."""

    @pytest.mark.parametrize("shape", [0.0, 0.1, 0.3])
    def test_fit_recovers_the_parameters(self, shape):
        """From many values of a generalised Pareto distribution, for every row."""
        rows = stats.genpareto.rvs(shape, scale=3, size=(2, 200_000), random_state=1)
        for found, scale in zip(*_fit(rows), strict=True):
            assert found == pytest.approx(shape, abs=0.02)
            assert scale == pytest.approx(3, rel=0.03)

    def test_fit_is_near_maximum_likelihood(self):
        """As scipy's own fit, up to the difference of two good estimates."""
        values = stats.genpareto.rvs(0.15, scale=2, size=2000, random_state=3)
        shape, _, scale = stats.genpareto.fit(values, floc=0)
        found = _fit(values)
        np.testing.assert_allclose(found, (shape, scale), atol=0.1)

    def test_no_tail_ends(self):
        """A uniform tail, which ends, is taken for an exponential one of the same mean."""
        values = np.linspace(0.01, 1, 100)
        assert _fit(values) == (0.0, values.mean())

    def test_anderson_darling_equals_scipy(self):
        """The statistic is that of scipy's test for the exponential distribution."""
        values = np.random.default_rng(2).exponential(size=80)
        ours = _anderson_darling(values[None], np.zeros((1, 1)), np.full((1, 1), values.mean()))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            expected = stats.anderson(values, "expon").statistic
        assert ours[0] == pytest.approx(expected)


class TestTailPValue:
    """What is returned and what is refused."""

    def test_labelled_and_complete(self):
        """Called approximate in words and by its property; b and n go with it."""
        null = np.random.default_rng(0).normal(size=1000)
        result = tail_p_value(4.5, null)
        assert result.approximate
        assert "approximate" in str(result)
        assert (result.exceed, result.n_spins) == (0, 1000)
        assert 30 <= result.n_tail <= 100
        assert result.fit_p > 0.05
        assert (null > result.threshold).sum() == result.n_tail
        tail = stats.genpareto(result.shape, result.threshold, result.scale)
        assert result.p == pytest.approx(result.n_tail / 1000 * tail.sf(4.5))

    def test_order_and_units_do_not_matter(self):
        """Any order of the spins and any scale give the same p; so does a repetition."""
        null = np.random.default_rng(1).gamma(3, size=500)
        expected = tail_p_value(15.0, null)
        assert tail_p_value(15.0, null[::-1]) == expected
        again = tail_p_value(15.0 * 1e-3 - 1, null * 1e-3 - 1)
        assert again.p == pytest.approx(expected.p, rel=1e-6)

    def test_farther_out_is_never_more_likely(self):
        """P falls with the observed value, and never to 0."""
        null = np.random.default_rng(4).beta(20, 40, size=1000)
        p = [tail_p_value(value, null).p for value in (0.55, 0.6, 0.7, 0.9, 1.0, 1e6)]
        assert (np.diff(p) < 0).all()
        assert p[-1] > 0

    def test_threshold_rises_until_the_fit_is_good(self):
        """With a bulk that reaches into the first tail, a smaller tail is taken."""
        generator = np.random.default_rng(5)
        null = np.r_[generator.normal(5, 0.05, 900), 6 + generator.exponential(size=100)]
        null = np.r_[null, 5.9 + generator.uniform(0, 0.01, 100)]
        result = tail_p_value(14.0, null)
        assert result.n_tail < 110
        assert result.threshold > 5.9

    @pytest.mark.parametrize(
        ("observed", "null", "says"),
        [
            (1.0, np.linspace(0, 1.01, 1000), r"1\d of 1000 spins.*counted p-value"),
            (9.0, np.linspace(0, 1, 299), "found 299 spins; expected at least 300"),
            (9.0, np.zeros(1000), "no generalised Pareto|that no"),
            (9.0, np.repeat([0.0, 1.0], [900, 100]), "that no generalised Pareto"),
            (np.nan, np.zeros(1000), "observed statistic"),
            (9.0, np.r_[np.nan, np.zeros(1000)], "1 NaN"),
        ],
    )
    def test_is_refused(self, observed, null, says):
        """A value within the null, few spins, a stepped tail, and NaN."""
        with pytest.raises(InputError, match=says):
            tail_p_value(observed, null)
