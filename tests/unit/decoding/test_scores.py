"""Scores equal scikit-learn's, whatever classes are absent, and treat leading dimensions alike."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.dummy import DummyClassifier

from cytosurf.decoding.folds import Folds
from cytosurf.decoding.scores import (
    accuracy,
    balanced_accuracy,
    class_counts,
    confusion_counts,
    log_loss,
    macro_f1,
    mcc,
    mean_sd,
    per_class_f1,
    pooled_macro_f1,
    prior_reference,
)
from cytosurf.errors import InputError

K = 5
SCORES = (macro_f1, per_class_f1, accuracy, balanced_accuracy, mcc)


@st.composite
def labels(draw, n_folds=3):
    """Return truth, prediction and fold; classes are often absent, folds never empty."""
    classes = st.sampled_from(sorted(draw(st.sets(st.integers(0, K - 1), min_size=1))))
    guesses = st.sampled_from(sorted(draw(st.sets(st.integers(0, K - 1), min_size=1))))
    vertex = st.tuples(classes, guesses, st.integers(0, n_folds - 1))
    vertices = draw(st.lists(vertex, min_size=1, max_size=40))
    vertices += [(draw(classes), draw(guesses), k) for k in range(n_folds)]
    return tuple(np.array(column) for column in zip(*vertices, strict=True))


def count(truth, prediction, fold):
    """Return the confusion counts of three folds."""
    return confusion_counts(truth, prediction, fold, 3, K)


def of_folds(function, truth, prediction, fold):
    """Apply a scikit-learn score to each fold."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about classes that only the prediction holds
        return [function(truth[fold == k], prediction[fold == k]) for k in range(3)]


class TestOracle:
    """Equality with scikit-learn on random labels with absent classes."""

    @given(labels())
    @settings(max_examples=75)
    def test_counts(self, data):
        """Counts are scikit-learn's confusion matrices of the folds."""
        expected = of_folds(lambda t, p: metrics.confusion_matrix(t, p, labels=range(K)), *data)
        assert np.array_equal(count(*data), expected)

    @pytest.mark.parametrize(
        ("ours", "theirs"),
        [
            (macro_f1, lambda t, p: metrics.f1_score(t, p, average="macro", zero_division=0)),
            (accuracy, metrics.accuracy_score),
            (balanced_accuracy, metrics.balanced_accuracy_score),
            (mcc, metrics.matthews_corrcoef),
            (
                per_class_f1,
                lambda t, p: metrics.f1_score(t, p, average=None, labels=range(K), zero_division=0),
            ),
        ],
    )
    @given(data=labels())
    @settings(max_examples=75)
    def test_scores_of_folds(self, ours, theirs, data):
        """Each score equals scikit-learn's of the fold."""
        np.testing.assert_allclose(ours(count(*data)), of_folds(theirs, *data), atol=1e-13)

    @given(labels())
    @settings(max_examples=75)
    def test_pooled_macro_f1(self, data):
        """The pooled score is scikit-learn's of all folds together, over the fixed label list."""
        truth, prediction, _ = data
        expected = metrics.f1_score(
            truth, prediction, average="macro", labels=range(K), zero_division=0
        )
        assert pooled_macro_f1(count(*data)) == pytest.approx(expected, abs=1e-13)

    @given(labels(), st.integers(0, 2**32 - 1), st.sampled_from([np.float64, np.float32]))
    @settings(max_examples=75)
    def test_log_loss(self, data, seed, dtype):
        """The log-loss is scikit-learn's, zeros and ones included."""
        truth = data[0]
        rng = np.random.default_rng(seed)
        probability = rng.random((len(truth), K)) * (rng.random((len(truth), K)) < 0.6)
        probability[:, 0] += 1e-3
        probability = (probability / probability.sum(axis=1, keepdims=True)).astype(dtype)
        expected = metrics.log_loss(truth, probability, labels=range(K))
        assert log_loss(truth, probability) == pytest.approx(expected, rel=1e-5)

    @given(labels(), st.sets(st.integers(0, 100)))
    @settings(max_examples=75)
    def test_prior_reference(self, data, unlabelled):
        """Counts and log-loss are those of DummyClassifier(strategy="prior") in each fold."""
        truth, _, fold = data
        truth = truth.copy()
        truth[[i for i in unlabelled if i < len(truth) - 3]] = -1  # every fold keeps a label
        folds = Folds(np.arange(len(truth)), fold)
        counts, loss = prior_reference(*class_counts(truth, folds, K))
        for k in range(3):
            train, test = ((fold != k) & (truth >= 0), (fold == k) & (truth >= 0))
            dummy = DummyClassifier(strategy="prior").fit(truth[train, None], truth[train])
            predicted = dummy.predict(truth[test, None])
            expected = metrics.confusion_matrix(truth[test], predicted, labels=range(K))
            assert np.array_equal(counts[k], expected)
            probability = np.zeros((test.sum(), K))
            probability[:, dummy.classes_] = dummy.predict_proba(truth[test, None])
            expected = metrics.log_loss(truth[test], probability, labels=range(K))
            assert loss[k] == pytest.approx(expected, rel=1e-9, abs=1e-12)


