"""The softmax regression is scikit-learn's converged solution, whatever the data look like."""

import numpy as np
import pytest
from scipy.special import softmax

from cytosurf.decoding import curvature
from cytosurf.decoding import problem as problem_module
from cytosurf.decoding import softmax as solver
from cytosurf.decoding.design import make_design
from cytosurf.decoding.softmax import (
    fit_softmax,
    make_start,
    predict_class,
    predict_probability,
)
from cytosurf.errors import InputError
from tests.unit.decoding.oracles import (
    balanced_weights,
    dense_gradient,
    fit_reference,
    random_problem,
)

# Far enough below the default tolerance that the minimum itself is compared.
CLOSELY = 1e-10


def fit(x, label, train=None, group=None, **options):
    """Return the design and a fit; all rows train in one group if nothing is said."""
    design = make_design(x, np.zeros(len(x), int) if group is None else group)
    train = np.ones(len(x), bool) if train is None else train
    return design, alone(design, np.asarray(label), train, **options)


def alone(design, label, train, *, C=1.0, **options):
    """Fit closely, with a start made from the training rows and no others."""
    options = {"tolerance": CLOSELY} | options
    return fit_softmax(make_start(design, label, train, C=C), train, C=C, **options)


def probability_of(x, label, train=None, **options):
    """Fit and return the probabilities of all rows."""
    return predict_probability(*fit(x, label, train, **options))


def assert_equals_reference(x, label, train=None, *, C=1.0, atol=1e-4):
    """Compare classes, probabilities, predictions and coefficients with scikit-learn."""
    train = np.ones(len(x), bool) if train is None else train
    design, fitted = fit(x, label, train, group=np.arange(len(x)) % 2, C=C)
    reference = fit_reference(x[train], label[train], C)
    assert fitted.converged
    assert np.array_equal(fitted.classes, reference.classes_)
    probability = predict_probability(design, fitted)
    expected = reference.predict_proba(x)
    assert np.abs(probability - expected)[train].max() < atol
    assert np.abs(probability - expected).max() < 5 * atol
    close = np.sort(expected, axis=1)[:, -2:] @ [-1, 1] < 10 * atol  # a tie but for rounding
    predicted = fitted.classes[probability.argmax(axis=1)]
    assert np.array_equal(predicted[~close], reference.predict(x)[~close])
    return fitted, reference[-1]


def counted(method, calls):
    """Return a method that notes what it is called on."""

    def noting(self, *arguments):
        calls.append(self)
        return method(self, *arguments)

    return noting


