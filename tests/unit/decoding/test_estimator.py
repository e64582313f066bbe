"""SoftmaxRegression is scikit-learn's LogisticRegression at its minimum, and one of its kind."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import cytosurf
from cytosurf.decoding.crossval import decode_labels, make_decoder
from cytosurf.decoding.estimator import SoftmaxRegression
from cytosurf.decoding.folds import Folds
from cytosurf.errors import InputError
from tests.unit.decoding.oracles import random_problem


@parametrize_with_checks(
    [
        SoftmaxRegression(),
        SoftmaxRegression(class_weight="balanced", C=20.0),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    """Every check of `check_estimator` passes, for the defaults and away from them."""
    check(estimator)


def reference(X, y, sample_weight=None, **options):
    """Return scikit-learn's model at its minimum; intercepts add up to 0 as with lbfgs."""
    model = LogisticRegression(solver="newton-cholesky", tol=1e-10, max_iter=1000, **options)
    model.fit(X, y, sample_weight)
    if len(model.classes_) > 2:
        model.intercept_ -= model.intercept_.mean()
    return model


@st.composite
def problems(draw):
    """Draw small problems: columns of any scale and offset, some of them equal, rare classes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, p = draw(st.integers(6, 60)), draw(st.integers(1, 6))
    x = rng.standard_normal((n, p)) * 10 ** rng.uniform(-2, 2, p) + 10 * rng.standard_normal(p)
    if draw(st.booleans()):
        x[:, 0] = x[:, -1]
    y = rng.integers(0, draw(st.integers(2, 5)), n)
    assume(len(np.unique(y)) > 1)
    weight = rng.uniform(0.1, 3, n) if draw(st.booleans()) else None
    return x, y, weight


class TestAgainstScikitLearn:
    """The objective is LogisticRegression's, and the solution its minimum."""

    @settings(max_examples=60)
    @given(
        problem=problems(),
        C=st.sampled_from([1e-3, 0.1, 1.0, 30.0]),
        fit_intercept=st.booleans(),
        class_weight=st.sampled_from([None, "balanced", {0: 5.0, 1: 0.5}]),
    )
    def test_equals_logistic_regression(self, problem, C, fit_intercept, class_weight):
        """Coefficients, intercepts, logits and probabilities of any small problem."""
        x, y, weight = problem
        if isinstance(class_weight, dict):
            assume({0, 1} <= set(y))
        options = {"C": C, "fit_intercept": fit_intercept, "class_weight": class_weight}
        model = SoftmaxRegression(**options).fit(x, y, weight)
        expected = reference(x, y, weight, **options)
        assert np.array_equal(model.classes_, expected.classes_)
        assert model.coef_.shape == expected.coef_.shape
        assert model.intercept_.shape == expected.intercept_.shape
        scale = np.abs(expected.coef_).max()
        assert np.abs(model.coef_ - expected.coef_).max() < 1e-6 * max(1e-3, scale)
        assert model.intercept_ == pytest.approx(expected.intercept_, rel=1e-6, abs=1e-6)
        assert model.predict_proba(x) == pytest.approx(expected.predict_proba(x), abs=1e-6)
        assert model.decision_function(x) == pytest.approx(
            expected.decision_function(x), rel=1e-6, abs=1e-6
        )

    @pytest.mark.parametrize("k", [2, 7])
    def test_equals_the_default_solver_run_to_its_end(self, k):
        """L-BFGS, which starts at 0 too: the intercepts agree without a shift."""
        x, y = random_problem(0, n=900, p=6, k=k)
        expected = LogisticRegression(tol=1e-10, max_iter=10_000)
        with warnings.catch_warnings():
            # Rounding may stop L-BFGS at the minimum before its own rule does.
            warnings.filterwarnings("ignore", message="lbfgs failed to converge.*\n?ABNORMAL")
            expected.fit(x, y)
        model = SoftmaxRegression().fit(x, y)
        assert model.coef_ == pytest.approx(expected.coef_, abs=2e-5)
        assert model.intercept_ == pytest.approx(expected.intercept_, abs=2e-5)
        assert np.array_equal(model.predict(x), expected.predict(x))

    def test_more_columns_than_rows(self):
        """The solution lies in the span of the rows, and is found there."""
        rng = np.random.default_rng(1)
        x, y = rng.standard_normal((30, 200)), np.arange(30) % 3
        model, expected = SoftmaxRegression().fit(x, y), reference(x, y)
        assert model.coef_ == pytest.approx(expected.coef_, abs=1e-7)

    def test_columns_of_very_different_scale(self):
        """The fit gets to the minimum in a few steps, and without a warning."""
        x, y = random_problem(2, n=400, p=5, k=3)
        x = x * 10.0 ** np.arange(-4, 6, 2) + 1e5
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = SoftmaxRegression().fit(x, y)
        residual = model.predict_proba(x) - np.eye(3)[y]
        gradient = residual.T @ (x - x.mean(axis=0)) + model.coef_
        assert np.abs(gradient / x.std(axis=0)).max() < 1e-6 * len(x)
        assert model.n_iter_ < 20

    def test_separable_classes_with_hardly_a_penalty(self):
        """Coefficients grow large, and are the minimum's."""
        x = np.array([-3.0, -2, -1, 1, 2, 3])[:, None]
        y = np.repeat([0, 1], 3)
        model, expected = SoftmaxRegression(C=1e6).fit(x, y), reference(x, y, C=1e6)
        assert model.coef_ == pytest.approx(expected.coef_, rel=1e-6)
        assert model.coef_[0, 0] > 9


