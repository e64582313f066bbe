"""One training set of the decoder, against scikit-learn's scaler and weights, in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

from cytosurf.decoding import problem as problems
from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.design import make_design
from cytosurf.decoding.problem import (
    draw_sample,
    label_design,
    make_problem,
    sample_problem,
    thin_sample,
)
from cytosurf.errors import InputError
from tests.unit.decoding.oracles import dense_gradient, random_problem


def rows_of(design):
    """Return the features of the design, row by row, in float64."""
    by_slot = design.x.transpose(0, 2, 1).reshape(-1, design.x.shape[1])
    return by_slot[design.row_slot].astype(np.float64)


def problem_of(design, label, train, C=1.0, rows=None):
    """Return the problem of the training rows, of all rows that are labelled."""
    return make_problem(label_design(design, label, train if rows is None else rows), train, C)


def sampled(problem, per_parameter=1):
    """Return the problem of a sample drawn from a training set."""
    return sample_problem(problem, draw_sample(problem, per_parameter))


def toy_problem(seed, *, n=900, p=5, k=4, share=0.7, C=1.0):
    """Return a design, labels, training rows and their problem."""
    x, label = random_problem(seed, n=n, p=p, k=k)
    rng = np.random.default_rng(seed)
    design = make_design(x, rng.integers(0, 3, n))
    train = rng.random(n) < share
    every = np.ones(n, bool)
    return design, label, train, problem_of(design, label, train, C, every)


def dense_objective_gradient(design, label, train, C, theta):
    """Return the gradient of scikit-learn's objective over C n, in units of the design's columns.

    The penalty is on coefficients of standardised columns, which are the design's times the scale.
    """
    x, classes = rows_of(design)[train], np.unique(label[train])
    index = np.searchsorted(classes, label[train])
    weight = compute_sample_weight("balanced", label[train])
    gradient = np.column_stack(dense_gradient(x, index, weight, theta[:, :-1], theta[:, -1]))
    scale = StandardScaler().fit(x).scale_
    factor = 2 if len(classes) == 2 else 1
    gradient[:, :-1] += factor / C * theta[:, :-1] * scale**2
    return gradient / len(x)


class TestMakeProblem:
    """Classes, weights, and the scales that decide the penalty."""

    def test_weights_are_scikit_learns(self):
        """Balanced over the training rows alone; none elsewhere; they add up to their number."""
        design, label, train, problem = toy_problem(0)
        weight = problem.weight.ravel()[design.row_slot]
        expected = compute_sample_weight("balanced", label[train])
        assert weight[train] == pytest.approx(expected, rel=1e-6)
        assert not weight[~train].any()
        assert np.count_nonzero(problem.weight) == problem.n_train == train.sum()
        assert problem.weight.sum(dtype=float) == pytest.approx(train.sum(), rel=1e-6)

    def test_labels_count_the_classes_present(self):
        """Classes without a training row are passed over."""
        x, label = random_problem(1, n=600, p=3, k=6)
        design = make_design(x, np.zeros(600, int))
        train = ~np.isin(label, [0, 4])
        problem = problem_of(design, label, train)
        assert problem.classes.tolist() == [1, 2, 3, 5]
        index = problem.label.ravel()[design.row_slot[train]]
        assert np.array_equal(problem.classes[index], label[train])

    def test_only_tiles_with_training_rows_are_visited(self):
        """A group that is tested costs nothing in training."""
        x, label = random_problem(2, n=3 * TILE, p=2, k=3)
        group = np.repeat([0, 1, 2], TILE)
        problem = problem_of(make_design(x, group), label, group != 1)
        assert problem.tiles.tolist() == [0, 2]

    @pytest.mark.parametrize("C", [0.01, 1.0, 50.0])
    @pytest.mark.parametrize("k", [2, 5])
    def test_the_penalty_is_that_of_standardised_columns(self, k, C):
        """Scales are `StandardScaler`'s over the training rows; intercepts go free."""
        design, _, train, problem = toy_problem(3, k=k, C=C)
        scale = StandardScaler().fit(rows_of(design)[train]).scale_
        expected = (2 if k == 2 else 1) * scale**2 / (C * train.sum())
        assert problem.penalty[:-1] == pytest.approx(expected, rel=1e-5)
        assert problem.penalty[-1] == 0

    @pytest.mark.parametrize("value", [0.0, 0.1, -37.3, 1e4])
    def test_constant_columns(self, value):
        """Columns that do not vary in training keep scale 1, and are known with their value."""
        rng = np.random.default_rng(4)
        x, label = random_problem(4, n=500, p=2, k=3)
        train = rng.random(500) < 0.6
        x = np.column_stack([x, np.where(train, value, value + rng.normal(size=500))])
        design = make_design(x, np.zeros(500, int))
        problem = problem_of(design, label, train)
        assert np.isnan(problem.constant).tolist() == [True, True, False]
        there = rows_of(design)[train, 2]
        assert np.ptp(there) == 0
        assert problem.constant[2] == pytest.approx(there[0], abs=1e-6)
        assert problem.penalty[2] == pytest.approx(1 / train.sum())

    def test_a_small_spread_is_no_constant(self):
        """A column that varies a thousand times less in training than elsewhere keeps its scale."""
        rng = np.random.default_rng(5)
        x, label = random_problem(5, n=500, p=1, k=3)
        train = rng.random(500) < 0.6
        x[train] *= 1e-3
        design = make_design(x, np.zeros(500, int))
        problem = problem_of(design, label, train)
        assert np.isnan(problem.constant).all()
        variance = rows_of(design)[train].var(axis=0)
        assert problem.penalty[:-1] == pytest.approx(variance / train.sum(), rel=1e-4)

    def test_no_training_row_is_refused(self):
        """There is nothing to fit."""
        x, label = random_problem(6, n=50, p=2, k=2)
        design = make_design(x, np.zeros(50, int))
        with pytest.raises(InputError, match="no training row"):
            problem_of(design, label, np.zeros(50, bool), rows=np.ones(50, bool))
        with pytest.raises(InputError, match="no training row"):
            label_design(design, label, np.zeros(50, bool))