class TestAgainstScikitLearn:
    """LogisticRegression(class_weight="balanced") after StandardScaler, fitted to 1e-8."""

    @pytest.mark.parametrize(
        ("n", "p", "k"),
        [(40, 1, 2), (300, 1, 5), (700, 3, 7), (2000, 8, 3), (1500, 9, 17), (3000, 33, 4)],
    )
    def test_predictions_probabilities_and_coefficients(self, n, p, k):
        """Sizes from a handful of rows to many features and classes; intercepts up to a shift."""
        x, label = random_problem(k, n=n, p=p, k=k)
        fitted, reference = assert_equals_reference(x, label)
        if len(fitted.classes) > 2:
            largest = np.abs(reference.coef_).max()
            assert np.abs(fitted.theta[:, :-1] - reference.coef_).max() < 2e-3 * largest
            shift = fitted.theta[:, -1] - reference.intercept_
            assert np.ptp(shift) < 2e-3 * max(1, np.ptp(reference.intercept_))

    def test_two_classes_are_binary_regression(self):
        """The difference of the two rows is the one row of the binary model."""
        x, label = random_problem(1, n=900, p=5, k=2)
        fitted, reference = assert_equals_reference(x, label)
        assert reference.coef_.shape == (1, 5)
        difference = fitted.theta[1] - fitted.theta[0]
        assert difference[:-1] == pytest.approx(reference.coef_[0], abs=1e-3)
        assert difference[-1] == pytest.approx(reference.intercept_[0], abs=1e-3)

    @pytest.mark.parametrize("C", [1e-4, 1e-2, 10, 1000])
    @pytest.mark.parametrize("k", [2, 5])
    def test_other_penalties(self, C, k):
        """From almost no slope to almost no penalty."""
        x, label = random_problem(2, n=800, p=6, k=k)
        assert_equals_reference(x, label, C=C)

    def test_rows_outside_training_are_left_out(self):
        """Of the means, the scales, the weights and the fit; they are still predicted."""
        x, label = random_problem(3, n=1200, p=4, k=5)
        train = np.random.default_rng(0).random(1200) < 0.4
        x[~train] = 3 * x[~train] + 5
        assert_equals_reference(x, label, train)

    def test_absent_classes(self):
        """Numbers without a training row are no classes, also when their rows are there."""
        x, label = random_problem(4, n=1000, p=3, k=6)
        train = ~np.isin(label, [0, 3, 5])
        fitted, _ = assert_equals_reference(x, label, train)
        assert fitted.classes.tolist() == [1, 2, 4]

    @pytest.mark.parametrize("n_rare", [1, 2, 5])
    def test_rare_classes(self, n_rare):
        """A class of a single vertex has the weight of one of a thousand."""
        x, label = random_problem(5, n=1500, p=4, k=3)
        label[: 2 * n_rare] = np.repeat([3, 4], n_rare)
        assert_equals_reference(x, label)

    def test_near_separable_data(self):
        """Where only the penalty keeps the coefficients finite."""
        x, label = random_problem(6, n=1000, p=3, k=4, noise=1e-6)
        fitted, reference = assert_equals_reference(x, label)
        assert np.abs(reference.coef_).max() > 4
        assert (fitted.classes[probability_of(x, label).argmax(axis=1)] == label).mean() > 0.95

    def test_separated_classes_far_apart(self):
        """Clusters with a wide gap between them, and hardly any penalty."""
        x, _ = random_problem(7, n=600, p=2, k=2)
        label = np.arange(600) % 3
        x = x + 40 * np.eye(3)[label, :2]
        assert_equals_reference(x, label, C=100)

    def test_a_column_constant_in_training(self):
        """It has scale 1 there, as in StandardScaler, whatever it does elsewhere."""
        for seed in range(20):
            rng = np.random.default_rng(seed)
            x, label = random_problem(seed, n=700, p=2, k=3)
            train = rng.random(700) < 0.7
            x = np.column_stack([x, np.where(train, rng.normal(), rng.normal(size=700))])
            fitted, _ = assert_equals_reference(x, label, train)
            assert np.abs(fitted.theta[:, 2]).max() < 1e-5

    def test_a_constant_column(self):
        """It changes nothing."""
        x, label = random_problem(8, n=700, p=2, k=3)
        with_constant = np.column_stack([x, np.full(700, 0.1)])
        assert_equals_reference(with_constant, label)
        plain, more = probability_of(x, label), probability_of(with_constant, label)
        assert np.abs(plain - more).max() < 1e-5

    @pytest.mark.parametrize("p", [2, 7, 40])
    def test_dependent_columns(self, p):
        """Columns twice or thrice (a feature set joined to itself) share one coefficient."""
        for seed in range(6):
            x, label = random_problem(seed, n=1500, p=p, k=3)
            fitted, _ = assert_equals_reference(np.hstack([x, x[:, ::-1], x]), label)
            thirds = np.split(fitted.theta[:, :-1], 3, axis=1)
            assert np.abs(thirds[0] - thirds[2]).max() < 1e-3
            assert np.abs(thirds[0] - thirds[1][:, ::-1]).max() < 1e-3

    def test_heavy_tails(self):
        """Features with a few enormous values."""
        rng = np.random.default_rng(9)
        x = rng.standard_t(1.2, size=(1500, 4))
        label = (np.sign(x) @ rng.normal(size=(4, 5)) + rng.gumbel(size=(1500, 5))).argmax(axis=1)
        assert_equals_reference(x, label, atol=5e-4)

    def test_many_parameters(self, monkeypatch):
        """With one Hessian block for each class, where the whole would be too large."""
        x, label = random_problem(10, n=2500, p=20, k=30)
        monkeypatch.setattr(curvature, "FULL_HESSIAN_PARAMETERS", 100)
        assert_equals_reference(x, label)


