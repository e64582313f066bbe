"""Adjusted p-values and null bands do what their error rates say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from cytosurf.errors import InputError
from cytosurf.nulls.multiplicity import benjamini_hochberg, max_statistic, null_bands
from cytosurf.nulls.pvalues import SpinPValue, holm

# Steps of 1/64 are exact in floating point, and make ties.
steps = st.integers(-64, 64).map(lambda i: i / 64)
nulls = st.tuples(st.integers(1, 30), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=steps)
)


def together(seed, n_spins, n_tests, share=0.7):
    """Return an observed row and a null of statistics that go together, all alike in law."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n_spins + 1, n_tests)) + share * generator.normal(
        size=(n_spins + 1, 1)
    )
    rows = np.exp(rows) * np.linspace(1, 50, n_tests)  # skewed, each on its own scale
    return rows[0], rows[1:]


@pytest.mark.usefixtures("no_collection")
class TestBenjaminiHochberg:
    """False discovery rate."""

    @settings(max_examples=15)  # the first call loads statsmodels
    @given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
    def test_equals_scipy(self, p):
        """The values are those of scipy's own function."""
        np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p))

    @settings(max_examples=15)  # the first call loads statsmodels
    @given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12))
    def test_lies_between_the_raw_values_and_holm(self, p):
        """It asks for less than Holm's method and for more than none."""
        adjusted = benjamini_hochberg(p)
        assert (adjusted >= np.array(p) - 1e-15).all()
        assert (adjusted <= holm(p) + 1e-15).all()

    @pytest.mark.parametrize("p", [[], [0.0], [1.1], [0.1, np.nan], [[0.1]]])
    def test_bad_input(self, p):
        """No p-values, or numbers that are none, are refused."""
        with pytest.raises(InputError, match="p-values"):
            benjamini_hochberg(p)


