"""Two decoders are compared vertex by vertex, and where they differ the reference says how sure."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from cytosurf.bench.agreement import HeldOut, compare, hold_out, top_two_gap
from cytosurf.decoding.crossval import decode_labels


def held(prediction, fold, gap=0.5, n_unconverged=0, cpu_s=1.0):
    """Return held-out predictions."""
    prediction = np.array(prediction, np.int32)
    gaps = np.full(len(prediction), gap, np.float32)
    return HeldOut(np.array(fold, np.int32), prediction, gaps, n_unconverged, cpu_s)


def test_predictions_are_those_of_decode_labels(problem):
    """What is compared is what a run would have used, the rest is -1."""
    decoder = problem.spin_test().decoders[0]
    label = problem.label
    found = hold_out(decoder, label, problem.n_classes)
    expected = decode_labels(decoder, label, problem.n_classes)
    np.testing.assert_array_equal(found.prediction, expected.prediction)
    tested = found.fold >= 0
    probability = np.sort(expected.probability.astype(float), axis=1)
    gap = probability[:, -1] - probability[:, -2]
    np.testing.assert_allclose(found.gap[tested], gap[tested], atol=2e-3)
    assert (found.n_unconverged, found.cpu_s > 0) == (0, True)


def test_fits_of_scikit_learn_that_did_not_converge_are_counted(problem):
    """One for each fold, and none where they do."""
    for max_iter, expected in ((1, problem.folds.n_folds), (10_000, 0)):
        test = problem.spin_test(LogisticRegression(max_iter=max_iter))
        found = hold_out(test.decoders[0], problem.label, problem.n_classes)
        assert found.n_unconverged == expected


class EndedByRounding(LogisticRegression):
    """A fit that rounding ended at the minimum."""

    def fit(self, *arguments):
        """Fit, and warn as scikit-learn does then."""
        warnings.warn("lbfgs failed to converge: ABNORMAL: .", ConvergenceWarning, stacklevel=2)
        return super().fit(*arguments)


def test_rounding_at_the_minimum_is_convergence(problem):
    """The solver stops there because it can do no better."""
    test = problem.spin_test(EndedByRounding())
    assert hold_out(test.decoders[0], problem.label, problem.n_classes).n_unconverged == 0


def test_differences_by_hand():
    """Macro-F1 of each fold as scikit-learn has it; gaps where predictions differ alone."""
    label = np.array([0, 1, 0, 1, 1, -1])
    fold = [0, 0, 0, 1, 1, -1]
    ours = held([0, 1, 1, 1, 1, -1], fold, cpu_s=2.0)
    reference = held([0, 1, 0, 1, 0, -1], fold, n_unconverged=1)
    reference.gap[:] = [0.9, 0.9, 0.01, 0.9, 0.25, 1.0]
    found = compare(label, ours, reference, 2, 2)
    expected = []
    for rows in (slice(0, 3), slice(3, 5)):
        scores = [
            f1_score(label[rows], h.prediction[rows], average="macro") for h in (ours, reference)
        ]
        expected.append(abs(scores[0] - scores[1]))
    np.testing.assert_allclose(found.f1_difference, expected)
    assert found.n_tested == 5
    np.testing.assert_array_equal(found.gaps, np.array([0.01, 0.25], np.float32))
    assert (found.n_unconverged, found.n_reference_unconverged) == (0, 1)
    assert (found.cpu_s, found.reference_cpu_s) == (2.0, 1.0)


def test_a_fold_without_a_test_has_no_difference():
    """It is NaN, and not 0."""
    found = compare(np.array([0, 1]), held([0, 1], [0, 0]), held([0, 1], [0, 0]), 2, 2)
    assert found.f1_difference[0] == 0
    assert np.isnan(found.f1_difference[1])


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_gap_is_between_the_two_highest(n_classes):
    """As sorting says."""
    probability = np.random.default_rng(n_classes).dirichlet(np.ones(n_classes), 50)
    ordered = np.sort(probability, axis=1)
    expected = ordered[:, -1] - ordered[:, -2]
    np.testing.assert_allclose(top_two_gap(probability.astype(np.float32)), expected, atol=1e-6)


def test_a_single_class_is_sure():
    """There is no second one."""
    assert top_two_gap(np.ones((3, 1), np.float32)).tolist() == [1, 1, 1]
