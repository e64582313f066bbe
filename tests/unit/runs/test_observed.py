"""The observed part of a run: scikit-learn's scores of our predictions, whatever the processes."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from cytosurf.decoding import decode_labels, make_decoder
from cytosurf.runs.inputs import folds_of, load_inputs
from cytosurf.runs.observed import absent_classes, decode_observed, score_sets, spread


@pytest.fixture(scope="module")
def toy(toy_cortex):
    """Return a configuration, its inputs and what was observed."""
    config = toy_cortex.config()
    inputs = load(toy_cortex, config)
    return config, inputs, decode_observed(config, inputs, jobs=1)


def load(toy_cortex, config, keys=None):
    """Return the inputs of a toy run."""
    targets = [toy_cortex.parcellation(keys)]
    return load_inputs([config], [toy_cortex.feature_set()], targets)[0]


def test_every_set_is_decoded_alike(toy):
    """Each result is that of the set decoded on its own, on the same folds and labels."""
    _, inputs, observed = toy
    assert list(observed.results) == ["stain", "coordinates", "harmonics:2"]
    for name, result in observed.results.items():
        decoder = make_decoder(inputs.sets[name].map.values, inputs.folds)
        alone = decode_labels(decoder, inputs.label, 3)
        assert np.array_equal(result.counts, alone.counts)
        assert np.array_equal(result.probability, alone.probability)
        assert np.array_equal(observed.decoders[name].rows, np.flatnonzero(inputs.mask))


def test_threads_change_nothing_not_even_the_order(toy):
    """Sets that finish in another order are in the order of the run."""
    config, inputs, observed = toy
    again = decode_observed(config, inputs, jobs=3)
    assert list(again.results) == list(observed.results)
    for name, result in observed.results.items():
        assert np.array_equal(result.prediction, again.results[name].prediction)
        assert np.array_equal(result.log_loss, again.results[name].log_loss)


def test_the_penalty_reaches_the_decoder(toy, toy_cortex):
    """A strong penalty (small C) gives flatter probabilities."""
    _, inputs, observed = toy
    strong = decode_observed(toy_cortex.config(C=1e-4), inputs, jobs=1)
    flat, usual = (
        each.results["stain"].probability.max(axis=1)[inputs.mask] for each in (strong, observed)
    )
    assert flat.mean() < usual.mean() - 0.05


def test_another_classifier_is_used_as_it_is(toy):
    """A scikit-learn classifier replaces the softmax regression for every set."""
    config, inputs, observed = toy
    other = decode_observed(config, inputs, jobs=1, classifier=GaussianNB())
    rows = inputs.folds.test(0)
    train = inputs.folds.train(0)
    x, y = inputs.sets["stain"].map.values, inputs.label
    model = GaussianNB().fit((x[train] - x[train].mean(0)) / x[train].std(0), y[train])
    expected = model.predict((x[rows] - x[train].mean(0)) / x[train].std(0))
    assert (other.results["stain"].prediction[rows] == expected).mean() > 0.995
    assert not np.array_equal(
        other.results["stain"].prediction, observed.results["stain"].prediction
    )


def test_the_same_objective_as_scikit_learn(toy):
    """Balanced logistic regression of scikit-learn gives the same scores."""
    config, inputs, observed = toy
    oracle = LogisticRegression(C=1.0, class_weight="balanced", max_iter=2000, tol=1e-8)
    other = decode_observed(config, inputs, jobs=1, classifier=oracle)
    for name, result in observed.results.items():
        same = result.prediction == other.results[name].prediction
        assert same[inputs.analysed].mean() > 0.99


def test_scores_are_those_of_scikit_learn(toy):
    """Every score in results.json is scikit-learn's on the predictions of each fold."""
    _, inputs, observed = toy
    entries = score_sets(inputs, observed, seed=0)
    oracles = {
        "macro_f1": lambda y, p: metrics.f1_score(y, p, average="macro", zero_division=0),
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "mcc": metrics.matthews_corrcoef,
        "accuracy": metrics.accuracy_score,
    }
    for name, result in observed.results.items():
        tested = [inputs.folds.test(k) & inputs.analysed for k in range(3)]
        for score, oracle in oracles.items():
            folds = [oracle(inputs.label[t], result.prediction[t]) for t in tested]
            assert entries[name][score]["folds"] == pytest.approx(folds, abs=1e-12)
            assert entries[name][score]["mean"] == pytest.approx(np.mean(folds), abs=1e-12)
            assert entries[name][score]["sd"] == pytest.approx(np.std(folds), abs=1e-12)
        truth, prediction = inputs.label[inputs.analysed], result.prediction[inputs.analysed]
        pooled = metrics.f1_score(truth, prediction, average=None, labels=[0, 1, 2])
        assert entries[name]["pooled_macro_f1"] == pytest.approx(pooled.mean())
        assert entries[name]["per_class_f1"] == pytest.approx(
            dict(zip(("front", "middle", "back"), pooled, strict=True))
        )
        stored = result.probability.astype(float)
        stored = stored / np.maximum(stored.sum(axis=1, keepdims=True), 1e-9)
        losses = [metrics.log_loss(inputs.label[t], stored[t], labels=[0, 1, 2]) for t in tested]
        assert entries[name]["log_loss"]["folds"] == pytest.approx(losses, rel=2e-3)


