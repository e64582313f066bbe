"""Cross-validation equals a plain loop with scikit-learn, fold by fold."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from cytosurf.decoding.crossval import UNLABELLED, count_labels, decode_labels, make_decoder
from cytosurf.decoding.folds import Folds, make_folds
from cytosurf.errors import InputError
from tests.unit.decoding.oracles import fit_reference, random_problem

N = 1200
K = 4
CLASSIFIERS = {
    "logistic regression": LogisticRegression(),
    "random forest": RandomForestClassifier(n_estimators=8, max_depth=4, random_state=0),
    "discriminant analysis": LinearDiscriminantAnalysis(),
}


def toy_folds(seed=0, *, n_folds=4, excluded=None):
    """Deal 24 blocks to folds; a tenth of the vertices lie outside the mask."""
    rng = np.random.default_rng(seed)
    block = rng.integers(0, 24, N)
    outside = rng.random(N) < 0.1
    return Folds(np.where(outside, -1, block), np.where(outside, -1, block % n_folds), excluded)


def toy_data(seed=0, *, k=K, unlabelled=0.1):
    """Make features and labels in which some vertices, inside the mask or not, have no label."""
    x, label = random_problem(seed, n=N, p=5, k=k)
    return x, np.where(np.random.default_rng(seed).random(N) < unlabelled, UNLABELLED, label)


def plain_loop(x, label, folds, fit, n_classes):
    """Return prediction and probability of a loop over folds, as anyone would write it."""
    prediction = np.full(len(x), -1)
    probability = np.zeros((len(x), n_classes))
    for k in range(folds.n_folds):
        train, test = folds.train(k) & (label >= 0), folds.test(k) & (label >= 0)
        model = fit(x[train], label[train])
        prediction[test] = model.predict(x[test])
        probability[np.ix_(test, model.classes_)] = model.predict_proba(x[test])
    return prediction, probability


def counts_of(label, prediction, folds, n_classes):
    """Return scikit-learn's confusion matrix of each fold."""
    tested = [folds.test(k) & (label >= 0) for k in range(folds.n_folds)]
    return np.stack(
        [confusion_matrix(label[t], prediction[t], labels=range(n_classes)) for t in tested]
    )


def assert_equals_loop(x, label, folds, n_classes=K, **options):
    """Compare a decoding with the plain loop, and `count_labels` with it."""
    decoder = make_decoder(x, folds, **options)
    result = decode_labels(decoder, label, n_classes)
    classifier = options.get("classifier")

    def fit(rows, truth):
        if classifier is None:
            return fit_reference(rows, truth, options.get("C", 1.0))
        return make_pipeline(StandardScaler(), clone(classifier)).fit(rows, truth)

    prediction, probability = plain_loop(x, label, folds, fit, n_classes)
    first, second = np.sort(probability, axis=1).T[[-1, -2]]
    clear = first - second > 1e-3
    assert np.array_equal(result.prediction[clear], prediction[clear])
    assert np.mean(result.prediction == prediction) > 0.999
    assert np.array_equal(result.prediction < 0, prediction < 0)
    assert np.abs(result.probability - probability).max() < 1e-3
    assert np.array_equal(result.counts, counts_of(label, result.prediction, folds, n_classes))
    counts, correct, n_unconverged = count_labels(decoder, label, n_classes)
    assert result.converged == (n_unconverged == 0)
    assert np.array_equal(counts, result.counts)
    assert np.array_equal(correct, (result.prediction >= 0) & (result.prediction == label))
    return result