class TestMaxStatistic:
    """The largest of all statistics of each spin."""

    @given(steps, arrays(np.float64, st.integers(1, 40), elements=steps))
    def test_one_statistic_is_the_plain_p_value(self, observed, null):
        """A family of one needs no adjustment."""
        result = max_statistic([observed], null[:, None])
        assert result.p.tolist() == [SpinPValue.from_null(observed, null).p]

    @given(nulls)
    def test_never_below_the_plain_p_value(self, rows):
        """Adjusting can only raise a p-value, and the order of the statistics stays."""
        observed, null = rows[0], rows
        result = max_statistic(observed, null)
        for j, p in enumerate(result.p):
            assert p >= SpinPValue.from_null(observed[j], null[:, j]).p
        order = np.argsort(result.z)
        assert (np.diff(result.p[order]) <= 0).all()

    def test_equals_the_definition(self):
        """By loops: scale with all rotations, take the maximum of each spin, count."""
        observed, null = together(0, 50, 4)
        result = max_statistic(observed, null)
        rows = [list(observed), *null.tolist()]
        columns = list(zip(*rows, strict=True))
        scaled = [
            [(x - np.mean(c)) / np.std(c) for x, c in zip(row, columns, strict=True)]
            for row in rows
        ]
        largest = [max(row) for row in scaled[1:]]
        for j in range(4):
            b = sum(value >= scaled[0][j] for value in largest)
            assert (result.exceed[j], result.p[j]) == (b, (b + 1) / 51)
        np.testing.assert_allclose(result.null_max, largest)
        np.testing.assert_allclose(result.z, scaled[0])

    def test_scale_of_a_statistic_does_not_matter(self):
        """Per cent instead of shares, or another offset, changes nothing."""
        observed, null = together(1, 99, 3)
        scale, offset = np.array([100.0, 0.5, 7.0]), np.array([3.0, -1.0, 0.0])
        expected = max_statistic(observed, null).p
        np.testing.assert_array_equal(
            max_statistic(observed * scale + offset, null * scale + offset).p, expected
        )

    def test_copies_of_a_statistic_cost_nothing(self):
        """Where Holm multiplies by the number of tests, the maximum knows they are one."""
        observed, null = together(2, 99, 1)
        once = max_statistic(observed, null).p
        eight = max_statistic(np.tile(observed, 8), np.tile(null, 8)).p
        np.testing.assert_array_equal(eight, np.tile(once, 8))

    def test_a_statistic_without_spread_is_left_out(self):
        """A class that no rotation ever predicts has p = 1 and takes nothing from the others."""
        observed, null = together(3, 99, 2)
        alone = max_statistic(observed, null).p
        beside = max_statistic([0.1, *observed], np.column_stack([np.full(99, 0.1), null]))
        assert beside.p.tolist() == [1.0, *alone.tolist()]
        assert beside.z[0] == -np.inf

    def test_strong_effect_gets_the_smallest_p_there_is(self):
        """One class far above its null, the others within."""
        observed, null = together(4, 199, 5)
        observed[2] = 50 * null.max()
        result = max_statistic(observed, null)
        assert result.p[2] == 1 / 200
        assert result.p.argmin() == 2

    def test_family_wise_error_is_alpha(self):
        """Without any effect, 5 % of families have a p of 0.05 or less, even with 19 spins."""
        hits = [max_statistic(*together(seed, 19, 10)).p.min() <= 0.05 for seed in range(1500)]
        assert stats.binomtest(sum(hits), len(hits), 0.05).pvalue > 0.001

    def test_the_next_spin_lends_a_statistic_that_a_spin_lacks(self):
        """Scale from what is there, maximum of as many as the real labels have, by loops."""
        observed, null = together(5, 60, 4)
        null[np.random.default_rng(0).random(null.shape) < 0.2] = np.nan
        null[7] = np.nan  # nothing could be tested: exceeds everything
        null[59, 2] = np.nan  # the last spin borrows of the first that can lend
        result = max_statistic(observed, null)
        columns = [[x for x in [observed[j], *null[:, j]] if not np.isnan(x)] for j in range(4)]
        scale = [(np.mean(c), np.std(c)) for c in columns]
        largest = []
        for i, row in enumerate(null):
            values = []
            for j, (mean, sd) in enumerate(scale):
                lender = i
                while np.isnan(null[lender, j]):
                    lender = (lender + 1) % 60
                values.append((null[lender, j] - mean) / sd)
            largest.append(np.inf if np.isnan(row).all() else max(values))
        np.testing.assert_allclose(result.null_max, largest)
        for j, (mean, sd) in enumerate(scale):
            b = sum(value >= (observed[j] - mean) / sd - 1e-12 for value in largest)
            assert (result.exceed[j], result.p[j]) == (b, (b + 1) / 61)

    def test_family_wise_error_is_alpha_where_spins_lack_statistics(self):
        """Half of all small classes lost: the maximum of the others alone rejects 1 in 12."""
        hits = []
        for seed in range(1500):
            rng = np.random.default_rng(seed)
            observed, null = rng.normal(size=10), rng.normal(size=(99, 10))
            null[:, :9][rng.random((99, 9)) < 0.5] = np.nan
            hits.append(max_statistic(observed, null).p.min() <= 0.05)
        assert stats.binomtest(sum(hits), len(hits), 0.05).pvalue > 0.001

    def test_lost_spins_do_not_change_the_scale(self):
        """They count as exceeding and nothing more, however different the scales are."""
        observed, null = together(6, 99, 3)
        without = max_statistic(observed, null)
        beside = max_statistic(observed, np.vstack([null, np.full((5, 3), np.nan)]))
        np.testing.assert_array_equal(beside.z, without.z)
        np.testing.assert_array_equal(beside.exceed, without.exceed + 5)

    @pytest.mark.parametrize(
        ("observed", "null", "says"),
        [
            ([1.0], [[1.0, 2.0]], r"shapes \(1,\) and \(1, 2\)"),
            ([1.0], [1.0], "n_spins, n_tests"),
            ([1.0], np.zeros((0, 1)), "n_spins, n_tests"),
            ([np.nan], [[1.0]], "observed statistics: found 1 NaN"),
            ([1.0, 2.0], [[1.0, np.inf]], "null distributions: found 1 infinite of 2"),
        ],
    )
    def test_bad_input(self, observed, null, says):
        """Shapes that do not fit and values that are none are refused."""
        with pytest.raises(InputError, match=says):
            max_statistic(observed, null)


