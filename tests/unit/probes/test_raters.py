"""Scores of human raters, against scikit-learn and the published answers."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score

from cytosurf.histology.xray_labels import RatedSet, read_raters
from cytosurf.probes.raters import rater_scores


def test_scores_are_those_of_scikit_learn():
    """Of each rater against the key, and of each pair; three raters are three pairs."""
    rng = np.random.default_rng(0)
    key, answers = rng.integers(0, 6, 90), rng.integers(0, 6, (3, 90))
    found = rater_scores(RatedSet(key, answers))
    for i, given in enumerate(answers):
        np.testing.assert_allclose(found.f1[i], f1_score(key, given, average=None))
        assert found.macro_f1[i] == pytest.approx(f1_score(key, given, average="macro"))
        assert found.accuracy[i] == accuracy_score(key, given)
        assert found.kappa[i] == pytest.approx(cohen_kappa_score(key, given))
    for value, kappa, (a, b) in zip(
        found.agreement, found.agreement_kappa, [(0, 1), (0, 2), (1, 2)], strict=True
    ):
        assert value == accuracy_score(answers[a], answers[b])
        assert kappa == pytest.approx(cohen_kappa_score(answers[a], answers[b]))


def test_a_single_rater_has_no_agreement():
    """Scores against the key, and no pair."""
    found = rater_scores(RatedSet(np.array([0, 1]), np.array([[0, 1]])), n_classes=2)
    assert found.macro_f1.tolist() == [1.0]
    assert found.agreement.shape == found.agreement_kappa.shape == (0,)


@pytest.mark.real_data
def test_published_raters_are_reproduced(real_data):
    """Macro-F1 0.780, 0.846, 0.810, 0.817 (mean 0.813), kappa between raters 0.69 and 0.65."""
    sets = read_raters(real_data / "xray_thc" / "xray_thc_raters.npz")
    scores = [rater_scores(rated) for rated in sets.values()]
    macro = np.concatenate([s.macro_f1 for s in scores])
    np.testing.assert_allclose(macro, [0.780, 0.846, 0.810, 0.817], atol=6e-4)
    assert macro.mean() == pytest.approx(0.813, abs=5e-4)
    kappa = np.concatenate([s.kappa for s in scores])
    np.testing.assert_allclose(kappa, [0.740, 0.820, 0.780, 0.787], atol=6e-4)
    assert [round(float(s.agreement_kappa[0]), 3) for s in scores] == [0.692, 0.653]
    assert [round(float(s.agreement[0]), 3) for s in scores] == [0.744, 0.711]
    assert scores[0].f1[0].round(2).tolist() == [0.90, 0.64, 0.89, 0.68, 0.78, 0.79]