class TestDecodeLabels:
    """The observed labels."""

    @pytest.mark.parametrize("n_folds", [2, 3, 6])
    def test_equals_a_plain_loop(self, n_folds):
        """Standardised and fitted on the training vertices of each fold, predicted on its test."""
        x, label = toy_data(0)
        assert_equals_loop(x, label, toy_folds(n_folds=n_folds))

    @pytest.mark.parametrize("C", [0.01, 30.0])
    def test_passes_the_penalty_on(self, C):
        """Other values of C are scikit-learn's other values of C."""
        x, label = toy_data(1)
        assert_equals_loop(x, label, toy_folds(), C=C)

    def test_standardises_inside_the_fold(self):
        """Test vertices of another scale and offset leave means, scales and weights alone."""
        x, label = toy_data(2)
        folds = toy_folds()
        x = np.where(folds.test(1)[:, None], 20 * x + 100, x)
        assert_equals_loop(x, label, folds)

    def test_a_column_constant_in_one_training_set(self):
        """A feature that varies only in the test vertices of a fold is harmless there."""
        x, label = toy_data(3)
        folds = toy_folds()
        x[~folds.test(2), 4] = 0.1
        assert_equals_loop(x, label, folds)

    def test_reports_the_log_loss_of_each_fold(self):
        """From the held-out probabilities of its labelled test vertices."""
        x, label = toy_data(4)
        folds = toy_folds()
        result = decode_labels(make_decoder(x, folds), label, K)
        _, probability = plain_loop(x, label, folds, fit_reference, K)
        for k in range(folds.n_folds):
            tested = folds.test(k) & (label >= 0)
            expected = sklearn_log_loss(label[tested], probability[tested], labels=range(K))
            assert result.log_loss[k] == pytest.approx(expected, rel=1e-4)

    def test_types_and_shapes(self):
        """As promised; nothing is said where nothing was tested."""
        x, label = toy_data(5)
        folds = toy_folds()
        result = decode_labels(make_decoder(x, folds), label, K)
        assert (result.counts.shape, result.counts.dtype) == ((4, K, K), np.int64)
        assert (result.prediction.shape, result.prediction.dtype) == ((N,), np.int32)
        assert (result.probability.shape, result.probability.dtype) == ((N, K), np.float16)
        assert (result.log_loss.shape, result.absent.shape) == ((4,), (4, K))
        assert result.converged is True
        tested = folds.mask & (label >= 0)
        assert np.array_equal(result.prediction >= 0, tested)
        assert np.array_equal(result.probability.any(axis=1), tested)
        assert result.counts.sum() == tested.sum()

    def test_says_when_a_fit_did_not_converge(self, monkeypatch):
        """One fold is enough."""
        from cytosurf.decoding import softmax

        x, label = toy_data(6)
        monkeypatch.setattr(softmax, "WARM_SEGMENTS", (1,))
        assert not decode_labels(make_decoder(x, toy_folds()), label, K).converged

    def test_one_decoder_serves_many_label_vectors(self):
        """A decoding leaves no trace in the decoder."""
        x, label = toy_data(7)
        decoder = make_decoder(x, toy_folds())
        first = decode_labels(decoder, label, K)
        decode_labels(decoder, np.roll(label, 100), K)
        again = decode_labels(decoder, label, K)
        assert np.array_equal(first.prediction, again.prediction)
        assert np.array_equal(first.probability, again.probability)

    def test_survives_the_way_to_another_process(self):
        """A pickled decoder gives the same bits."""
        x, label = toy_data(8)
        decoder = make_decoder(x, toy_folds())
        copy = pickle.loads(pickle.dumps(decoder))
        here, there = (decode_labels(d, label, K) for d in (decoder, copy))
        assert np.array_equal(here.probability, there.probability)