class TestLeadingDimensions:
    """Thousands of spins are scored as one would be."""

    @pytest.mark.parametrize("score", [*SCORES, pooled_macro_f1])
    @pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint16])
    def test_batch_equals_loop(self, score, dtype):
        """Scores of (spins, sets, folds, K, K) are those of each, and counts are not changed."""
        rng = np.random.default_rng(0)
        counts = rng.poisson(0.7, size=(4, 3, 2, K, K)).astype(dtype)
        before = counts.copy()
        batch = score(counts)
        single = [[score(counts[i, j]) for j in range(3)] for i in range(4)]
        np.testing.assert_array_equal(batch, single)
        np.testing.assert_array_equal(counts, before)
        assert batch.dtype == np.float64

    def test_large_counts_do_not_overflow(self):
        """Counts as large as a 164k cortex in small integer types give exact scores."""
        counts = np.array([[60_000, 1_000], [2_000, 50_000]], np.uint16)
        for score in SCORES:
            np.testing.assert_array_equal(score(counts), score(counts.astype(np.int64)))
        assert 0.9 < mcc(counts) < 1


class TestRules:
    """What the definitions promise, in numbers worked out by hand."""

    counts = np.array([[[4, 0, 0], [0, 0, 0], [0, 0, 0]], [[0, 0, 0], [2, 2, 0], [0, 0, 0]]])

    def test_absent_classes(self):
        """Per fold, absent classes are not averaged; pooled, they score 0."""
        np.testing.assert_allclose(macro_f1(self.counts), [1, (0 + 2 / 3) / 2])
        np.testing.assert_allclose(pooled_macro_f1(self.counts), (0.8 + 2 / 3 + 0) / 3)
        np.testing.assert_allclose(per_class_f1(self.counts.sum(axis=0)), [0.8, 2 / 3, 0])

    def test_balanced_accuracy_ignores_classes_that_are_only_predicted(self):
        """The mean is over the classes of the truth."""
        np.testing.assert_allclose(balanced_accuracy(self.counts), [1, 0.5])

    def test_perfect_and_constant_predictions(self):
        """Perfect prediction scores 1 everywhere; a constant one has no correlation."""
        perfect, constant = np.diag([3, 4, 5]), np.array([[3, 0, 0], [4, 0, 0], [5, 0, 0]])
        assert all((score(perfect) == 1).all() for score in SCORES)
        assert mcc(constant) == 0

    def test_nothing_counted(self):
        """A fold without a labelled vertex has no score, without a warning."""
        empty = np.zeros((K, K), int)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert all(np.isnan(score(empty)) for score in (macro_f1, accuracy, balanced_accuracy))
            assert mcc(empty) == 0
            assert np.isnan(prior_reference(np.array([[3, 1]]), np.array([[0, 0]]))[1]).all()

    def test_permuting_classes_changes_no_average(self):
        """Scores do not depend on the order of the classes."""
        rng = np.random.default_rng(1)
        counts = rng.poisson(2.0, size=(3, K, K))
        order = rng.permutation(K)
        shuffled = counts[:, order][:, :, order]
        for score in (macro_f1, pooled_macro_f1, accuracy, balanced_accuracy, mcc):
            np.testing.assert_allclose(score(shuffled), score(counts))
        np.testing.assert_allclose(per_class_f1(shuffled), per_class_f1(counts)[:, order])

    def test_mean_and_sd(self):
        """The deviation divides by n, over the last dimension."""
        mean, sd = mean_sd(np.array([[0.2, 0.4, 0.6], [1.0, 1.0, 1.0]], np.float32))
        np.testing.assert_allclose(mean, [0.4, 1], rtol=1e-6)
        np.testing.assert_allclose(sd, [np.sqrt(0.08 / 3), 0], rtol=1e-6)

    def test_log_loss_of_the_impossible(self):
        """A class held impossible costs minus the log of the precision of the type."""
        for dtype, cost in ((np.float64, 36.04), (np.float32, 15.94), (np.float16, 6.93)):
            probability = np.array([[1.0, 0.0]], dtype)
            assert log_loss(np.array([1]), probability) == pytest.approx(cost, abs=0.01)


