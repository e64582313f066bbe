"""The kernels equal dense float64 arithmetic, tile by tile and whatever is computed beside."""

import numpy as np
import pytest
from numba import njit
from scipy.special import softmax

from cytosurf.decoding import kernels
from cytosurf.decoding.blocks import TILE
from tests.unit.decoding.oracles import dense_gradient, random_tiles, rows_of

SIZES = [(1, 2), (2, 3), (3, 7), (7, 2), (8, 5), (9, 17), (16, 1), (33, 4), (5, 120)]


@njit(fastmath=kernels.FAST)
def fast_exp(x):
    """Return the kernels' exponential of an array."""
    result = np.empty_like(x)
    for i in range(len(x)):
        result[i] = kernels._exp(x[i])
    return result


def probability_of(x, tiles, coefficients, intercepts):
    """Return what `probability_pass` fills in."""
    place = np.full((len(x), TILE), -1, np.int32)
    place[tiles] = np.arange(len(tiles) * TILE).reshape(-1, TILE)
    probability = np.full((len(tiles) * TILE, len(intercepts)), np.nan, np.float32)
    kernels.probability_pass(x, place, coefficients, intercepts, probability)
    return probability.reshape(len(tiles), TILE, -1).transpose(0, 2, 1)


class TestExp:
    """The exponential of what is not above zero."""

    def test_is_accurate_over_the_whole_range(self):
        """The error is below 2e-7, and below 4e-6 of the result, from -86.6 to 0."""
        x = np.linspace(-86.6, 0, 2_000_003, dtype=np.float32)
        exact = np.exp(x.astype(np.float64))
        assert np.abs(fast_exp(x) - exact).max() < 2e-7
        assert np.abs(fast_exp(x) / exact - 1).max() < 4e-6
        assert fast_exp(np.zeros(1, np.float32))[0] == 1

    @pytest.mark.parametrize("x", [-87.4, -1e3, -1e30, -np.inf])
    def test_stays_tiny_and_positive_below(self, x):
        """Far below the range the result is the smallest one, never 0, negative or NaN."""
        assert fast_exp(np.array([x], np.float32))[0] == 2.0**-125

    def test_subnormal_steps_near_zero(self):
        """Tiny arguments and minus zero give 1."""
        x = -np.array([0.0, 1e-45, 1e-30, 1e-9], np.float32)
        assert np.array_equal(fast_exp(x), np.ones(4, np.float32))


class TestGradientPass:
    """The gradient of the weighted log-loss."""

    @pytest.mark.parametrize(("n_features", "n_classes"), SIZES)
    def test_equals_dense_arithmetic(self, n_features, n_classes):
        """Numbers of features that fill no step of eight, one feature, one or many classes."""
        x, label, weight, coefficients, intercepts = random_tiles(0, n_features, n_classes)
        tiles = np.array([0, 1, 2, 3])
        gradient, gradient0 = kernels.gradient_pass(
            x, tiles, label, weight, coefficients, intercepts
        )
        rows, flat = rows_of(x, tiles), (label.ravel(), weight.ravel().astype(np.float64))
        expected, expected0 = dense_gradient(rows, *flat, coefficients, intercepts)
        scale = weight.sum()
        assert (gradient.dtype, gradient0.dtype) == (np.float64, np.float64)
        assert np.abs(gradient - expected).max() < 3e-7 * scale
        assert np.abs(gradient0 - expected0).max() < 3e-7 * scale

    def test_visits_the_named_tiles_alone(self):
        """Other tiles do not matter, not even with NaN in them; the sum is over those named."""
        x, label, weight, *parameters = random_tiles(1, 9, 5)
        alone = [
            kernels.gradient_pass(x, np.array([tile]), label, weight, *parameters)
            for tile in (3, 1)
        ]
        x[[0, 2]] = np.nan
        both = kernels.gradient_pass(x, np.array([3, 1]), label, weight, *parameters)
        for part, (first, second) in zip(both, zip(*alone, strict=True), strict=True):
            assert part == pytest.approx(first + second, abs=1e-7 * float(weight.sum()))

    def test_slots_of_weight_zero_do_not_matter(self):
        """A slot without weight adds nothing, whatever its label and finite features."""
        x, label, weight, *parameters = random_tiles(2, 8, 4)
        tiles = np.arange(4)
        before = kernels.gradient_pass(x, tiles, label, weight, *parameters)
        empty = weight == 0
        label[empty] = 3 - label[empty]
        x.transpose(0, 2, 1)[empty] = 50
        after = kernels.gradient_pass(x, tiles, label, weight, *parameters)
        for old, new in zip(before, after, strict=True):
            assert np.array_equal(old, new)

    def test_the_order_of_tiles_is_rounding_alone(self):
        """Few tiles are added in float32, so that their order is lost in the last digits."""
        x, label, weight, *parameters = random_tiles(3, 7, 6, n_tiles=20)
        forth, _ = kernels.gradient_pass(x, np.arange(20), label, weight, *parameters)
        back, _ = kernels.gradient_pass(x, np.arange(20)[::-1].copy(), label, weight, *parameters)
        assert np.abs(forth - back).max() < 1e-7 * weight.sum()

    def test_large_logits_saturate(self):
        """With logits of thousands a right label has no gradient and a wrong one all of it."""
        x = np.ones((1, 1, TILE), np.float32)
        label = np.zeros((1, TILE), np.int16)
        label[0, 0] = 1
        weight = np.ones((1, TILE), np.float32)
        coefficients = np.array([[5e3], [-5e3]], np.float32)
        gradient, gradient0 = kernels.gradient_pass(
            x, np.array([0]), label, weight, coefficients, np.zeros(2, np.float32)
        )
        assert gradient.ravel().tolist() == pytest.approx([1, -1])
        assert gradient0.tolist() == pytest.approx([1, -1])

    def test_not_a_number_is_not_hidden(self):
        """A NaN among the features comes out as NaN."""
        x, label, weight, *parameters = random_tiles(4, 3, 3)
        x[1, 2, 7], weight[1, 7] = np.nan, 1
        gradient, _ = kernels.gradient_pass(x, np.arange(4), label, weight, *parameters)
        assert np.isnan(gradient[:, 2]).all()


