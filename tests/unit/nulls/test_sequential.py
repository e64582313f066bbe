"""Stopping early is valid, depends on the order of the spins alone, and saves spins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from cytosurf.errors import InputError
from cytosurf.nulls.pvalues import SpinPValue
from cytosurf.nulls.sequential import enough_spins, leading_spins, sequential_p_value

scores = st.floats(-1, 1)
some_null = st.lists(scores, min_size=1, max_size=60)
counts = st.integers(1, 8)


def by_hand(observed, null, h):
    """Look at one spin after the other; return p, spins looked at, and whether it stopped."""
    exceed = 0
    for k, value in enumerate(null, start=1):
        exceed += value >= observed - 1e-12
        if exceed == h:
            return h / k, k, True
    return (exceed + 1) / (len(null) + 1), len(null), False


class TestSequentialPValue:
    """Besag and Clifford's rule."""

    @given(scores, some_null, counts)
    def test_equals_looking_at_one_spin_after_the_other(self, observed, null, h):
        """The p-value and the stopping point are those of the loop that defines them."""
        result = sequential_p_value(observed, null, exceedances=h)
        assert (result.p, result.n_spins, result.stopped) == by_hand(observed, null, h)
        assert 0 < result.p <= 1
        assert result.ci95[0] <= result.exceed / result.n_spins <= result.ci95[1]

    @given(scores, some_null, counts, st.lists(scores | st.just(np.nan), max_size=20))
    def test_later_spins_change_nothing(self, observed, null, h, more):
        """Once settled, the outcome is the same whatever else was computed."""
        result = sequential_p_value(observed, null, exceedances=h, max_spins=len(null))
        assert result.complete
        again = sequential_p_value(observed, [*null, *more], exceedances=h, max_spins=len(null))
        assert again == result

    @given(scores, some_null, counts, st.integers(1, 80))
    def test_enough_means_that_the_outcome_is_final(self, observed, null, h, most):
        """The first moment at which spins are enough gives the outcome of all of them."""
        final = sequential_p_value(observed, null, exceedances=h, max_spins=most)
        enough = [
            enough_spins(observed, null[:n], exceedances=h, max_spins=most)
            for n in range(len(null) + 1)
        ]
        assert enough == sorted(enough)
        assert enough[-1] == final.complete
        if final.complete:
            assert enough.index(True) == final.n_spins

    @given(scores, some_null)
    def test_without_stopping_it_is_the_plain_p_value(self, observed, null):
        """With fewer exceedances than asked for, nothing is different."""
        plain = SpinPValue.from_null(observed, null)
        result = sequential_p_value(observed, null, exceedances=len(null) + 1)
        assert (result.p, result.ci95, result.exceed) == (plain.p, plain.ci95, plain.exceed)
        assert not result.stopped

    @pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
    def test_error_is_at_most_alpha_by_enumeration(self, alpha):
        """Over the exact law of the outcome without an effect, P(p <= alpha) <= alpha."""
        h, n = 3, 40
        # Given the share q of rotations that exceed: stopping at k is negative binomial.
        q = (np.arange(4000) + 0.5) / 4000
        k = np.arange(h, n + 1)
        stop = stats.nbinom.pmf(k[:, None] - h, h, q).mean(axis=1)
        b = np.arange(h)
        no_stop = stats.binom.pmf(b[:, None], n, q).mean(axis=1)
        np.testing.assert_allclose(stop.sum() + no_stop.sum(), 1, atol=1e-6)
        p = np.r_[
            [
                sequential_p_value(0, np.r_[np.ones(h - 1), -np.ones(i - h), 1], exceedances=h).p
                for i in k.tolist()
            ],
            [
                sequential_p_value(0, np.r_[np.ones(i), -np.ones(n - i)], exceedances=h).p
                for i in b.tolist()
            ],
        ]
        assert np.r_[stop, no_stop][p <= alpha].sum() <= alpha + 1e-6

    @given(scores, some_null, counts)
    def test_a_spin_that_could_not_be_tested_exceeds(self, observed, null, h):
        """As in the plain p-value: NaN stands for any value above the observed one."""
        lost = [np.nan if i % 3 == 0 else value for i, value in enumerate(null)]
        above = [2.0 if np.isnan(value) else value for value in lost]
        expected = sequential_p_value(observed, above, exceedances=h)
        assert sequential_p_value(observed, lost, exceedances=h) == expected

    def test_intervals_cover(self):
        """The 95 % interval holds the true share at least 95 % of the time, stopped or not."""
        generator = np.random.default_rng(0)
        for share in (0.02, 0.1, 0.5):
            hits = []
            for _ in range(500):
                null = (generator.random(100) < share).astype(float)
                low, high = sequential_p_value(1.0, null, exceedances=5).ci95
                hits.append(low <= share <= high)
            assert np.mean(hits) > 0.93

    def test_saves_spins_where_nothing_is_there(self):
        """With half of the rotations at least as good, 40 of 10,000 spins are enough."""
        null = np.random.default_rng(1).normal(size=10_000)
        assert sequential_p_value(0.0, null).n_spins < 80
        assert sequential_p_value(10.0, null).p == 1 / 10_001

    def test_provisional_until_the_last_spin(self):
        """Fewer spins than allowed and no stop: the outcome says that it is not final."""
        assert not sequential_p_value(1.0, [0.0, 0.0], max_spins=3).complete
        assert sequential_p_value(1.0, [0.0, 0.0, 0.0], max_spins=3).complete
        assert sequential_p_value(1.0, [0.0]).complete

    @pytest.mark.parametrize(
        ("observed", "null", "options", "says"),
        [
            (0.5, [], {}, "one value per spin"),
            (0.5, [[0.1]], {}, "one value per spin"),
            (np.nan, [0.1], {}, "observed statistic"),
            (0.5, [0.1, np.inf], {}, "1 infinite of 2"),
            (0.5, [0.1], {"exceedances": 0}, "exceedances: found 0"),
            (0.5, [0.1], {"max_spins": 0}, "max_spins: found 0"),
        ],
    )
    def test_bad_input(self, observed, null, options, says):
        """What cannot be counted is refused."""
        with pytest.raises(InputError, match=says):
            sequential_p_value(observed, null, **options)


class TestLeadingSpins:
    """Only spins before the first gap may decide."""

    @given(st.sets(st.integers(0, 30)), st.randoms())
    def test_any_order_of_arrival(self, spins, random):
        """The result is that of the sorted spins, cut at the first gap."""
        arrived = random.sample(sorted(spins), len(spins))
        expected = [k for k in range(31) if set(range(k + 1)) <= spins]
        values = leading_spins(np.array(arrived, int), np.array(arrived, float))
        assert values.tolist() == expected

    @pytest.mark.parametrize(
        ("spins", "null", "says"),
        [([0, 1], [0.1], "shapes"), ([0, 2, 2], [0.1, 0.2, 0.3], "spin 2 twice")],
    )
    def test_bad_input(self, spins, null, says):
        """Each spin needs one statistic."""
        with pytest.raises(InputError, match=says):
            leading_spins(spins, null)
