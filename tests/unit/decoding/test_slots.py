"""Slots are filled, sampled and described as plain indexing and arithmetic would."""

import numpy as np
import pytest

from cytosurf.decoding import slots
from cytosurf.decoding.blocks import TILE
from tests.unit.decoding.oracles import random_tiles, rows_of


class TestFillTrainingSlots:
    """Labels and weights of the training rows, in the slots of the design."""

    @pytest.fixture
    def filled(self):
        """Return slots, rows and labels of 300 rows, a third of them without a label."""
        rng = np.random.default_rng(8)
        slot_row = np.full(3 * TILE, -1)
        slot_row[np.sort(rng.choice(2 * TILE, 300, replace=False))] = rng.permutation(300)
        label, labelled, train = (
            rng.integers(0, 5, 300),
            rng.random(300) < 0.6,
            rng.random(300) < 0.5,
        )
        return slot_row, label, labelled, train

    def test_labels_equal_indexing_row_by_row(self, filled):
        """Every row asked for has its label; every other slot is empty."""
        slot_row, label, labelled, _ = filled
        found = slots.fill_labels(slot_row, label, labelled)
        assert (found.dtype, found.shape) == (np.int16, (3, TILE))
        for slot, row in enumerate(slot_row):
            assert found.flat[slot] == (label[row] if row >= 0 and labelled[row] else -1)

    def test_weights_equal_indexing_row_by_row(self, filled):
        """Every labelled training row has its class and weight, and is counted."""
        slot_row, label, labelled, train = filled
        label_slots = slots.fill_labels(slot_row, label, labelled)
        per_class, per_tile = slots.count_training(slot_row, label_slots, train, 6)
        assert np.array_equal(per_class, np.bincount(label[train & labelled], minlength=6))
        position = np.array([3, 0, 2, 1, 4], np.int16)
        class_weight = np.random.default_rng(0).uniform(1, 2, 5).astype(np.float32)
        classes, weight = slots.fill_training_slots(
            slot_row, label_slots, train, position, class_weight
        )
        assert (classes.dtype, weight.dtype) == (np.int16, np.float32)
        assert np.array_equal(per_tile, (weight > 0).sum(axis=1))
        for slot, row in enumerate(slot_row):
            trained = row >= 0 and train[row] and labelled[row]
            expected = (position[label[row]], class_weight[label[row]]) if trained else (0, 0)
            assert (classes.flat[slot], weight.flat[slot]) == expected

    def test_labels_of_other_rows_are_not_looked_at(self):
        """They may be anything."""
        label = np.full(TILE, 10**12)
        label[:2] = [0, 1]
        found = slots.fill_labels(np.arange(TILE), label, np.arange(TILE) < 2)
        assert found[0, :3].tolist() == [0, 1, -1]


class TestMomentsPass:
    """Mean and variance of the features over training rows."""

    @pytest.mark.parametrize("n_features", [1, 3, 8, 19])
    def test_equals_dense_arithmetic(self, n_features):
        """Over the slots with weight of the named tiles, whatever the weight."""
        x, _, weight, _, _ = random_tiles(9, n_features, 2)
        x += np.arange(n_features, dtype=np.float32)[:, None]
        count, mean, spread = slots.moments_pass(x, np.array([3, 0]), weight)
        for i, tile in enumerate([3, 0]):
            rows = rows_of(x, [tile])[weight[tile] > 0].astype(np.float64)
            assert count[i] == len(rows)
            assert mean[i] == pytest.approx(rows.mean(axis=0), abs=1e-6)
            assert spread[i] == pytest.approx(rows.var(axis=0) * len(rows), rel=1e-5)

    def test_a_constant_feature_has_no_spread(self):
        """Exactly none, for any value and number of rows: rounding must not look like spread."""
        rng = np.random.default_rng(10)
        for _ in range(50):
            value = np.float32(rng.normal() * 10 ** rng.uniform(-3, 3))
            x = np.full((3, 2, TILE), value, np.float32)
            weight = (rng.random((3, TILE)) < rng.uniform(0.01, 1)).astype(np.float32)
            weight[0, 5] = 1
            x.transpose(0, 2, 1)[weight == 0] = 7e4
            tiles = np.flatnonzero(weight.any(axis=1))
            _, mean, spread = slots.moments_pass(x, tiles, weight)
            assert (mean == value).all()
            assert not spread.any()

    def test_a_small_spread_around_a_large_mean(self):
        """The spread keeps its digits where it is a thousandth of a thousandth of the mean."""
        rng = np.random.default_rng(11)
        x = (64 + 1e-4 * rng.standard_normal((4, 2, TILE))).astype(np.float32)
        _, mean, spread = slots.moments_pass(x, np.arange(4), np.ones((4, TILE), np.float32))
        for tile in range(4):
            rows = rows_of(x, [tile]).astype(np.float64)
            assert mean[tile] == pytest.approx(rows.mean(axis=0), rel=1e-9)
            assert spread[tile] == pytest.approx(TILE * rows.var(axis=0), rel=1e-4)


class TestStratifiedSample:
    """The same number of slots from every class."""

    @pytest.mark.parametrize("size", [60, 500, 10_000])
    def test_equals_strides_through_each_class(self, size):
        """Slot by slot, in the order of the tiles; weights keep the sum of their class."""
        x, label, weight, _, _ = random_tiles(12, 5, 3)
        weight[label == 2] *= np.arange((label == 2).sum()) < 9
        weight[weight > 0] = label[weight > 0] + 1.0
        tiles = np.array([0, 1, 3])
        weight[2] = 0
        sample, source = slots.stratified_sample(x, tiles, label, weight, 3, size)
        flat, flat_weight = label.ravel(), weight.ravel()
        of_class = [np.flatnonzero((flat == k) & (flat_weight > 0)) for k in range(3)]
        expected = [rows[:: max(1, len(rows) * 3 // size)] for rows in of_class]
        order = np.sort(np.concatenate(expected))
        taken = source.ravel() >= 0
        assert np.array_equal(source.ravel()[taken], order)
        assert taken[: len(order)].all()
        rows = rows_of(sample, np.arange(len(sample)))[taken]
        assert np.array_equal(rows, rows_of(x, np.arange(len(x)))[order])

        per_class = np.array([len(rows) for rows in of_class])
        labels, weights, n_taken = slots.fill_sample(source, label, weight, per_class)
        assert n_taken.tolist() == [len(rows) for rows in expected]
        assert np.array_equal(labels.ravel()[taken], flat[order])
        assert np.array_equal(weights.ravel() > 0, taken)
        for k in range(3):
            total = flat_weight[of_class[k]].sum()
            assert weights[labels == k].sum() == pytest.approx(total, rel=1e-5)

    def test_a_part_of_the_training_set(self):
        """Slots that are not in it weigh nothing, and the others as much as all of their class."""
        x, label, weight, _, _ = random_tiles(13, 2, 3)
        weight[:] = 1
        _, source = slots.stratified_sample(x, np.arange(len(x)), label, weight, 3, 300)
        weight[1] = 0
        label[3] = 2
        per_class = np.bincount(label[weight > 0], minlength=4)
        labels, weights, taken = slots.fill_sample(source, label, weight, per_class)
        inside = (source >= 0) & (source // TILE != 1)
        assert np.array_equal(weights > 0, inside)
        assert np.array_equal(taken, np.bincount(labels[inside], minlength=4))
        for k in range(3):
            assert weights[inside & (labels == k)].sum() == pytest.approx(per_class[k], rel=1e-5)