class TestTileGradientsPass:
    """What each tile adds to the gradient."""

    def test_adds_up_to_the_gradient(self):
        """The tiles visited add up to the gradient over them; the others have zeros."""
        x, label, weight, *parameters = random_tiles(5, 6, 5, n_tiles=12)
        tiles = np.array([7, 0, 3, 11, 4, 2])
        parts = kernels.tile_gradients_pass(x, tiles, label, weight, *parameters)
        gradient, gradient0 = kernels.gradient_pass(x, tiles, label, weight, *parameters)
        scale = 1e-7 * weight.sum()
        assert parts.shape == (12, 5, 7)
        assert np.abs(parts.sum(axis=0)[:, :-1] - gradient).max() < scale
        assert np.abs(parts.sum(axis=0)[:, -1] - gradient0).max() < scale
        assert not parts[[1, 5, 6, 8, 9, 10]].any()

    def test_a_tile_is_the_same_alone_and_in_company(self):
        """To the bit."""
        x, label, weight, *parameters = random_tiles(6, 9, 4)
        every = kernels.tile_gradients_pass(x, np.arange(4), label, weight, *parameters)
        alone = kernels.tile_gradients_pass(x, np.array([2]), label, weight, *parameters)
        assert np.array_equal(every[2], alone[2])


class TestClassPass:
    """The winner in chosen slots."""

    @pytest.mark.parametrize(("n_features", "n_classes"), SIZES)
    def test_is_the_largest_probability(self, n_features, n_classes):
        """In the order of the slots asked for, wherever they are, twice if asked twice."""
        x, _, _, *parameters = random_tiles(7, n_features, n_classes)
        slots = np.random.default_rng(7).integers(TILE, 3 * TILE, 900)
        x[[0, 3]] = np.nan  # not looked at
        found = kernels.class_pass(x, slots, *parameters)
        of_tiles = probability_of(x, [1, 2], *parameters)
        probability = of_tiles.transpose(0, 2, 1).reshape(2 * TILE, -1)[slots - TILE]
        assert np.array_equal(probability[np.arange(900), found], probability.max(axis=1))


class TestProbabilityPass:
    """Class probabilities."""

    @pytest.mark.parametrize(("n_features", "n_classes"), SIZES)
    def test_equals_dense_arithmetic(self, n_features, n_classes):
        """Probabilities are those of the softmax in float64, and add up to 1."""
        x, _, _, coefficients, intercepts = random_tiles(5, n_features, n_classes)
        probability = probability_of(x, [2, 0], coefficients, intercepts)
        logits = rows_of(x, [2, 0]).astype(np.float64) @ coefficients.T + intercepts
        expected = softmax(logits, axis=1).reshape(2, TILE, -1).transpose(0, 2, 1)
        assert np.abs(probability - expected).max() < 2e-6
        assert np.abs(probability.sum(axis=1) - 1).max() < 1e-6

    def test_a_tile_is_the_same_alone_and_in_company(self):
        """To the bit, and in any order."""
        x, _, _, *parameters = random_tiles(6, 10, 7)
        together = probability_of(x, [3, 1, 0, 2], *parameters)
        for i, tile in enumerate([3, 1, 0, 2]):
            assert np.array_equal(together[i], probability_of(x, [tile], *parameters)[0])

    def test_very_different_logits(self):
        """Logits 0, -d, d apart by up to a million keep the exact ratio or vanish, without NaN."""
        apart = np.zeros(TILE, np.float32)
        apart[:8] = [0, 1, 10, 80, 87, 100, 1e4, 1e6]
        x = apart.reshape(1, 1, TILE)
        coefficients = np.array([[0], [-1], [-2]], np.float32)
        probability = probability_of(x, [0], coefficients, np.zeros(3, np.float32))[0]
        assert np.isfinite(probability).all()
        expected = np.exp(-apart[:5].astype(np.float64))
        assert (probability[1] / probability[0])[:5] == pytest.approx(expected, rel=1e-6)
        assert probability[1:, 5:8].max() < 1e-35
        assert np.array_equal(probability[0, 5:8], np.ones(3, np.float32))

    def test_a_common_shift_of_the_logits_changes_nothing(self):
        """Intercepts may all be large: the largest logit is taken out first."""
        x, _, _, coefficients, _ = random_tiles(7, 4, 5)
        plain = probability_of(x, [0], coefficients, np.zeros(5, np.float32))
        shifted = probability_of(x, [0], coefficients, np.full(5, 1024, np.float32))
        assert np.abs(plain - shifted).max() < 1e-3  # float32 keeps 1024 to 1e-4
        assert np.isfinite(shifted).all()