class TestMinimum:
    """The fit is the minimum of the objective as stated, without another solver's word."""

    @pytest.mark.parametrize("k", [2, 3, 11])
    @pytest.mark.parametrize("C", [0.1, 1.0, 50])
    def test_the_gradient_vanishes(self, k, C):
        """Written out in float64, in standardised units."""
        x, label = random_problem(11, n=1100, p=5, k=k)
        _, fitted = fit(x, label, C=C)
        z = (x - x.mean(axis=0)) / x.std(axis=0)
        index = np.searchsorted(fitted.classes, label)
        coefficients, intercepts = fitted.theta[:, :-1], fitted.theta[:, -1]
        gradient, gradient0 = dense_gradient(
            z, index, balanced_weights(label), coefficients, intercepts
        )
        gradient += (2 if k == 2 else 1) * coefficients / C
        assert max(np.abs(gradient).max(), np.abs(gradient0).max()) / len(x) < 3e-5

    def test_every_row_twice_at_half_the_c_is_the_same(self):
        """The log-loss doubles, so half its weight against the penalty changes nothing."""
        x, label = random_problem(12, n=600, p=4, k=4)
        twice = probability_of(np.vstack([x, x]), np.r_[label, label], C=0.5)
        assert np.abs(twice[:600] - probability_of(x, label)).max() < 1e-4

    def test_coefficients_belong_to_the_columns_of_the_design(self):
        """Coefficients and intercepts give the probabilities by plain arithmetic."""
        x, label = random_problem(13, n=500, p=3, k=4)
        train = np.arange(500) < 300
        design, fitted = fit(3 * x + 7, label, train)
        rows = design.x.transpose(0, 2, 1).reshape(-1, 3)[design.row_slot].astype(np.float64)
        logits = rows @ fitted.theta[:, :-1].T + fitted.theta[:, -1]
        probability = predict_probability(design, fitted)
        assert np.abs(probability - softmax(logits, axis=1)).max() < 1e-6
        plain = probability_of(x, label, train)
        assert np.abs(probability - plain).max() < 1e-5