class TestLabels:
    """Which vertices train and which are tested."""

    def test_what_lies_outside_the_mask_does_not_matter(self):
        """Neither its features, which may be NaN, nor its labels."""
        x, label = toy_data(9)
        folds = toy_folds()
        before = decode_labels(make_decoder(x, folds), label, K)
        x[~folds.mask] = np.nan
        label[~folds.mask] = 10**6
        after = decode_labels(make_decoder(x, folds), label, K)
        assert np.array_equal(before.prediction, after.prediction)
        assert np.array_equal(before.counts, after.counts)

    def test_unlabelled_vertices_neither_train_nor_are_tested(self):
        """Their features (finite ones) change nothing either."""
        x, label = toy_data(10)
        folds = toy_folds()
        before = decode_labels(make_decoder(x, folds), label, K)
        x[label < 0] = 2 * x[label < 0] + 1
        after = decode_labels(make_decoder(x, folds), label, K)
        assert np.array_equal(before.prediction, after.prediction)
        assert (after.prediction[label < 0] == UNLABELLED).all()

    def test_a_fold_without_labelled_test_vertices(self):
        """It has no counts and no log-loss, and the others are as ever."""
        x, label = toy_data(11)
        folds = toy_folds()
        label[folds.test(1)] = UNLABELLED
        result = decode_labels(make_decoder(x, folds), label, K)
        assert result.counts[1].sum() == 0
        assert np.isnan(result.log_loss).tolist() == [False, True, False, False]
        assert (result.counts.sum(axis=(1, 2)) > 0).tolist() == [True, False, True, True]

    def test_an_absent_class_is_never_predicted(self):
        """A class that only the test vertices of a fold have: probability 0, counted as missed."""
        x, label = toy_data(12)
        folds = toy_folds()
        label[(label == 1) & ~folds.test(2)] = 0
        result = assert_equals_loop(x, label, folds)
        tested = folds.test(2) & (label >= 0)
        assert np.argwhere(result.absent).tolist() == [[2, 1]]
        assert not result.probability[tested, 1].any()
        assert result.counts[2, 1].sum() == (label[tested] == 1).sum() > 0
        assert result.counts[2, :, 1].sum() == 0
        assert np.isfinite(result.log_loss).all()

    def test_a_class_that_is_nowhere(self):
        """A number without a vertex is absent from every fold."""
        x, label = toy_data(13)
        folds = toy_folds()
        result = decode_labels(make_decoder(x, folds), label, K + 2)
        assert result.absent[:, K:].all()
        assert not result.absent[:, :K].any()
        plain = decode_labels(make_decoder(x, folds), label, K)
        assert np.array_equal(result.counts[:, :K, :K], plain.counts)

    @pytest.mark.parametrize("classifier", [None, *CLASSIFIERS.values()])
    def test_a_training_set_of_one_class(self, classifier):
        """That class is predicted with certainty."""
        x, label = toy_data(14)
        folds = toy_folds()
        label[~folds.test(0) & (label >= 0)] = 1
        result = decode_labels(make_decoder(x, folds, classifier=classifier), label, K)
        tested = folds.test(0) & (label >= 0)
        assert (result.prediction[tested] == 1).all()
        assert (result.probability[tested, 1] == 1).all()
        assert result.absent[0].tolist() == [True, False, True, True]

    def test_a_label_vector_of_any_integer_type(self):
        """int16 leaves the spins, int32 the files."""
        x, label = toy_data(15)
        decoder = make_decoder(x, toy_folds())
        results = [decode_labels(decoder, label.astype(t), K) for t in (np.int16, np.int32, int)]
        assert all(np.array_equal(r.counts, results[0].counts) for r in results)