def test_the_interval_is_of_the_pooled_score_and_seeded(toy):
    """The block bootstrap holds the pooled score, and depends on the seed alone."""
    _, inputs, observed = toy
    first, again, other = (score_sets(inputs, observed, seed=s) for s in (0, 0, 1))
    for name in observed.results:
        low, high = first[name]["ci95"]
        assert low < first[name]["pooled_macro_f1"] < high
        assert first[name]["ci95"] == again[name]["ci95"] != other[name]["ci95"]


def test_the_prior_is_the_last_and_knows_no_features(toy):
    """The reference predicts the commonest training class, and has no interval."""
    _, inputs, observed = toy
    entries = score_sets(inputs, observed, seed=0)
    assert list(entries)[-1] == "prior"
    prior = entries["prior"]
    assert (prior["role"], prior["n_features"], prior["ci95"]) == ("reference", 0, None)
    for k, score in enumerate(prior["macro_f1"]["folds"]):
        common = np.bincount(inputs.label[inputs.folds.train(k) & inputs.analysed]).argmax()
        truth = inputs.label[inputs.folds.test(k) & inputs.analysed]
        predicted = np.full_like(truth, common)
        expected = metrics.f1_score(truth, predicted, average="macro", zero_division=0)
        assert score == pytest.approx(expected)


def test_entries_say_what_a_set_is(toy):
    """Role, columns, convergence and the position set of its size stand beside the scores."""
    _, inputs, observed = toy
    entries = score_sets(inputs, observed, seed=0)
    shown = {n: (e["role"], e["n_features"], e["matched_position"]) for n, e in entries.items()}
    assert shown == {
        "stain": ("features", 2, "harmonics:2"),
        "coordinates": ("baseline", 3, None),
        "harmonics:2": ("matched position", 2, None),
        "prior": ("reference", 0, None),
    }
    assert all(entry["converged"] is True for entry in entries.values())


@pytest.mark.parametrize("method", ["midthickness", "sphere"])
def test_repeats_and_block_sizes_are_runs_of_their_own(toy_cortex, method):
    """Each further seed and block size gives the score that a run with it would give."""
    folds = {"n_folds": 3, "n_blocks": 12, "method": method}
    more = toy_cortex.config(folds=folds | {"repeats": 3, "block_sweep": [6, 20]}, seed=4)
    inputs = load(toy_cortex, more)
    variants = decode_observed(more, inputs, jobs=1).variants
    assert {group: list(rows) for group, rows in variants.items()} == {
        "repeats": ["5", "6"],
        "block_sweep": ["6", "20"],
    }
    for group, key, options in (
        ("repeats", "6", {"seed": 6, "folds": folds}),
        ("block_sweep", "20", {"seed": 4, "folds": folds | {"n_blocks": 20}}),
    ):
        alone = toy_cortex.config(**options)
        itself = load(toy_cortex, alone)
        entries = score_sets(itself, decode_observed(alone, itself, jobs=1), seed=0)
        expected = {n: e["macro_f1"]["mean"] for n, e in entries.items() if n != "prior"}
        assert variants[group][key] == pytest.approx(expected, abs=1e-12)


def test_no_variants_unless_asked_for(toy):
    """A plain run decodes once."""
    assert toy[2].variants == {}


def test_classes_that_a_fold_never_saw_are_listed(toy_cortex):
    """A class inside a single superblock is absent from the training of the fold that tests it."""
    config = toy_cortex.config()
    inputs = load(toy_cortex, config)
    keys = toy_cortex.keys()
    rare = np.flatnonzero(inputs.folds.block == 7)[:5]
    keys[rare] = 9
    changed = load(toy_cortex, config, keys)
    observed = decode_observed(config, changed, jobs=1)
    fold = int(inputs.folds.fold[rare[0]])
    assert absent_classes(changed, observed) == [{"fold": fold, "key": 9, "name": "label_9"}]
    assert (observed.results["stain"].prediction[inputs.folds.test(fold)] != 3).all()
    entries = score_sets(changed, observed, seed=0)
    assert entries["stain"]["per_class_f1"]["label_9"] == 0


def test_one_hemisphere_is_trained_on_and_the_other_tested(toy_cortex):
    """Left to right there is one fold, tested on the right; the left has no prediction."""
    config = toy_cortex.config(folds={"scheme": "left-to-right", "n_blocks": 12})
    inputs = load(toy_cortex, config)
    observed = decode_observed(config, inputs, jobs=1)
    prediction = observed.results["stain"].prediction
    assert (prediction[:642] == -1).all()
    assert ((prediction[642:] >= 0) == inputs.analysed[642:]).all()
    entries = score_sets(inputs, observed, seed=0)
    assert all(len(e["macro_f1"]["folds"]) == 1 for e in entries.values())
    assert entries["coordinates:mirrored"]["macro_f1"]["mean"] > 0.8


def test_folds_of_follows_the_seed_given(toy, toy_cortex):
    """The seed of folds is an argument, so that repeats can vary it alone."""
    config, inputs, _ = toy
    made = [
        folds_of(inputs.mask, inputs.space, ("L", "R"), config.folds, seed).fold
        for seed in (0, 0, 1)
    ]
    assert np.array_equal(made[0], made[1])
    assert not np.array_equal(made[0], made[2])


def test_spread_leaves_out_folds_without_a_score():
    """NaN is a fold in which nothing was tested: shown, and not averaged; the SD has ddof 0."""
    result = spread(np.array([1.0, np.nan, 2.0]))
    assert (result["mean"], result["sd"]) == (1.5, 0.5)
    assert np.array_equal(result["folds"], [1, np.nan, 2], equal_nan=True)