class TestSampleWeight:
    """A weight is a number of rows."""

    @pytest.mark.parametrize("class_weight", [None, "balanced", {"a": 3.0}])
    @pytest.mark.parametrize("k", [2, 4])
    def test_whole_weights_are_repetitions(self, k, class_weight):
        """Of every row; none of some."""
        x, y = random_problem(3, n=120, p=3, k=k)
        y = np.array(list("abcd"))[y]
        weight = np.random.default_rng(3).integers(0, 4, 120)
        model = SoftmaxRegression(class_weight=class_weight)
        weighted = clone(model).fit(x, y, sample_weight=weight)
        repeated = clone(model).fit(np.repeat(x, weight, axis=0), np.repeat(y, weight))
        assert weighted.coef_ == pytest.approx(repeated.coef_, abs=1e-8)
        assert weighted.intercept_ == pytest.approx(repeated.intercept_, abs=1e-8)

    def test_a_class_without_weight_is_no_class(self):
        """As if its rows were not there."""
        x, y = random_problem(4, n=200, p=2, k=4)
        model = SoftmaxRegression().fit(x, y, sample_weight=(y != 2).astype(float))
        assert model.classes_.tolist() == [0, 1, 3]
        alone = SoftmaxRegression().fit(x[y != 2], y[y != 2])
        assert np.array_equal(model.coef_, alone.coef_)

    def test_balanced_classes_weigh_the_same(self):
        """Weights n / (K n_k), as a dict, give the same model."""
        x, y = random_problem(5, n=300, p=3, k=3)
        weights = dict(enumerate(300 / (3 * np.bincount(y))))
        balanced = SoftmaxRegression(class_weight="balanced").fit(x, y)
        given = SoftmaxRegression(class_weight=weights).fit(x, y)
        assert balanced.coef_ == pytest.approx(given.coef_, abs=1e-9)


