"""`bench decoder`: our refits are converged scikit-learn's, and others are seen."""

import itertools

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from cytosurf.bench import decoder as room
from cytosurf.bench.decoder import Tolerances, bench_decoder, measure_decoder
from cytosurf.errors import CytosurfError, InputError
from cytosurf.nulls.spin_test import spin_label
from tests.unit.decoding.oracles import fit_reference

SPINS = 3


@pytest.fixture(scope="module")
def outcome(problem):
    """Return the comparison on the toy cortex."""
    return measure_decoder(problem, spins=SPINS, jobs=1, tolerances=Tolerances())


def test_our_refits_agree(outcome, problem):
    """On all spins and sets, within the tolerances."""
    assert outcome.failures == ()
    assert [s.features for s in outcome.sets] == ["stain", "coordinates"]
    assert [s.n_features for s in outcome.sets] == [2, 3]
    assert (outcome.n_spins, outcome.n_folds, outcome.n_classes) == (SPINS, 3, 3)
    assert outcome.n_vertices == problem.folds.mask.sum()
    for s in outcome.sets:
        assert s.n_fits == SPINS * 3
        assert 0 <= s.f1_mean <= s.f1_max
        assert s.equal == 1 - s.n_different / s.n_tested
        assert (s.n_different == 0) == (s.gap_max == 0)
        assert s.cpu_ms > 0
        assert s.reference_cpu_ms > 0


def test_what_is_tested_are_the_labels_that_spins_leave(outcome, problem):
    """All analysed vertices with a label, in each spin."""
    test = problem.spin_test()
    rows = test.decoders[0].rows
    n_tested = sum(
        int((spin_label(test, k, "independent")[0][rows] >= 0).sum()) for k in range(SPINS)
    )
    assert [s.n_tested for s in outcome.sets] == [n_tested] * 2


def test_the_reference_is_the_promised_pipeline(problem):
    """Fitted in one fold it gives the probabilities of the oracle of the solver's tests."""
    test = problem.spin_test(room.converged_classifier())
    first = test.decoders[0]
    label = problem.label[first.rows].astype(np.int64)
    train, tested = first.train[0] & (label >= 0), first.test[0] & (label >= 0)
    found = first.fitter.fit(label, train, np.flatnonzero(tested), None)
    values = problem.values[0][first.rows].astype(np.float64)
    expected = fit_reference(values[train], label[train]).predict_proba(values[tested])
    np.testing.assert_allclose(found.probabilities(), expected, atol=1e-6)


@pytest.mark.parametrize(
    "wrong", [LogisticRegression(C=0.01, class_weight="balanced"), LogisticRegression()]
)
def test_another_model_is_seen(problem, monkeypatch, wrong):
    """A stronger penalty or no class weights: scores and predictions are beyond tolerance."""
    monkeypatch.setattr(room, "converged_classifier", lambda: wrong)
    found = measure_decoder(problem, spins=1, jobs=1, tolerances=Tolerances()).failures
    text = "\n".join(found)
    assert "stain: mean macro-F1 difference of" in text
    assert "stain: largest macro-F1 difference of" in text
    assert "stain: share of equal predictions of" in text
    assert "stain: gap of probabilities of" in text


def test_a_reference_that_does_not_converge_is_seen(problem, monkeypatch):
    """Agreement with it would mean nothing."""
    wrong = LogisticRegression(class_weight="balanced", max_iter=2)
    monkeypatch.setattr(room, "converged_classifier", lambda: wrong)
    found = measure_decoder(problem, spins=1, jobs=1, tolerances=Tolerances(1, 1, 0, 1)).failures
    assert found == tuple(
        f"{name}: 3 fits of the reference did not converge" for name in ("stain", "coordinates")
    )


def test_tolerances_are_the_callers(outcome):
    """Each of the four fails where nothing is allowed, and only then."""
    (stain, _) = outcome.sets
    assert stain.beyond(Tolerances(stain.f1_mean, stain.f1_max, stain.equal, stain.gap_max)) == []
    strict = (stain.f1_mean - 1e-9, stain.f1_max - 1e-9, stain.equal + 1e-9, stain.gap_max - 1e-9)
    for i, value in enumerate(strict):
        allowed = [1.0, 1.0, 0.0, 1.0]
        allowed[i] = value
        assert len(stain.beyond(Tolerances(*allowed))) == 1


def test_processes_change_nothing_but_the_time(outcome, problem):
    """Two processes find what one found."""
    again = measure_decoder(problem, spins=SPINS, jobs=2, tolerances=Tolerances())
    counts = ("features", "n_fits", "f1_max", "n_tested", "n_different", "gap_max")
    for mine, theirs, name in itertools.product(outcome.sets, again.sets, counts):
        if mine.features == theirs.features:
            assert getattr(mine, name) == getattr(theirs, name)


def test_nothing_to_decode(problem, monkeypatch):
    """It is said, and no average of nothing is shown."""
    monkeypatch.setattr(room, "can_be_decoded", lambda *_: False)
    with pytest.raises(CytosurfError, match="No spin left anything"):
        measure_decoder(problem, spins=1, jobs=1, tolerances=Tolerances())


def test_bad_input():
    """No spins, no features, an unknown name."""
    with pytest.raises(InputError, match=r"^spins: found 0"):
        bench_decoder(spins=0)
    with pytest.raises(InputError, match="features: found none"):
        bench_decoder(",", spins=1)
    with pytest.raises(InputError, match="microstructure"):
        bench_decoder("microstructur", spins=1)
