"""Statistics of confusion counts are scikit-learn's, of folds or of all folds together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from cytosurf.decoding.marginals import marginals
from cytosurf.errors import InputError
from cytosurf.nulls.spin_counts import pack_counts
from cytosurf.nulls.statistics import STATISTICS, class_f1, statistic_named

KEYS, NAMES = [3, 7, 9], ["V1", "V2", "motor"]
SCORES = {
    "macro_f1": lambda t, p: metrics.f1_score(t, p, average="macro", zero_division=0),
    "accuracy": metrics.accuracy_score,
    "mcc": metrics.matthews_corrcoef,
    "kappa": metrics.cohen_kappa_score,
    "balanced_accuracy": lambda t, p: metrics.recall_score(
        t, p, labels=np.unique(t), average="macro", zero_division=0
    ),
}


def random_counts(seed, n_folds=4, n_classes=3, n=60):
    """Return truth, prediction and fold of vertices, and their confusion counts."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(n_classes, size=n)
    prediction = np.where(generator.random(n) < 0.6, truth, generator.integers(n_classes, size=n))
    fold = generator.integers(n_folds, size=n)
    counts = np.zeros((n_folds, n_classes, n_classes), np.int64)
    np.add.at(counts, (fold, truth, prediction), 1)
    return truth, prediction, fold, counts


@settings(max_examples=25)
@given(st.integers(0, 10_000))
def test_fold_means_are_those_of_scikit_learn(seed):
    """Each fold is scored on its own; folds without a tested vertex are left out."""
    truth, prediction, fold, counts = random_counts(seed)
    counts = np.concatenate([counts, np.zeros((1, 3, 3), np.int64)])
    for name, score in SCORES.items():
        expected = [score(truth[fold == k], prediction[fold == k]) for k in range(4)]
        found = statistic_named(name)(marginals(counts))
        assert float(found) == pytest.approx(np.nanmean(expected), abs=1e-12)


def test_pooled_and_of_a_class():
    """From the counts of all folds together; classes go by name or key."""
    truth, prediction, _, counts = random_counts(1)
    of = marginals(counts)
    macro = metrics.f1_score(truth, prediction, average="macro")
    assert float(statistic_named("pooled_macro_f1")(of)) == pytest.approx(macro)
    for name, score in (
        ("f1", metrics.f1_score),
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
    ):
        expected = score(truth, prediction, average=None)
        for i, (key, text) in enumerate(zip(KEYS, NAMES, strict=True)):
            for spelled in (key, text):
                found = statistic_named(f"{name}:{spelled}", KEYS, NAMES)(of)
                assert float(found) == pytest.approx(expected[i])
    np.testing.assert_allclose(class_f1(counts), metrics.f1_score(truth, prediction, average=None))


def test_sparse_counts_of_many_spins_are_enough():
    """What is stored of spins gives what all their cells give, spin by spin and set by set."""
    dense = np.stack([[random_counts(2 * i + j)[3] for j in range(2)] for i in range(5)])
    stored = pack_counts(dense, 2, 4, 3).marginals()
    for name in (*STATISTICS, "f1:V2", "recall:motor"):
        statistic = statistic_named(name, KEYS, NAMES)
        each = [[float(statistic(marginals(counts))) for counts in sets] for sets in dense]
        np.testing.assert_array_equal(statistic(stored), each)
    np.testing.assert_array_equal(class_f1(stored), class_f1(dense))


def test_a_spin_without_counts_has_no_value():
    """Every statistic is NaN there, so that it can be counted as exceeding."""
    nothing = marginals(np.zeros((1, 4, 3, 3), np.int64))
    for name in (*STATISTICS, "f1:V1", "precision:V1", "recall:V1"):
        assert np.isnan(statistic_named(name, KEYS, NAMES)(nothing)).all(), name
    assert np.isnan(class_f1(nothing)).all()


def test_a_class_that_a_spin_took_away():
    """It has no score of its own, and the pooled mean is over the classes that are there."""
    counts = np.array([[[3, 1, 0], [0, 2, 0], [0, 0, 0]]])
    assert np.isnan(class_f1(counts)[2])
    assert np.isnan(statistic_named("f1:motor", KEYS, NAMES)(marginals(counts)))
    pooled = statistic_named("pooled_macro_f1")(marginals(counts))
    assert float(pooled) == pytest.approx(class_f1(counts)[:2].mean())


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("f2", r"--statistic: found 'f2'; expected one of accuracy, .*f1:CLASS, .*macro_f1"),
        ("acuracy", "Did you mean 'accuracy'"),
        ("f1", r"--statistic f1: found no class; expected f1:CLASS .*3 \(V1\), 7 \(V2\)"),
        ("f1:V3", r"found 0 classes called 'V3'; .*9 \(motor\)"),
    ],
)
def test_unknown_names(name, says):
    """The message lists what there is."""
    with pytest.raises(InputError, match=says):
        statistic_named(name, KEYS, NAMES)


def test_many_classes_are_not_all_listed():
    """An error stays readable with hundreds of classes."""
    names = [f"area {i}" for i in range(400)]
    with pytest.raises(InputError, match="and 360 more"):
        statistic_named("f1:nowhere", range(400), names)