class TestTypes:
    """What goes in decides what comes out."""

    @pytest.mark.parametrize("k", [2, 3])
    def test_float64_stays_float64(self, k):
        """Coefficients, intercepts, logits and probabilities, to more digits than float32 has."""
        x, y = random_problem(6, n=300, p=4, k=k)
        model = SoftmaxRegression().fit(x, y)
        probability = model.predict_proba(x)
        for array in (model.coef_, model.intercept_, model.decision_function(x), probability):
            assert array.dtype == np.float64
        assert probability.sum(axis=1) == pytest.approx(np.ones(300), abs=1e-14)
        assert np.abs(model.coef_ - reference(x, y).coef_).max() < 1e-9

    @pytest.mark.parametrize("k", [2, 3])
    def test_float32_is_solved_in_float64_and_given_as_float32(self, k):
        """The result is the float64 one of the same numbers, rounded once."""
        x, y = random_problem(7, n=300, p=4, k=k)
        x = x.astype(np.float32)
        model = SoftmaxRegression().fit(x, y)
        for array in (model.coef_, model.intercept_, model.predict_proba(x)):
            assert array.dtype == np.float32
        wide = SoftmaxRegression().fit(x.astype(np.float64), y)
        assert np.array_equal(model.coef_, wide.coef_.astype(np.float32))

    def test_whole_numbers_are_float64(self):
        """Lists and integers are taken as float64."""
        model = SoftmaxRegression().fit([[0], [1], [2], [3]], [5, 5, 9, 9])
        assert model.coef_.dtype == np.float64
        assert model.predict([[0], [3]]).tolist() == [5, 9]

    def test_labels_of_text(self):
        """Names come back as they went in."""
        x, y = random_problem(8, n=200, p=2, k=3)
        names = np.array(["Vis", "SomMot", "Limbic"])[y]
        model = SoftmaxRegression().fit(x, names)
        assert model.classes_.tolist() == ["Limbic", "SomMot", "Vis"]
        assert set(model.predict(x)) <= set(names)

    def test_data_frames_with_names(self):
        """Names of columns are kept, and other columns refused."""
        x, y = random_problem(9, n=100, p=2, k=3)
        frame = pd.DataFrame(x, columns=["thickness", "curvature"])
        model = SoftmaxRegression().fit(frame, pd.Series(y))
        assert model.feature_names_in_.tolist() == ["thickness", "curvature"]
        assert np.array_equal(model.coef_, SoftmaxRegression().fit(x, y).coef_)
        with pytest.raises(ValueError, match="feature names"):
            model.predict(frame.rename(columns={"curvature": "sulcal depth"}))


class TestEstimator:
    """Its place among scikit-learn's estimators."""

    def test_a_clone_is_unfitted_and_alike(self):
        """Parameters are copied, the fit is not."""
        x, y = random_problem(10, n=100, p=2, k=3)
        model = SoftmaxRegression(C=3.0, class_weight={0: 2.0, 1: 1.0, 2: 1.0}, tol=1e-10).fit(x, y)
        copy = clone(model)
        assert copy.get_params() == model.get_params()
        with pytest.raises(NotFittedError):
            copy.predict(x)
        assert np.array_equal(copy.fit(x, y).coef_, model.coef_)

    def test_in_a_search_over_its_parameters(self):
        """It takes part in pipelines and searches."""
        x, y = random_problem(11, n=150, p=3, k=3)
        pipeline = make_pipeline(StandardScaler(), SoftmaxRegression())
        search = GridSearchCV(pipeline, {"softmaxregression__C": [1e-4, 1.0]}, cv=3).fit(x, y)
        assert search.best_params_ == {"softmaxregression__C": 1.0}
        assert search.score(x, y) > 0.5

    def test_the_fit_is_deterministic(self):
        """The same call gives the same bits."""
        x, y = random_problem(12, n=400, p=5, k=5)
        first, second = SoftmaxRegression().fit(x, y), SoftmaxRegression().fit(x, y)
        assert np.array_equal(first.coef_, second.coef_)
        assert first.n_iter_ == second.n_iter_

    def test_it_warns_when_it_did_not_converge(self):
        """With what to do about it; what it has is there."""
        x, y = random_problem(13, n=300, p=3, k=4)
        with pytest.warns(ConvergenceWarning, match="Raise max_iter"):
            model = SoftmaxRegression(max_iter=1).fit(x, y)
        assert model.n_iter_ == 1
        assert np.isfinite(model.predict_proba(x)).all()

    def test_it_is_public(self):
        """At the top of the package."""
        assert cytosurf.SoftmaxRegression is SoftmaxRegression


