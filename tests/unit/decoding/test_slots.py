"""Slots are filled, sampled and described as plain indexing and arithmetic would."""

import numpy as np
import pytest

from cytosurf.decoding import slots
from cytosurf.decoding.blocks import TILE
from tests.unit.decoding.oracles import random_tiles, rows_of


class TestFillTrainingSlots:
    """Labels and weights of the training rows, in the slots of the design."""

    def test_equals_indexing_row_by_row(self):
        """Every training row has its class and weight; every other slot is empty."""
        rng = np.random.default_rng(8)
        slot_row = np.full(3 * TILE, -1)
        slot_row[np.sort(rng.choice(2 * TILE, 300, replace=False))] = rng.permutation(300)
        label, train = rng.integers(0, 5, 300), rng.random(300) < 0.5
        position = np.array([3, 0, 2, 1, 4], np.int16)
        class_weight = rng.uniform(1, 2, 5).astype(np.float32)
        label_slots, weight, tiles = slots.fill_training_slots(
            slot_row, label, train, position, class_weight
        )
        assert (label_slots.dtype, weight.dtype) == (np.int16, np.float32)
        assert tiles.tolist() == [0, 1]
        for slot, row in enumerate(slot_row):
            trained = row >= 0 and train[row]
            expected = (position[label[row]], class_weight[label[row]]) if trained else (0, 0)
            assert (label_slots.flat[slot], weight.flat[slot]) == expected

    def test_labels_outside_training_are_not_looked_at(self):
        """They may be anything."""
        slot_row = np.arange(TILE)
        label = np.full(TILE, 10**12)
        label[:2] = [0, 1]
        train = np.arange(TILE) < 2
        label_slots, weight, tiles = slots.fill_training_slots(
            slot_row, label, train, np.array([0, 1], np.int16), np.ones(2, np.float32)
        )
        assert label_slots[0, :3].tolist() == [0, 1, 0]
        assert weight.sum() == 2
        assert tiles.tolist() == [0]


class TestMomentsPass:
    """Mean and variance of the features over training rows."""

    @pytest.mark.parametrize("n_features", [1, 3, 8, 19])
    def test_equals_dense_arithmetic(self, n_features):
        """Over the slots with weight of the named tiles, whatever the weight."""
        x, _, weight, _, _ = random_tiles(9, n_features, 2)
        x += np.arange(n_features, dtype=np.float32)[:, None]
        mean, variance = slots.moments_pass(x, np.array([3, 0]), weight)
        rows = rows_of(x, [3, 0])[weight[[3, 0]].ravel() > 0].astype(np.float64)
        assert mean == pytest.approx(rows.mean(axis=0), abs=1e-6)
        assert variance == pytest.approx(rows.var(axis=0), rel=1e-6)

    def test_a_constant_feature_has_no_variance(self):
        """Exactly none, for any value and number of rows: rounding must not look like spread."""
        rng = np.random.default_rng(10)
        for _ in range(50):
            value = np.float32(rng.normal() * 10 ** rng.uniform(-3, 3))
            x = np.full((3, 2, TILE), value, np.float32)
            weight = (rng.random((3, TILE)) < rng.uniform(0.01, 1)).astype(np.float32)
            weight[0, 5] = 1
            x.transpose(0, 2, 1)[weight == 0] = 7e4
            tiles = np.flatnonzero(weight.any(axis=1))
            mean, variance = slots.moments_pass(x, tiles, weight)
            assert mean.tolist() == [value, value]
            assert variance.tolist() == [0, 0]

    def test_a_small_spread_around_a_large_mean(self):
        """The spread keeps its digits where it is a thousandth of a thousandth of the mean."""
        rng = np.random.default_rng(11)
        x = (64 + 1e-4 * rng.standard_normal((4, 2, TILE))).astype(np.float32)
        mean, variance = slots.moments_pass(x, np.arange(4), np.ones((4, TILE), np.float32))
        rows = rows_of(x, np.arange(4)).astype(np.float64)
        assert mean == pytest.approx(rows.mean(axis=0), rel=1e-9)
        assert variance == pytest.approx(rows.var(axis=0), rel=1e-5)


class TestStratifiedSample:
    """The same number of slots from every class."""

    @pytest.mark.parametrize("size", [60, 500, 10_000])
    def test_equals_strides_through_each_class(self, size):
        """Slot by slot, in the order of the tiles; weights keep the sum of their class."""
        x, label, weight, _, _ = random_tiles(12, 5, 3)
        weight[label == 2] *= np.arange((label == 2).sum()) < 9
        weight[weight > 0] = label[weight > 0] + 1.0
        tiles = np.array([0, 1, 3])
        sample, labels, weights = slots.stratified_sample(x, tiles, label, weight, 3, size)
        rows, flat = rows_of(x, tiles), label[tiles].ravel()
        flat_weight = weight[tiles].ravel()
        expected = []
        for k in range(3):
            of_class = np.flatnonzero((flat == k) & (flat_weight > 0))
            expected.append(of_class[:: max(1, len(of_class) * 3 // size)])
            total = weights[labels == k].sum()
            assert total == pytest.approx(flat_weight[of_class].sum(), rel=1e-5)
        order = np.sort(np.concatenate(expected))
        taken = weights.ravel() > 0
        assert np.array_equal(rows_of(sample, np.arange(len(sample)))[taken], rows[order])
        assert np.array_equal(labels.ravel()[taken], flat[order])
        assert taken[: len(order)].all()
        assert taken.sum() == len(order)
