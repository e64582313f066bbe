"""On real maps, the fast decoder is converged scikit-learn: observed labels and spun ones.

Folds are blocks of 30 mm, dealt to five folds: what matters here is real features, real labels,
and training sets of real size.
"""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from cytosurf.decoding.crossval import decode_labels, make_decoder
from cytosurf.decoding.folds import Folds, deal_blocks
from cytosurf.features import load_features
from cytosurf.nulls.rotations import spin_rotations
from cytosurf.nulls.spins import SpinAssigner, spin_labels
from cytosurf.surfaces import Space, load_mesh
from cytosurf.targets import load_target
from tests.unit.decoding.oracles import fit_reference

SPACE = Space("fsLR", "32k")
SETS = ["coordinates", "hist", "neighbourhood:pca32"]


def block_folds(mask):
    """Cut the brain into cubes of 30 mm and deal them to five folds."""
    points = np.concatenate([load_mesh(SPACE, h, "midthickness").vertices for h in "LR"])
    _, block = np.unique(np.floor(points / 30), axis=0, return_inverse=True)
    block = np.where(mask, block.ravel(), -1)
    return Folds(block, deal_blocks(block, 5, seed=0))


def labels_of(target):
    """Return the class index of every vertex, -1 where there is none."""
    keys = load_target(target).parcellation.keys
    present = np.unique(keys[keys > 0])
    return np.where(keys > 0, np.searchsorted(present, keys), -1), len(present)


def spun(label, k=0):
    """Return the labels after the k-th independent spin."""
    assigner = SpinAssigner({h: load_mesh(SPACE, h, "sphere") for h in "LR"})
    return spin_labels(label, assigner.assign(spin_rotations(0, k, "independent")))


def assert_equals_sklearn(name, label, n_classes, compared):
    """Decode all folds, and compare some of them with scikit-learn."""
    feature_map = load_features(name).map
    folds = block_folds(feature_map.valid)
    result = decode_labels(make_decoder(feature_map.values, folds), label, n_classes)
    assert result.converged
    for k in compared:
        train, test = folds.train(k) & (label >= 0), folds.test(k) & (label >= 0)
        values = feature_map.values.astype(np.float64)
        reference = fit_reference(values[train], label[train])
        predicted = reference.predict(values[test])
        truth, ours = label[test], result.prediction[test]
        assert (ours == predicted).mean() >= 0.999
        scores = [f1_score(truth, p, average="macro") for p in (ours, predicted)]
        assert abs(scores[0] - scores[1]) < 5e-4
        expected = np.zeros((test.sum(), n_classes))
        expected[:, reference.classes_] = reference.predict_proba(values[test])
        difference = np.abs(result.probability[test] - expected)
        assert difference.max() < 3e-3
        assert difference.mean() < 1e-4
        assert np.array_equal(np.flatnonzero(~result.absent[k]), reference.classes_)


@pytest.mark.parametrize("spin", [False, True])
def test_embedded_maps(spin):
    """Microstructure and the Schaefer parcels, which every installation has."""
    label, n_classes = labels_of("schaefer400-7networks")
    assert_equals_sklearn("microstructure", spun(label) if spin else label, n_classes, [1])


@pytest.mark.real_data
@pytest.mark.usefixtures("real_cache")
@pytest.mark.parametrize("target", ["yeo7", "yeo17"])
def test_coordinates(target):
    """The published baseline."""
    assert_equals_sklearn("coordinates", *labels_of(target), [0])


@pytest.mark.real_data
@pytest.mark.usefixtures("real_cache")
def test_spun_networks():
    """Labels after a spin, the medial wall among them."""
    label, n_classes = labels_of("yeo7")
    assert_equals_sklearn("coordinates", spun(label), n_classes, [2])


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.usefixtures("real_cache")
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("target", ["yeo7", "yeo17"])
def test_observed_labels(name, target):
    """All feature sets and networks, two folds each."""
    assert_equals_sklearn(name, *labels_of(target), [0, 3])


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.usefixtures("real_cache")
def test_many_classes_some_of_them_rare():
    """58 functional modes; one of them is absent from this training set."""
    label, n_classes = labels_of("difumo64")
    assert_equals_sklearn("coordinates", label, n_classes, [0])


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.usefixtures("real_cache")
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("target", ["yeo7", "yeo17"])
@pytest.mark.parametrize("k", [1, 2])
def test_spun_labels(name, target, k):
    """Other spins, one fold each."""
    label, n_classes = labels_of(target)
    assert_equals_sklearn(name, spun(label, k), n_classes, [k])