class TestStart:
    """A start changes the passes, not the solution."""

    def test_from_more_rows(self):
        """The rows of all folds or those of one: the same minimum, in a few passes more."""
        x, label = random_problem(14, n=3000, p=10, k=7)
        group = np.arange(3000) % 5
        design = make_design(x, group)
        start = make_start(design, label, np.ones(3000, bool))
        here = alone(design, label, group != 1)
        fold = fit_softmax(start, group != 1)
        assert here.converged
        assert fold.converged
        assert fold.n_passes < 12
        difference = predict_probability(design, fold) - predict_probability(design, here)
        assert np.abs(difference).max() < 3e-4

    @pytest.mark.parametrize("k", [3, 6])
    def test_a_fold_that_takes_most_of_a_class(self, k, monkeypatch):
        """Over samples, with a class left with a handful of vertices: still the minimum."""
        monkeypatch.setattr(problem_module, "FEWEST_PARAMETERS", 50)
        x, label = random_problem(28, n=4000, p=5, k=k)
        train = (label != 1) | (np.cumsum(label == 1) <= 6)
        design = make_design(x, np.zeros(4000, int))
        warm = fit_softmax(make_start(design, label, np.ones(4000, bool)), train)
        assert warm.converged
        reference = fit_reference(x[train], label[train], 1.0)
        difference = predict_probability(design, warm) - reference.predict_proba(x)
        assert np.abs(difference)[train].max() < 1e-3
        assert np.abs(difference).mean() < 6e-5

    def test_a_sample_that_leads_astray_is_left(self, monkeypatch):
        """Where a sample is separable, its tilted minimum may be anywhere."""
        monkeypatch.setattr(problem_module, "FEWEST_PARAMETERS", 0)
        monkeypatch.setattr(solver, "SAMPLE_PER_PARAMETER", 1)
        x, label = random_problem(29, n=3000, p=12, k=3)
        design = make_design(x, np.zeros(3000, int))
        train = np.arange(3000) % 4 > 0
        warm = fit_softmax(make_start(design, label, np.ones(3000, bool)), train)
        assert warm.converged
        cold = fit_reference(x[train], label[train], 1.0).predict_proba(x)
        assert np.abs(predict_probability(design, warm) - cold).max() < 1e-3

    def test_from_a_different_problem(self):
        """Another penalty makes a bad start, which is all."""
        x, label = random_problem(15, n=1500, p=6, k=4, noise=0.2)
        design, here = fit(x, label)
        everything = np.ones(1500, bool)
        other = fit_softmax(make_start(design, label, everything, C=1e-4), everything)
        assert other.converged
        difference = predict_probability(design, other) - predict_probability(design, here)
        assert np.abs(difference).max() < 3e-4

    def test_a_fold_without_a_class_of_the_start(self):
        """Its parameters are left out of the start."""
        x, label = random_problem(16, n=900, p=3, k=4)
        design = make_design(x, np.zeros(900, int))
        fold = fit_softmax(make_start(design, label, np.ones(900, bool)), label != 2)
        assert fold.classes.tolist() == [0, 1, 3]
        here = alone(design, label, label != 2)
        difference = predict_probability(design, fold) - predict_probability(design, here)
        assert np.abs(difference).max() < 3e-4

    @pytest.mark.parametrize(("uneven", "tolerance"), [(False, 1e-6), (True, 1e-2)])
    def test_the_tilt_needs_no_pass(self, uneven, tolerance, monkeypatch):
        """The tiles' gradients give it: exactly where a fold's weights are those of all rows."""
        monkeypatch.setattr(problem_module, "FEWEST_PARAMETERS", 100)
        x, label = random_problem(30, n=6000, p=4, k=3)
        rank = (label[:, None] == np.arange(3)).cumsum(axis=0)[np.arange(6000), label] - 1
        kept = rank < np.bincount(label)[label] // 5 * 5
        x, label, group = x[kept], label[kept], rank[kept] % 5  # of every class as many in each
        group[:200] = 0 if uneven else group[:200]
        design = make_design(x, group)
        start = make_start(design, label, np.ones(len(x), bool))
        problem = problem_module.make_problem(start.labelled, group != 0, 1.0)
        sample = problem_module.sample_problem(problem, start.sample)
        theta = start.fit.theta - start.fit.theta.mean(axis=0)
        exact = problem.gradient(theta) - sample.gradient(theta)
        with monkeypatch.context() as patch:
            patch.setattr(type(problem), "gradient", counted(type(problem).gradient, calls := []))
            tilt, n_passes = solver._tilt(problem, sample, theta, start)
        assert n_passes == 0
        assert all(call.x is not problem.x for call in calls)
        assert np.abs(exact).max() > 3e-3
        assert np.abs(tilt - exact).max() < tolerance * np.abs(exact).max()

    def test_a_tilt_that_needs_a_pass_counts_it(self, monkeypatch):
        """Where tiles are trained on in part, nothing that is there adds up to the gradient."""
        monkeypatch.setattr(problem_module, "FEWEST_PARAMETERS", 100)
        x, label = random_problem(31, n=6000, p=4, k=3)
        design = make_design(x, np.zeros(6000, int))
        start = make_start(design, label, np.ones(6000, bool))
        problem = problem_module.make_problem(start.labelled, np.arange(6000) % 5 > 0, 1.0)
        sample = problem_module.sample_problem(problem, start.sample)
        theta = start.fit.theta
        tilt, n_passes = solver._tilt(problem, sample, theta, start)
        assert n_passes == 1
        assert np.array_equal(tilt, problem.gradient(theta) - sample.gradient(theta))

    def test_the_start_is_not_changed(self):
        """It may serve many fits: what one fold gives does not depend on those before."""
        x, label = random_problem(17, n=900, p=3, k=4)
        design = make_design(x, np.zeros(900, int))
        start = make_start(design, label, np.ones(900, bool))
        theta, inverse = start.fit.theta.copy(), start.fit.preconditioner.inverse.copy()
        first = fit_softmax(start, np.arange(900) >= 300)
        fit_softmax(start, np.arange(900) < 500)
        assert np.array_equal(theta, start.fit.theta)
        assert np.array_equal(inverse, start.fit.preconditioner.inverse)
        assert np.array_equal(first.theta, fit_softmax(start, np.arange(900) >= 300).theta)