class TestFolds:
    """Every kind of folds."""

    def test_a_buffer(self):
        """Vertices that a fold leaves out do not train in it, and are tested in their own."""
        x, label = toy_data(16)
        excluded = np.random.default_rng(0).random((4, N)) < 0.3
        folds = toy_folds(excluded=excluded)
        x[excluded[0] & ~folds.test(0)] += 5
        result = assert_equals_loop(x, label, folds)
        assert np.array_equal(result.prediction >= 0, folds.mask & (label >= 0))
        without = decode_labels(make_decoder(x, toy_folds()), label, K)
        assert not np.array_equal(result.prediction, without.prediction)

    @pytest.mark.parametrize("scheme", ["left-to-right", "across", "homotopic"])
    def test_schemes_between_hemispheres(self, brain, scheme):
        """From one hemisphere to the other, or mirrored blocks together."""
        meshes, mask, cells = brain
        folds = make_folds(mask, meshes, cells=cells, n_blocks=20, scheme=scheme)
        points = np.concatenate([mesh.vertices for mesh in meshes.values()]).astype(np.float64)
        points[:, 0] = np.abs(points[:, 0])
        label = (points[:, 1] // 25).astype(int)
        label -= label.min()
        x = points + np.random.default_rng(0).normal(0, 8, points.shape)
        result = assert_equals_loop(x, label, folds, label.max() + 1)
        n_left = meshes["L"].n_vertices
        if scheme == "left-to-right":
            assert (result.prediction[:n_left] == UNLABELLED).all()
            assert np.array_equal(result.prediction[n_left:] >= 0, mask[n_left:])

    def test_folds_do_not_depend_on_each_other(self):
        """Other labels in one fold's test vertices change the fits of the other folds alone."""
        x, label = toy_data(17)
        folds = toy_folds()
        before = decode_labels(make_decoder(x, folds), label, K)
        flip = folds.test(0) & (label >= 0)
        label[flip] = (label[flip] + 1) % K
        after = decode_labels(make_decoder(x, folds), label, K)
        assert np.array_equal(before.prediction[flip], after.prediction[flip])
        assert not np.array_equal(before.prediction, after.prediction)


class TestClassifier:
    """Any scikit-learn classifier instead of the softmax regression."""

    @pytest.mark.parametrize("name", CLASSIFIERS)
    def test_equals_a_plain_loop(self, name):
        """Cloned for each fold, after a StandardScaler of its own."""
        x, label = toy_data(18)
        folds = toy_folds()
        x = np.where(folds.test(1)[:, None], 3 * x + 1, x)
        assert_equals_loop(x, label, folds, classifier=CLASSIFIERS[name])

    def test_absent_classes(self):
        """Columns of probabilities go to the classes that were there."""
        x, label = toy_data(19)
        folds = toy_folds()
        label[(label == 1) & ~folds.test(3)] = 2
        result = assert_equals_loop(x, label, folds, classifier=LinearDiscriminantAnalysis())
        assert result.absent[3].tolist() == [False, True, False, False]

    def test_the_given_one_stays_unfitted(self):
        """It is cloned, so that the caller's is as it was."""
        x, label = toy_data(20)
        classifier = LinearDiscriminantAnalysis()
        decode_labels(make_decoder(x, toy_folds(), classifier=classifier), label, K)
        assert not hasattr(classifier, "classes_")

    def test_a_fold_without_labelled_test_vertices(self):
        """Nothing is asked of the classifier there."""
        x, label = toy_data(21)
        folds = toy_folds()
        label[folds.test(2)] = UNLABELLED
        decoder = make_decoder(x, folds, classifier=LogisticRegression())
        assert decode_labels(decoder, label, K).counts[2].sum() == 0

    def test_scikit_learns_logistic_regression_agrees_with_the_softmax(self):
        """The two ways to the same model."""
        x, label = toy_data(22)
        folds = toy_folds()
        model = LogisticRegression(class_weight="balanced", tol=1e-8, max_iter=10_000)
        slow = decode_labels(make_decoder(x, folds, classifier=model), label, K)
        fast = decode_labels(make_decoder(x, folds), label, K)
        assert np.array_equal(slow.counts, fast.counts)
        assert np.abs(slow.probability - fast.probability).max() < 6e-4


class TestBadInput:
    """One clear message."""

    @pytest.mark.parametrize("shape", [(N - 1, 5), (N,), (5, N), (N, 5, 1)])
    def test_features_of_another_shape(self, shape):
        """The rows are the vertices of the folds."""
        with pytest.raises(InputError, match=r"features: found shape .*expected \(1200, "):
            make_decoder(np.zeros(shape), toy_folds())

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values_that_are_not_finite(self, value):
        """Inside the mask."""
        x, _ = toy_data(23)
        folds = toy_folds()
        x[np.flatnonzero(folds.mask)[3], 2] = value
        with pytest.raises(InputError, match="NaN or infinite values inside the mask"):
            make_decoder(x, folds)

    @pytest.mark.parametrize("C", [0, -1.0, np.nan, np.inf])
    def test_a_penalty_that_is_none(self, C):
        """C is a number above 0."""
        with pytest.raises(InputError, match=r"^C: found"):
            make_decoder(toy_data(24)[0], toy_folds(), C=C)

    @pytest.mark.parametrize("classifier", [LinearSVC(), LinearRegression(), "LDA"])
    def test_a_classifier_without_probabilities(self, classifier):
        """Found before anything is fitted."""
        with pytest.raises(InputError, match="classifier with predict_proba"):
            make_decoder(toy_data(25)[0], toy_folds(), classifier=classifier)

    @pytest.mark.parametrize("call", [decode_labels, count_labels])
    @pytest.mark.parametrize("shape", [(N - 1,), (N + 1,), (N, 1)])
    def test_labels_of_another_length(self, call, shape):
        """There is one for each vertex."""
        decoder = make_decoder(toy_data(26)[0], toy_folds())
        with pytest.raises(InputError, match=r"labels: found shape .* expected \(1200,\)"):
            call(decoder, np.zeros(shape, int), K)

    @pytest.mark.parametrize("call", [decode_labels, count_labels])
    @pytest.mark.parametrize("number", [-2, K, 10_000])
    def test_labels_that_are_no_classes(self, call, number):
        """Class indices, or -1."""
        x, label = toy_data(27)
        folds = toy_folds()
        label[np.flatnonzero(folds.mask)[0]] = number
        with pytest.raises(InputError, match=r"labels: found class indices .* expected -1 to 3"):
            call(make_decoder(x, folds), label, K)

    @pytest.mark.parametrize("call", [decode_labels, count_labels])
    def test_a_fold_without_labelled_training_vertices(self, call):
        """Which fold it is, is said."""
        x, label = toy_data(28)
        folds = toy_folds()
        label[~folds.test(2)] = UNLABELLED
        with pytest.raises(InputError, match="no labelled training vertex in fold 2"):
            call(make_decoder(x, folds), label, K)