class TestGradient:
    """The gradient of the objective."""

    @settings(max_examples=40)
    @given(
        seed=st.integers(0, 2**32 - 1),
        p=st.integers(1, 9),
        k=st.integers(2, 9),
        C=st.sampled_from([1e-3, 1.0, 100.0]),
        size=st.sampled_from([0.0, 0.3, 3.0]),
    )
    def test_equals_dense_float64(self, seed, p, k, C, size):
        """At any parameters, for any training rows, penalty and classes present."""
        design, label, train, problem = toy_problem(seed, n=700, p=p, k=k, C=C)
        shape = len(problem.classes), p + 1
        theta = size * np.random.default_rng(seed).standard_normal(shape)
        expected = dense_objective_gradient(design, label, train, C, theta)
        gradient = problem.gradient(theta)
        assert (gradient.shape, gradient.dtype) == (shape, np.float64)
        assert np.abs(gradient - expected).max() < 3e-6 * max(1, np.abs(expected).max())


class TestSampleProblem:
    """A smaller problem of the same kind."""

    @pytest.fixture
    def small_samples(self, monkeypatch):
        """Let samples have 300 vertices, a few for each parameter."""
        monkeypatch.setattr(problems, "FEWEST_PARAMETERS", 300)

    def test_a_small_problem_is_its_own_sample(self):
        """Nothing is gained by copying it."""
        problem = toy_problem(8)[3]
        assert draw_sample(problem, 8) is None
        assert sample_problem(problem, None) is problem

    @pytest.mark.usefixtures("small_samples")
    def test_weights_of_every_class_add_up_to_its_own(self):
        """To n / K each, so to n in all."""
        problem = toy_problem(9, n=4000, k=5)[3]
        sample = sampled(problem)
        for k in range(5):
            total = sample.weight[sample.label == k].sum(dtype=float)
            assert total == pytest.approx(problem.n_train / 5, rel=1e-4)
        assert sample.weight.sum(dtype=float) == pytest.approx(problem.n_train, rel=1e-4)
        assert sample.n_train == problem.n_train

    @pytest.mark.usefixtures("small_samples")
    def test_classes_have_as_many_vertices_as_each_other(self):
        """About their share of the sample each, of equal weight, and all where there are fewer."""
        x, label = random_problem(10, n=4000, p=3, k=3)
        label[:7] = 3
        design = make_design(x, np.zeros(4000, int))
        problem = problem_of(design, label, np.ones(4000, bool))
        sample = sampled(problem)
        used = sample.weight > 0
        counts = np.bincount(sample.label[used], minlength=4)
        assert counts[3] == 7
        assert (counts[:3] >= 300 // 4).all()
        assert (counts[:3] <= 2 * 300 // 4).all()
        for k in range(4):
            assert np.ptp(sample.weight[used & (sample.label == k)]) == 0

    @pytest.mark.usefixtures("small_samples")
    def test_vertices_are_training_vertices_with_their_labels(self):
        """Every sampled row is one of the training rows, taken once."""
        design, label, train, problem = toy_problem(11, n=3000)
        sample = sampled(problem)
        used = sample.weight.ravel() > 0
        rows = sample.x.transpose(0, 2, 1).reshape(-1, 5)[used]
        known = {tuple(row): i for i, row in enumerate(rows_of(design).astype(np.float32))}
        found = np.array([known[tuple(row)] for row in rows])
        assert train[found].all()
        assert len(set(found)) == len(found)
        assert np.array_equal(sample.classes[sample.label.ravel()[used]], label[found])

    @pytest.mark.usefixtures("small_samples")
    def test_penalty_and_constants_are_those_of_the_whole(self):
        """The objective is estimated, not another one."""
        problem = toy_problem(12, n=3000)[3]
        sample = sampled(problem)
        assert np.array_equal(sample.penalty, problem.penalty)
        assert np.array_equal(sample.constant, problem.constant, equal_nan=True)
        assert np.array_equal(sample.classes, problem.classes)

    @pytest.mark.usefixtures("small_samples")
    def test_its_gradient_is_an_estimate_of_that_of_the_whole(self):
        """Within the error of so many vertices, and never without one."""
        problem = toy_problem(13, n=6000, k=3)[3]
        theta = 0.3 * np.random.default_rng(13).standard_normal((3, 6))
        difference = np.abs(sampled(problem).gradient(theta) - problem.gradient(theta))
        assert 0 < difference.max() < 5 / np.sqrt(300)


class TestThinSample:
    """A smaller sample, from a sample."""

    @pytest.fixture(autouse=True)
    def small_samples(self, monkeypatch):
        """Let samples have 100 vertices for each of these "parameters"."""
        monkeypatch.setattr(problems, "FEWEST_PARAMETERS", 100)

    def test_is_a_part_of_the_sample(self):
        """Of about the size asked for, with the slots of the training set that it came from."""
        problem = toy_problem(14, n=5000, k=3)[3]
        sample = draw_sample(problem, 8)
        thin = thin_sample(sample_problem(problem, sample), sample, 4)
        taken = thin.source[thin.source >= 0]
        assert set(taken) < set(sample.source.ravel())
        assert 300 <= len(taken) <= 600
        for feature in range(5):
            slots = problem.x[:, feature].ravel()[taken]
            assert np.array_equal(thin.x[:, feature].ravel()[: len(taken)], slots)

    def test_weighs_as_much_as_the_training_set(self):
        """Not as a sample of a sample would."""
        problem = toy_problem(15, n=5000, k=3)[3]
        sample = draw_sample(problem, 8)
        thin = sample_problem(problem, thin_sample(sample_problem(problem, sample), sample, 4))
        for k in range(3):
            total = thin.weight[thin.label == k].sum(dtype=float)
            assert total == pytest.approx(problem.n_train / 3, rel=1e-4)

    def test_a_sample_that_is_small_already_stays(self):
        """As large as asked for."""
        problem = toy_problem(16, n=5000, k=3)[3]
        sample = draw_sample(problem, 2)
        assert thin_sample(sample_problem(problem, sample), sample, 60) is sample


class TestReadOnly:
    """Arrays that a worker maps and arrays that a process made are one type to the kernels."""

    def test_features_cannot_be_written_to(self, monkeypatch):
        """Of the problem and of its sample, though those of the design can."""
        monkeypatch.setattr(problems, "FEWEST_PARAMETERS", 100)
        design, _, _, problem = toy_problem(17, n=3000)
        assert design.x.flags.writeable
        assert np.shares_memory(design.x, problem.x)
        assert not problem.x.flags.writeable
        assert not sampled(problem).x.flags.writeable