class TestFit:
    """Everything else about a fit."""

    @pytest.mark.parametrize("seed", range(4))
    def test_the_default_tolerance(self, seed):
        """Probabilities are within 3e-4 of the minimum's, in the mean within 5e-5."""
        x, label = random_problem(seed, n=4000, p=8, k=5)
        design, every = make_design(x, np.zeros(4000, int)), np.ones(4000, bool)
        start = make_start(design, label, every)
        train = np.arange(4000) % 5 != seed
        difference = np.abs(
            predict_probability(design, fit_softmax(start, train))
            - predict_probability(design, alone(design, label, train))
        )
        assert difference.max() < 3e-4
        assert difference.mean() < 5e-5

    def test_a_single_class_is_always_predicted(self):
        """With probability 1, without a pass."""
        x, _ = random_problem(18, n=300, p=3, k=3)
        design, fitted = fit(x, np.full(300, 2))
        assert fitted.classes.tolist() == [2]
        assert (fitted.n_passes, fitted.converged) == (0, True)
        assert np.array_equal(predict_probability(design, fitted), np.ones((300, 1), np.float32))

    def test_it_is_deterministic(self):
        """The same call gives the same bits."""
        x, label = random_problem(19, n=1000, p=9, k=5)
        assert np.array_equal(fit(x, label)[1].theta, fit(x, label)[1].theta)

    def test_labels_outside_training_are_not_looked_at(self):
        """Not even when they are no classes."""
        x, label = random_problem(20, n=600, p=3, k=3)
        train = np.arange(600) % 3 > 0
        _, before = fit(x, label, train)
        _, after = fit(x, np.where(train, label, -99), train)
        assert np.array_equal(before.theta, after.theta)

    @pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int32])
    def test_any_integer_type(self, dtype):
        """Labels of any integer type give the same fit."""
        x, label = random_problem(21, n=400, p=2, k=3)
        assert np.array_equal(fit(x, label.astype(dtype))[1].theta, fit(x, label)[1].theta)

    def test_it_says_when_it_did_not_converge(self, monkeypatch):
        """Out of passes, the fit is there and marked."""
        x, label = random_problem(22, n=500, p=5, k=4)
        monkeypatch.setattr(solver, "COLD_SEGMENTS", (1,))
        monkeypatch.setattr(solver, "WARM_SEGMENTS", (1,))
        design, fitted = fit(x, label, tolerance=1e-20)
        assert not fitted.converged
        assert fitted.n_passes >= 2
        assert np.isfinite(predict_probability(design, fitted)).all()

    def test_refuses_an_empty_training_set(self):
        """There is nothing to fit."""
        x, label = random_problem(23, n=100, p=2, k=2)
        with pytest.raises(InputError, match="no training row"):
            fit(x, label, np.zeros(100, bool))

    def test_passes_are_few(self):
        """The preconditioner works: a dozen passes, where plain L-BFGS needs many more."""
        x, label = random_problem(24, n=4000, p=20, k=7)
        design, every = make_design(x, np.zeros(4000, int)), np.ones(4000, bool)
        start = make_start(design, label, every)
        fold = fit_softmax(start, np.arange(4000) % 5 > 0)
        assert start.fit.converged
        assert fold.converged
        assert start.fit.n_passes <= 12
        assert fold.n_passes <= 8


class TestPredictClass:
    """The winner of each row."""

    def test_has_the_largest_probability(self):
        """The same as from probabilities, for all rows or some, whatever the classes are called."""
        x, label = random_problem(28, n=2000, p=5, k=6)
        label = np.array([0, 2, 3, 5, 6, 9])[label]
        group = np.random.default_rng(0).integers(0, 5, 2000)
        design, fitted = fit(x, label, group=group)
        for rows in (None, group == 3, np.array([7, 3, 1999]), np.zeros(0, int)):
            probability = predict_probability(design, fitted, rows)
            expected = fitted.classes[probability.argmax(axis=1)]
            assert np.array_equal(predict_class(design, fitted, rows), expected)
        assert set(predict_class(design, fitted)) == set(label)

    def test_first_of_equal_ones_wins(self):
        """Where nothing tells the classes apart."""
        design, fitted = fit(np.zeros((8, 1)), np.tile([1, 4], 4))
        assert np.array_equal(predict_class(design, fitted), np.full(8, 1))


class TestPredictProbability:
    """Probabilities of chosen rows."""

    def test_chosen_rows_are_the_rows_of_the_whole(self):
        """To the bit and in the order of the rows, whatever their groups."""
        x, label = random_problem(26, n=2000, p=5, k=4)
        rng = np.random.default_rng(0)
        group = rng.integers(0, 5, 2000)
        design, fitted = fit(x, label, group=group)
        whole = predict_probability(design, fitted)
        assert (whole.shape, whole.dtype) == ((2000, 4), np.float32)
        for rows in (group == 3, rng.random(2000) < 0.01, rng.random(2000) < 0.9):
            assert np.array_equal(predict_probability(design, fitted, rows), whole[rows])
        none = predict_probability(design, fitted, np.zeros(2000, bool))
        assert none.shape == (0, 4)

    def test_rows_may_lie_anywhere_in_the_design(self):
        """Another grouping of the rows changes the last digits alone."""
        x, label = random_problem(27, n=1500, p=5, k=4)
        plain = probability_of(x, label)
        dealt = probability_of(x, label, group=np.random.default_rng(1).integers(0, 9, 1500))
        assert np.abs(plain - dealt).max() < 1e-4
