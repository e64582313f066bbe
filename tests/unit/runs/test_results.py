"""What a run found: the keys that results.json promises, and what they say."""

import warnings

import numpy as np
import pytest

from cytosurf.errors import CytosurfWarning
from cytosurf.runs import results as room
from cytosurf.runs.inputs import load_inputs
from cytosurf.runs.observed import decode_observed
from cytosurf.runs.results import make_record, make_results, warn_of_fits


@pytest.fixture(scope="module")
def toy(toy_cortex):
    """Return a configuration, its inputs and what was observed, with labels missing somewhere."""
    config = toy_cortex.config(baseline=["coordinates", "harmonics:4"])
    keys = toy_cortex.keys()
    keys[np.flatnonzero(keys == 3)[:50]] = 0
    given = [toy_cortex.feature_set()]
    inputs = load_inputs([config], given, [toy_cortex.parcellation(keys)])[0]
    return config, inputs, decode_observed(config, inputs, jobs=1)


def test_facts_of_the_run(toy):
    """Target, space, hemispheres, both counts of vertices, and the classes with theirs."""
    results = make_results(*toy)
    _, inputs, _ = toy
    assert results["schema"] == 1
    assert (results["target"], results["space"], results["density"]) == ("bands", "toy", "642")
    assert results["hemispheres"] == ["L", "R"]
    assert results["n_vertices"] == inputs.analysed.sum() == inputs.mask.sum() - 50
    assert results["n_vertices_mask"] == inputs.mask.sum()
    assert results["n_folds"] == 3
    assert [c["key"] for c in results["classes"]] == [1, 2, 3]
    assert [c["name"] for c in results["classes"]] == ["front", "middle", "back"]
    assert sum(c["n_vertices"] for c in results["classes"]) == results["n_vertices"]
    assert results["n_vertices_tested"] == results["n_vertices"]
    assert all(c["n_vertices_tested"] == c["n_vertices"] for c in results["classes"])
    assert results["absent_in_training"] == []
    assert results["spin_test"] is None


@pytest.mark.parametrize(("scheme", "tested"), [("left-to-right", "R"), ("right-to-left", "L")])
def test_vertices_that_only_train_are_not_counted_as_tested(toy_cortex, scheme, tested):
    """From one hemisphere to the other, one is tested and both are analysed."""
    config = toy_cortex.config(folds=toy_cortex.FOLDS | {"scheme": scheme})
    keys = toy_cortex.keys()
    keys[np.flatnonzero(keys == 3)[:50]] = 0  # all on the left
    inputs = load_inputs([config], [toy_cortex.feature_set()], [toy_cortex.parcellation(keys)])[0]
    observed = decode_observed(config, inputs, jobs=1)
    results = make_results(config, inputs, observed)
    half = np.split(keys, 2)["LR".index(tested)]
    assert (
        results["n_vertices_tested"] == (half > 0).sum() == observed.results["stain"].counts.sum()
    )
    assert results["n_vertices"] == (keys > 0).sum()
    assert [c["n_vertices_tested"] for c in results["classes"]] == [
        (half == k).sum() for k in (1, 2, 3)
    ]
    assert [c["n_vertices"] for c in results["classes"]] == [(keys == k).sum() for k in (1, 2, 3)]


def test_differences_are_paired_over_folds(toy):
    """Each feature set is compared with every baseline and with position of its size."""
    results = make_results(*toy)
    entries = results["feature_sets"]
    pairs = [(d["features"], d["baseline"]) for d in results["differences"]]
    assert pairs == [("stain", "coordinates"), ("stain", "harmonics:4"), ("stain", "harmonics:2")]
    for row in results["differences"]:
        folds = np.subtract(
            *(entries[row[k]]["macro_f1"]["folds"] for k in ("features", "baseline"))
        )
        assert row["folds"] == pytest.approx(folds)
        assert row["mean"] == pytest.approx(folds.mean())
        assert row["sd"] == pytest.approx(folds.std())


def test_the_record_holds_keys_and_not_indices(toy, tmp_path):
    """Maps are in the keys of the target, 0 where nothing was analysed or predicted."""
    config, inputs, observed = toy
    record = make_record(tmp_path, config, inputs, observed, make_results(*toy))
    assert np.array_equal(record.truth[inputs.analysed], inputs.label[inputs.analysed] + 1)
    assert not record.truth[~inputs.analysed].any()
    for name, result in observed.results.items():
        tested = result.prediction >= 0
        assert np.array_equal(tested, inputs.analysed)
        assert np.array_equal(record.prediction[name][tested], result.prediction[tested] + 1)
        assert not record.prediction[name][~tested].any()
        assert record.prediction[name].dtype == np.int32
    assert list(tmp_path.iterdir()) == []


def test_fits_that_are_fine_are_not_warned_of(toy):
    """A run without absent classes and with converged fits is quiet."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", CytosurfWarning)
        warn_of_fits(*toy[1:])


def test_absent_classes_and_fits_that_did_not_converge_are_warned_of(toy_cortex):
    """The target and the class or the feature set are named."""
    config = toy_cortex.config()
    keys = toy_cortex.keys()
    given = [toy_cortex.feature_set()]
    folds = load_inputs([config], given, [toy_cortex.parcellation()])[0].folds
    keys[np.flatnonzero(folds.block == 3)[:4]] = 5
    inputs = load_inputs([config], given, [toy_cortex.parcellation(keys)])[0]
    observed = decode_observed(config, inputs, jobs=1)
    object.__setattr__(observed.results["stain"], "converged", False)
    with pytest.warns(CytosurfWarning) as caught:
        warn_of_fits(inputs, observed)
    absent, converged = (str(w.message) for w in caught)
    assert absent.startswith("bands: 1 times a class has no training vertex")
    assert "(label_5)" in absent
    assert converged == "bands: the decoder of stain did not converge in every fold."
    assert make_results(config, inputs, observed)["absent_in_training"][0]["key"] == 5


@pytest.mark.parametrize(
    ("n_absent", "listed"), [(3, "(a0, a1, a2)"), (4, "(a0, a1, a2 and 1 more)")]
)
def test_only_the_first_of_many_absent_classes_are_named(monkeypatch, toy, n_absent, listed):
    """A parcellation of hundreds of small parcels does not fill the screen."""
    absent = [{"fold": f, "key": k, "name": f"a{k}"} for k in range(n_absent) for f in (0, 1)]
    monkeypatch.setattr(room, "absent_classes", lambda *_: absent)
    with pytest.warns(CytosurfWarning) as caught:
        warn_of_fits(*toy[1:])
    assert listed in str(caught[0].message)
    assert f"{2 * n_absent} times a class" in str(caught[0].message)
