"""Block bootstrap: the resampling it says it does, the same for all sets, with sound coverage."""

import tracemalloc

import numpy as np
import pytest

from cytosurf.decoding.bootstrap import bootstrap_macro_f1, percentile_interval
from cytosurf.decoding.marginals import Marginals, marginals
from cytosurf.decoding.scores import pooled_macro_f1
from cytosurf.decoding.superblocks import BOOTSTRAP_STREAM, seeded_generator
from cytosurf.errors import InputError


def random_counts(n_blocks=20, n_classes=4, seed=0, sets=()):
    """Return counts of superblocks in which every class is common."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(2.0, size=(*sets, n_blocks, n_classes, n_classes))
    return counts + np.eye(n_classes, dtype=int) * 6


class TestBootstrapMacroF1:
    """Replicates of the pooled macro-F1."""

    def test_equals_resampling_written_out(self):
        """Each replicate is the pooled score of blocks repeated as often as they were drawn."""
        counts = random_counts()
        weight = seeded_generator(7, BOOTSTRAP_STREAM).multinomial(20, np.full(20, 1 / 20), 50)
        expected = [pooled_macro_f1(np.repeat(counts, times, axis=0)) for times in weight]
        replicates = bootstrap_macro_f1(marginals(counts), n_replicates=50, seed=7)
        np.testing.assert_allclose(replicates, expected, rtol=1e-13)
        assert (weight.sum(axis=1) == 20).all()

    def test_the_seed_decides(self):
        """The same seed gives the same replicates; another gives others."""
        counts = random_counts()
        one, again, two = (bootstrap_macro_f1(marginals(counts), seed=seed) for seed in (1, 1, 2))
        assert one.shape == (2000,)
        assert np.array_equal(one, again)
        assert not np.array_equal(one, two)

    def test_sets_are_resampled_together(self):
        """Sets in one call are what each gives alone, so that their difference is paired."""
        counts = random_counts(sets=(3, 2))
        together = bootstrap_macro_f1(marginals(counts), n_replicates=100)
        assert together.shape == (3, 2, 100)
        for i in range(3):
            for j in range(2):
                alone = bootstrap_macro_f1(marginals(counts[i, j]), n_replicates=100)
                np.testing.assert_allclose(together[i, j], alone, rtol=1e-13)

    def test_a_paired_difference_is_narrower(self):
        """What makes blocks hard for both sets cancels in the difference."""
        rng = np.random.default_rng(5)
        hard = rng.random(60)
        right = np.stack([rng.binomial(50, h * share) for share in (0.9, 0.8) for h in hard])
        counts = np.zeros((120, 2, 2), int)
        counts[:, [0, 1], [0, 1]] = right[:, None]
        counts[:, [0, 1], [1, 0]] = 50 - right[:, None]
        a, b = bootstrap_macro_f1(marginals(counts.reshape(2, 60, 2, 2)))
        unpaired = bootstrap_macro_f1(marginals(counts[60:]), seed=99)
        assert np.ptp(percentile_interval(a - b)) < 0.5 * np.ptp(percentile_interval(a - unpaired))

    def test_empty_blocks_change_nothing(self):
        """Superblocks without an evaluated vertex are not drawn."""
        counts = random_counts(sets=(2,))
        padded = np.zeros((2, 35, 4, 4), int)
        padded[:, 5:25] = counts
        np.testing.assert_array_equal(
            bootstrap_macro_f1(marginals(padded)), bootstrap_macro_f1(marginals(counts))
        )

    def test_a_class_missing_from_a_replicate_is_not_averaged(self):
        """A class in one block, absent from a third of replicates, does not pull them down."""
        counts = np.zeros((40, 3, 3), int)
        counts[:, 0, 0] = counts[:, 1, 1] = 5
        counts[7, 2, 2] = 5
        assert (bootstrap_macro_f1(marginals(counts)) == 1).all()
        counts[:, 0, 2] = 1  # and where others are taken for it, it is still not averaged
        without = np.isclose(bootstrap_macro_f1(marginals(counts)), (10 / 11 + 1) / 2)
        assert 0.3 < without.mean() < 0.43  # (1 - 1/40)^40 = 0.363

    def test_a_class_that_no_block_holds_scores_zero(self):
        """The label list is fixed: a class never found counts as in the pooled score."""
        counts = np.zeros((10, 3, 3), int)
        counts[:, 0, 0] = counts[:, 1, 1] = 5
        assert pooled_macro_f1(counts) == pytest.approx(2 / 3)
        np.testing.assert_allclose(bootstrap_macro_f1(marginals(counts)), 2 / 3)
        np.testing.assert_allclose(bootstrap_macro_f1(marginals(counts), n_replicates=1), 2 / 3)

    def test_memory_stays_small(self):
        """Three sets of 1,000 classes in 200 blocks need far less than their confusion counts."""
        generator = np.random.default_rng(0)
        of_truth, of_prediction = generator.poisson(0.3, size=(2, 3, 200, 1000)).astype(float)
        of_block = Marginals(np.minimum(of_truth, of_prediction), of_truth, of_prediction)
        tracemalloc.start()
        bootstrap_macro_f1(of_block, n_replicates=2000)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 120e6  # the counts of the blocks alone would be 4,800 MB

    def test_coverage(self):
        """About 95 % of the intervals of many independent samples hold the true score."""
        rng = np.random.default_rng(8)

        def sample(n_blocks):
            skill = rng.beta(4, 2, size=(n_blocks, 1))
            right = rng.binomial(20, np.broadcast_to(skill, (n_blocks, 3)))
            counts = np.zeros((n_blocks, 3, 3), int)
            counts[:, [0, 1, 2], [0, 1, 2]] = right
            counts[:, [0, 1, 2], [1, 2, 0]] = 20 - right
            return counts

        truth = pooled_macro_f1(sample(100_000))
        intervals = [
            percentile_interval(
                bootstrap_macro_f1(marginals(sample(100)), n_replicates=400, seed=i)
            )
            for i in range(400)
        ]
        covered = np.mean([low < truth < high for low, high in intervals])
        assert 0.91 < covered < 0.98

    @pytest.mark.parametrize(
        ("counts", "message"),
        [
            (np.ones((1, 4, 4), int), "1 superblocks with vertices"),
            (np.zeros((9, 4, 4), int), "0 superblocks with vertices"),
        ],
    )
    def test_bad_counts(self, counts, message):
        """What cannot be resampled is refused."""
        with pytest.raises(InputError, match=message):
            bootstrap_macro_f1(marginals(counts))

    def test_bad_shapes(self):
        """Marginals of one block alone, or of different shapes, are refused."""
        of_block = marginals(random_counts())
        for bad in (
            Marginals(*(array[0] for array in of_block)),
            of_block._replace(hits=of_block.hits[:, 1:]),
        ):
            with pytest.raises(InputError, match="superblock marginals: found shapes"):
                bootstrap_macro_f1(bad)

    def test_bad_options(self):
        """No replicates and a negative seed are refused."""
        with pytest.raises(InputError, match="n_replicates"):
            bootstrap_macro_f1(marginals(random_counts()), n_replicates=0)
        with pytest.raises(InputError, match="seed"):
            bootstrap_macro_f1(marginals(random_counts()), seed=-1)


class TestPercentileInterval:
    """Percentiles of replicates."""

    def test_ends_hold_the_share(self):
        """2.5 % of replicates lie on either side; leading dimensions are kept."""
        replicates = np.random.default_rng(0).random((3, 4, 1000))
        interval = percentile_interval(replicates)
        assert interval.shape == (3, 4, 2)
        low, high = interval[1, 2]
        assert (replicates[1, 2] < low).sum() == (replicates[1, 2] > high).sum() == 25

    def test_level(self):
        """A lower level is a narrower interval inside the wider."""
        replicates = np.random.default_rng(0).random(500)
        wide, narrow = (percentile_interval(replicates, level=level) for level in (0.95, 0.5))
        assert wide[0] < narrow[0] < narrow[1] < wide[1]

    @pytest.mark.parametrize("level", [0, 1, 95])
    def test_bad_level(self, level):
        """A level in percent is a mistake."""
        with pytest.raises(InputError, match="level"):
            percentile_interval(np.arange(5.0), level=level)