class TestAsTheDecoder:
    """``classifier=SoftmaxRegression(class_weight="balanced")`` is the default decoder."""

    @pytest.mark.parametrize("k", [2, 5])
    def test_equals_the_default(self, k):
        """Fold by fold: predictions but for ties, probabilities and log-loss."""
        x, label = random_problem(14, n=1500, p=6, k=k)
        block = np.random.default_rng(14).integers(0, 30, 1500)
        folds = Folds(block, block % 5)
        own = SoftmaxRegression(C=0.5, class_weight="balanced")
        results = [
            decode_labels(make_decoder(5 * x + 3, folds, **options), label, k)
            for options in ({"C": 0.5}, {"classifier": own})
        ]
        default, other = results
        assert np.abs(default.probability - other.probability).max() < 1e-3  # float16
        assert (default.prediction == other.prediction).mean() > 0.998
        assert default.log_loss == pytest.approx(other.log_loss, abs=1e-4)
        assert default.converged


class TestBadInput:
    """Each is refused with a clear message."""

    @pytest.mark.parametrize(
        ("parameters", "match"),
        [
            ({"C": 0}, "C: found 0; expected a number above 0"),
            ({"C": np.inf}, "C: found inf"),
            ({"C": "1"}, "C: found '1'"),
            ({"tol": -1e-3}, "tol: found -0.001"),
            ({"max_iter": 0}, "max_iter: found 0; expected a whole number above 0"),
            ({"max_iter": 2.5}, "max_iter: found 2.5"),
            ({"class_weight": "even"}, "class_weight: found 'even'; expected None, 'balanced'"),
            ({"class_weight": {0: 1.0, 1: -1.0}}, "class_weight: .* expected weights above 0"),
            ({"class_weight": {0: 1.0, 7: 1.0}}, "not in class_weight"),
        ],
    )
    def test_parameters_out_of_range(self, parameters, match):
        """They are looked at when a fit is asked for."""
        with pytest.raises(ValueError, match=match):
            SoftmaxRegression(**parameters).fit([[0.0], [1.0]], [0, 1])

    def test_one_class(self):
        """There is nothing to tell apart."""
        with pytest.raises(InputError, match="found 1 class of positive weight"):
            SoftmaxRegression().fit([[0.0], [1.0]], [3, 3])
        with pytest.raises(InputError, match="found 1 class of positive weight"):
            SoftmaxRegression().fit([[0.0], [1.0]], [3, 4], sample_weight=[1, 0])

    @pytest.mark.parametrize("make", [sparse.csr_array, sparse.coo_matrix])
    def test_sparse_matrices(self, make):
        """Refused, and the way out is named."""
        x = make(np.eye(4))
        with pytest.raises(TypeError, match=r"dense data is required.*toarray"):
            SoftmaxRegression().fit(x, [0, 1, 0, 1])
        model = SoftmaxRegression().fit(np.eye(4), [0, 1, 0, 1])
        with pytest.raises(TypeError, match=r"dense data is required.*toarray"):
            model.predict(x)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_features_that_are_not_finite(self, value):
        """In training and in prediction."""
        model = SoftmaxRegression().fit([[0.0], [1.0]], [0, 1])
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            SoftmaxRegression().fit([[0.0], [value]], [0, 1])
        with pytest.raises(ValueError, match=r"NaN|infinity"):
            model.predict([[value]])

    def test_labels_that_are_no_classes(self):
        """Measurements are not classes."""
        with pytest.raises(ValueError, match="Unknown label type"):
            SoftmaxRegression().fit([[0.0], [1.0], [2.0]], [0.1, 1.7, 2.2])

    def test_negative_weights(self):
        """No row counts less than nothing."""
        with pytest.raises(ValueError, match="Negative values"):
            SoftmaxRegression().fit([[0.0], [1.0]], [0, 1], sample_weight=[1, -1])

    def test_another_number_of_columns(self):
        """A model keeps to the columns that it was fitted on."""
        model = SoftmaxRegression().fit([[0.0], [1.0]], [0, 1])
        with pytest.raises(ValueError, match="2 features"):
            model.predict_proba([[0.0, 1.0]])