class TestConfusionCounts:
    """Counting within groups."""

    def test_negative_entries_are_not_counted(self):
        """Vertices without truth, prediction or group are left out."""
        counts = confusion_counts(
            np.array([0, -1, 1, 1, 0]), np.array([0, 0, -1, 1, 1]), np.array([0, 0, 0, -1, 1]), 3, 2
        )
        assert counts.tolist() == [[[1, 0], [0, 0]], [[0, 1], [0, 0]], [[0, 0], [0, 0]]]

    def test_folds_and_blocks_add_up_to_the_same(self):
        """The counts of superblocks and of folds have the same sum."""
        rng = np.random.default_rng(2)
        truth, prediction, block = (rng.integers(-1, n, 300).astype(np.int32) for n in (K, K, 20))
        fold = np.where(block >= 0, block % 4, -1).astype(np.int8)
        of_block = confusion_counts(truth, prediction, block, 20, K)
        assert np.array_equal(
            of_block.sum(axis=0), confusion_counts(truth, prediction, fold, 4, K).sum(axis=0)
        )
        assert np.array_equal(
            of_block[0::4].sum(axis=0), confusion_counts(truth, prediction, fold, 4, K)[0]
        )

    @pytest.mark.parametrize("wrong", [0, 1, 2])
    def test_refuses_numbers_that_do_not_fit(self, wrong):
        """A class or group beyond the last is refused, not counted elsewhere."""
        columns = [np.array([0, 1]) for _ in range(3)]
        columns[wrong] = np.array([0, 2])
        with pytest.raises(InputError, match="found numbers up to"):
            confusion_counts(*columns, 2, 2)


class TestClassCounts:
    """Classes that a fold does not train on or test."""

    def test_counts_follow_the_folds(self):
        """Train and test counts are those of the vertices, buffer and trained-only included."""
        rng = np.random.default_rng(3)
        block = rng.permutation(np.repeat(np.arange(-1, 12), 10))
        fold = np.where(block < 0, -1, block % 4) - (block == 11) * 4
        excluded = rng.random((4, 130)) < 0.2
        folds = Folds(block, fold, excluded)
        truth = rng.integers(-1, K, 130)
        train, test = class_counts(truth, folds, K)
        for k in range(folds.n_folds):
            for c in range(K):
                assert train[k, c] == (folds.train(k) & (truth == c)).sum()
                assert test[k, c] == (folds.test(k) & (truth == c)).sum()

    def test_absent_pairs(self):
        """A class in one superblock only is absent from training where it is tested."""
        folds = Folds([0, 0, 1, 1, 2], [0, 0, 1, 1, 2])
        train, test = class_counts(np.array([0, 0, 0, 1, 0]), folds, 2)
        assert np.argwhere(train == 0).tolist() == [[1, 1]]
        assert np.argwhere(test == 0).tolist() == [[0, 1], [2, 1]]


@pytest.mark.parametrize("score", [*SCORES, pooled_macro_f1])
@pytest.mark.parametrize("shape", [(3,), (3, 2), ()])
def test_refuses_what_are_no_counts(score, shape):
    """Counts are square in their last two dimensions."""
    with pytest.raises(InputError, match="confusion counts"):
        score(np.ones(shape, int))


@pytest.mark.parametrize(
    ("truth", "probability"),
    [([0, 1], np.ones((3, 2))), ([0], np.ones(1)), ([2], np.ones((1, 2))), ([-1], np.ones((1, 2)))],
)
def test_log_loss_refuses_what_does_not_fit(truth, probability):
    """Wrong shapes and classes are refused; -1 is no last class."""
    with pytest.raises(InputError, match="log-loss"):
        log_loss(np.array(truth), probability)
