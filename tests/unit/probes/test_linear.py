"""The linear probe, against scikit-learn; what is not asked for does not count."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cytosurf.errors import InputError
from cytosurf.probes.folds import strip_folds
from cytosurf.probes.linear import linear_probe

CLASSES = (1, 4, 2)


@pytest.fixture
def case():
    """Make 240 points on a line with overlapping classes, some unlabelled, some of a rare label."""
    rng = np.random.default_rng(0)
    labels = rng.choice([-1, 1, 2, 4, 7], 240, p=[0.1, 0.4, 0.2, 0.2, 0.1])
    features = rng.standard_normal((240, 5)) + labels[:, None] * [1, 0, 0, -0.5, 0]
    features[:, 4] = 3  # no variation
    folds = strip_folds(np.arange(240.0)[:, None], width_mm=20, gap_mm=4, n_folds=3)
    return features, labels, folds


def test_predictions_are_those_of_scikit_learn(case):
    """Standardised over the training points of the classes asked for, balanced, converged."""
    features, labels, folds = case
    found = linear_probe(features, labels, folds, CLASSES, C=0.5)
    asked = np.isin(labels, CLASSES)
    for k in range(3):
        train, test = folds.train(k) & asked, folds.test(k) & asked
        model = make_pipeline(
            StandardScaler(),
            LogisticRegression(C=0.5, class_weight="balanced", tol=1e-10, max_iter=1000),
        ).fit(features[train], labels[train])
        expected = model.predict(features[test])
        assert np.array_equal(found.prediction[test], expected)
        assert found.macro_f1[k] == pytest.approx(
            f1_score(labels[test], expected, average="macro", labels=CLASSES)
        )
    pooled = f1_score(labels[asked], found.prediction[asked], average=None, labels=CLASSES)
    np.testing.assert_allclose(found.f1, pooled)
    assert found.pooled_macro_f1 == pytest.approx(pooled.mean())


def test_rare_labels_change_nothing(case):
    """Without the points of other labels, the same predictions and scores of the rest."""
    features, labels, folds = case
    other = np.where(np.isin(labels, CLASSES), labels, -1)
    a, b = (linear_probe(features, x, folds, CLASSES) for x in (labels, other))
    assert np.array_equal(a.prediction, b.prediction)
    assert np.array_equal(a.counts, b.counts)
    assert a.counts.sum() == np.isin(labels, CLASSES).sum()


def test_features_may_belong_to_folds(case):
    """The same for every fold is as one for all; fold k looks at its own alone."""
    features, labels, folds = case
    one = linear_probe(features, labels, folds, CLASSES)
    same = linear_probe(np.stack([features] * 3), labels, folds, CLASSES)
    assert np.array_equal(one.prediction, same.prediction)
    noise = np.stack([features, np.zeros_like(features), features])
    other = linear_probe(noise, labels, folds, CLASSES)
    assert np.array_equal(other.counts[[0, 2]], one.counts[[0, 2]])
    assert not np.array_equal(other.counts[1], one.counts[1])


def test_test_points_and_the_gap_are_not_looked_at(case):
    """Changing labels and features outside training does not move the predictions of a fold."""
    features, labels, folds = case
    found = linear_probe(features, labels, folds, CLASSES)
    hidden = ~folds.train(0)
    changed = labels.copy()
    changed[hidden] = np.random.default_rng(1).permutation(labels[hidden])
    again = linear_probe(features, changed, folds, CLASSES)
    assert np.array_equal(again.prediction[folds.test(0)], found.prediction[folds.test(0)])


def test_bad_input_is_refused(case):
    """Shapes, infinite features, classes twice, a class that a fold cannot learn."""
    features, labels, folds = case
    with pytest.raises(InputError, match="features"):
        linear_probe(features[:-1], labels, folds, CLASSES)
    with pytest.raises(InputError, match="features"):
        linear_probe(np.stack([features] * 2), labels, folds, CLASSES)
    with pytest.raises(InputError, match="finite"):
        linear_probe(np.where(features == 3, np.inf, features), labels, folds, CLASSES)
    with pytest.raises(InputError, match="labels"):
        linear_probe(features, labels[:-1], folds, CLASSES)
    with pytest.raises(InputError, match="labels"):
        linear_probe(features, labels.astype(float), folds, CLASSES)
    for classes in ((1, 1), (1,), (1, -1)):
        with pytest.raises(InputError, match="two or more different"):
            linear_probe(features, labels, folds, classes)
    late = np.where(folds.fold == 1, 9, labels)
    with pytest.raises(InputError, match=r"no training point of \[9\] in fold 1"):
        linear_probe(features, late, folds, (1, 9))