class TestNullBands:
    """Pointwise and simultaneous bands."""

    def test_pointwise_band_holds_its_share_of_each_column(self):
        """The bounds are the quantiles, column by column."""
        _, null = together(0, 400, 6)
        bands = null_bands(null, 0.9)
        for j in range(6):
            expected = np.quantile(null[:, j], [0.05, 0.5, 0.95])
            np.testing.assert_allclose([bands.low[j], bands.median[j], bands.high[j]], expected)

    def test_simultaneous_band_holds_its_share_of_whole_spins(self):
        """95 % of the spins lie within it everywhere; within the pointwise one far fewer do."""
        _, null = together(1, 1000, 10, share=0.0)
        bands = null_bands(null)
        within = ((null >= bands.low_all) & (null <= bands.high_all)).all(axis=1).mean()
        assert 0.95 <= within < 0.96
        assert ((null >= bands.low) & (null <= bands.high)).all(axis=1).mean() < 0.8

    def test_new_spins_lie_within_as_often(self):
        """The band holds for rotations that it has not seen."""
        inside = []
        for seed in range(300):
            new, null = together(seed, 499, 8)
            bands = null_bands(null, 0.9)
            inside.append(((new >= bands.low_all) & (new <= bands.high_all)).all())
        assert stats.binomtest(sum(inside), len(inside), 0.9).pvalue > 0.001

    @given(nulls, st.floats(0.01, 0.99))
    def test_simultaneous_is_wider(self, null, coverage):
        """It holds the pointwise band, and at least its share of the spins."""
        bands = null_bands(null, coverage)
        assert (bands.low_all <= bands.low).all()
        assert (bands.low <= bands.median).all()
        assert (bands.median <= bands.high).all()
        assert (bands.high <= bands.high_all).all()
        inside = (null >= bands.low_all - 1e-9) & (null <= bands.high_all + 1e-9)
        assert inside.all(axis=1).mean() >= coverage - 1e-9
        assert bands.coverage == coverage

    def test_what_a_spin_lacks_is_left_out(self):
        """Of each column on its own; a column without any value has no band."""
        _, null = together(2, 200, 3)
        null[::5, 1] = np.nan
        null[:, 2] = np.nan
        bands = null_bands(null)
        seen = null[:, 1][~np.isnan(null[:, 1])]
        expected = np.quantile(seen, [0.025, 0.5, 0.975])
        np.testing.assert_allclose([bands.low[1], bands.median[1], bands.high[1]], expected)
        np.testing.assert_array_equal(null_bands(null[:, :1]).low[0], bands.low[0])
        assert np.isnan([bands.low[2], bands.high[2], bands.low_all[2], bands.median[2]]).all()
        assert (bands.high_all[:2] >= bands.high[:2]).all()

    @pytest.mark.parametrize("coverage", [0.0, 1.0, 95])
    def test_coverage_is_a_share(self, coverage):
        """Per cent, or all of it, are refused."""
        with pytest.raises(InputError, match="coverage"):
            null_bands([[1.0]], coverage)

    @pytest.mark.parametrize("null", [[], [1.0], np.zeros((0, 3)), [[np.nan]]])
    def test_bad_input(self, null):
        """An empty null, another shape, or NaN are refused."""
        with pytest.raises(InputError, match="null distributions"):
            null_bands(null)
