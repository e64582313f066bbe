"""What is asked of spins after they are done: other statistics, approximate tails, lost spins."""

import shutil
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics

from cytosurf.errors import InputError
from cytosurf.nulls import SpinPValue, tail_p_value
from cytosurf.runs import correct_family, load_run, outcome, read_json
from cytosurf.runs.chunks import chunk_paths, counts_of
from cytosurf.runs.config import read_config, write_config
from cytosurf.runs.extend import add_to_run, retest
from cytosurf.runs.record import read_arrays
from tests.unit.runs.cortex import comparable, listing

BOTH = ("independent", "mirrored")


@pytest.fixture
def copied(finished, tmp_path):
    """Return a copy of a finished run, to be changed."""
    shutil.copytree(finished.directory, tmp_path / "run")
    return tmp_path / "run"


def by_hand(folder, policy, score):
    """Return a score of each spin and feature set: mean over folds, vertex by vertex."""
    tables = [counts_of(read_arrays(path)).dense() for path in chunk_paths(folder, policy)]
    return np.array(
        [
            [np.mean([score(*as_labels(table)) for table in folds]) for folds in sets]
            for sets in np.concatenate(tables)
        ]
    )


def as_labels(table):
    """Return truth and prediction that make a table of counts."""
    truth, prediction = np.nonzero(table)
    return np.repeat(truth, table[truth, prediction]), np.repeat(
        prediction, table[truth, prediction]
    )


def test_another_statistic_is_scikit_learns(copied, finished):
    """Observed, null, exceedances and p follow from the stored counts; differences are paired."""
    run = retest(copied, ["mcc"])
    assert [(t.baseline, t.rotation, t.primary) for t in run.other_nulls] == [
        ("coordinates", "mirrored", True),
        ("coordinates", "independent", False),
        (None, "mirrored", True),
        (None, "independent", False),
    ]
    for test in run.other_nulls:
        spun = by_hand(copied, test.rotation, metrics.matthews_corrcoef)
        folds = [
            np.mean([metrics.matthews_corrcoef(*as_labels(t)) for t in run.counts[name]])
            for name in ("stain", "coordinates")
        ]
        null, observed = spun[:, 0], folds[0]
        if test.baseline:
            null, observed = null - spun[:, 1], observed - folds[1]
        assert test.statistic == ("mcc difference" if test.baseline else "mcc")
        np.testing.assert_allclose(test.null, null, atol=1e-12)
        assert test.observed == pytest.approx(observed)
        assert test.p == SpinPValue.from_null(observed, null).p
    assert run.nulls[0].p == finished.nulls[0].p


def test_a_statistic_leaves_the_rest_as_it_was(copied, finished):
    """The tests of macro-F1 keep their place and values; the configuration remembers."""
    before = finished.results
    run = retest(copied, ["accuracy", "f1:middle", "accuracy"])
    after = read_json(copied / "results.json")
    assert after["spin_test"]["tests"] == before["spin_test"]["tests"]
    names = {test["statistic"] for test in after["spin_test"]["other_statistics"]}
    expected = {"accuracy", "f1:middle"}
    assert names == expected | {f"{name} difference" for name in expected}
    assert run.config["statistics"] == ["accuracy", "f1:middle"]
    assert {**after, "spin_test": None} == {**before, "spin_test": None}
    assert retest(copied, ["kappa"]).config["statistics"] == ["accuracy", "f1:middle", "kappa"]


def test_statistics_survive_more_spins_and_the_same_command(named_toy, tmp_path):
    """What was chosen once is tested with every spin that comes later."""
    named_toy(tmp_path / "run", spins=3)
    retest(tmp_path / "run", ["mcc"], approximate_tail=True)
    add_to_run(tmp_path / "run", 5)
    run = load_run(tmp_path / "run")
    assert {len(test.null) for test in run.other_nulls} == {5}
    assert named_toy(tmp_path / "run", spins=6).config["statistics"] == ["mcc"]
    again = read_json(tmp_path / "run" / "results.json")
    assert again["spin_test"]["other_statistics"][0]["n_spins"] == 6
    assert again["spin_test"]["tests"][0]["tail"]["p"] is None


def test_asked_with_decode_or_later_is_the_same(named_toy, tmp_path):
    """A statistic named before the run gives the results of one named after it."""
    named_toy(tmp_path / "before", spins=4, statistics=["kappa"])
    named_toy(tmp_path / "after", spins=4)
    retest(tmp_path / "after", ["kappa"])
    found = [comparable(read_json(tmp_path / n / "results.json")) for n in ("before", "after")]
    assert found[0] == found[1]


def test_other_statistics_are_corrected_over_a_family(named_toy, tmp_path):
    """Each statistic is a family of its own."""
    records = []
    for name in ("a", "b"):
        named_toy(tmp_path / name, spins=5)
        records.append(retest(tmp_path / name, ["mcc"]))
    for run in correct_family(records, tmp_path):
        assert all(test.p_holm == pytest.approx(min(1, 2 * test.p)) for test in run.other_nulls)
    rows = read_json(tmp_path / "family.json")["tests"]
    assert {row["statistic"] for row in rows} >= {"mcc", "macro_f1"}


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["mc"], "--statistic: found 'mc'.*Did you mean 'mcc'"),
        (["f1:top"], r"--statistic f1:top: found 0 classes.*1 \(front\), 2 \(middle\)"),
    ],
)
def test_unknown_statistics_change_nothing(copied, names, says):
    """The names are listed, and no file is touched."""
    before = listing(copied)
    with pytest.raises(InputError, match=says):
        retest(copied, ["accuracy", *names])
    assert listing(copied) == before


def test_a_run_without_spins_has_nothing_to_ask(named_toy, tmp_path):
    """With the way to make some."""
    named_toy(tmp_path / "run", spins=0)
    with pytest.raises(InputError, match=r"found no spins; .*cytosurf spin"):
        retest(tmp_path / "run", ["mcc"])


def test_an_unknown_statistic_stops_a_run_before_it_begins(named_toy, tmp_path):
    """Nothing is written."""
    with pytest.raises(InputError, match="--statistic"):
        named_toy(tmp_path / "run", spins=3, statistics=["best"])
    assert not (tmp_path / "run" / "spins").exists()


class TestOneClass:
    """Scores of a class that folds, or spins, may not have."""

    def test_spins_that_lost_the_class_are_left_out(self, run_toy, tmp_path, toy_cortex):
        """As they are in the tests of all classes: the report holds one p of it."""
        labels = np.minimum(toy_cortex.keys(), 2)
        centre = np.where(toy_cortex.points()[:, :1] < 0, [[-45, 10, 10]], [[45, 10, 10]])
        near = np.linalg.norm(toy_cortex.points() - centre, axis=1) < 5.5
        labels[near & (labels > 0)] = 3
        options = {"spins": 20, "rotation": "mirrored", "statistics": ["f1:back"]}
        run = run_toy(tmp_path, target=toy_cortex.parcellation(labels), **options)
        spin_test = run.results["spin_test"]
        assert spin_test["untestable"] == {"mirrored": 0}
        for test, of in zip(spin_test["other_statistics"], spin_test["per_class"], strict=True):
            assert (test["features"], test["baseline"]) == (of["features"], of["baseline"])
            assert 0 < test["n_spins"] < 20
            for name in ("exceed", "n_spins", "p"):
                assert test[name] == of[name][2], name
        assert [len(null.null) for null in run.other_nulls] == [test["n_spins"]] * 2
        sequential = replace(run, config=run.config | {"stop_after_exceedances": 21})
        again = outcome.spin_test_outcome(sequential, ("mirrored",), 20)["other_statistics"]
        assert [(t["p"], t["complete"]) for t in again] == [(t.p, True) for t in run.other_nulls]

    def test_a_spin_that_left_nothing_exceeds_in_every_class(self):
        """One that took the class alone is left out."""
        nothing, kept = np.array([[0.5], [np.nan], [0.4]]), np.array([[np.nan], [np.nan], [0.3]])
        spins = {"statistic": nothing, "f1:back": kept, "mcc": kept}
        config = {"features": ["stain"], "baseline": []}
        found = [outcome._null(spins, name, config, ("stain", None)) for name in ("f1:back", "mcc")]
        np.testing.assert_array_equal(found[0], [np.nan, 0.3])
        np.testing.assert_array_equal(found[1], [np.nan, np.nan, 0.3])

    def test_a_class_that_no_fold_tests(self, run_toy, tmp_path, toy_cortex):
        """Is refused before the first file, and skipped in a run that was asked for it before."""
        labels = toy_cortex.keys()
        labels[642:] = np.minimum(labels[642:], 2)
        folds = toy_cortex.FOLDS | {"scheme": "left-to-right"}
        options = {"spins": 2, "rotation": "mirrored", "folds": folds}
        options["target"] = toy_cortex.parcellation(labels)
        says = "--statistic f1:back: found a class of which no fold tests a vertex"
        with pytest.raises(InputError, match=says):
            run_toy(tmp_path / "run", statistics=["f1:back"], **options)
        assert not (tmp_path / "run").exists()
        run_toy(tmp_path / "run", statistics=["mcc"], **options)
        before = listing(tmp_path / "run")
        with pytest.raises(InputError, match=says):
            retest(tmp_path / "run", ["f1:back"])
        assert listing(tmp_path / "run") == before
        config = read_config(tmp_path / "run")
        write_config(tmp_path / "run", config.model_copy(update={"statistics": ("f1:back", "mcc")}))
        run = run_toy(tmp_path / "run", **options)
        assert {test.statistic.split()[0] for test in run.other_nulls} == {"mcc"}
        assert any("f1:back is not tested" in text for text in run.info["warnings"])


class TestTail:
    """Approximate p-values beside the counted ones."""

    def test_is_that_of_the_array_function(self):
        """With its fit; b, n and p stay."""
        null = np.random.default_rng(0).normal(size=1000)
        config = {"approximate_tail": True, "seed": 3}
        entry = outcome._counted(4.0, null, config, 1000)
        expected = tail_p_value(4.0, null, 3)
        assert entry["tail"]["p"] == expected.p
        assert entry["tail"]["fit_p"] == expected.fit_p
        assert entry["tail"]["approximate"] is True
        assert entry["tail"]["reason"] is None
        assert (entry["p"], entry["exceed"]) == (1 / 1001, 0)
        assert outcome._counted(4.0, null, {"seed": 3}, 1000)["tail"] is None

    def test_says_why_there_is_none(self):
        """Too few spins, too many exceedances, lost spins, or a test that stopped."""
        config = {"approximate_tail": True, "seed": 0}
        null = np.random.default_rng(0).normal(size=1000)
        reasons = [
            outcome._counted(4.0, null[:99], config, 99)["tail"],
            outcome._counted(0.0, null, config, 1000)["tail"],
            outcome._counted(4.0, np.r_[null, np.nan], config, 1001)["tail"],
            outcome._counted(1.0, null, config | {"stop_after_exceedances": 3}, 1000)["tail"],
        ]
        assert [tail["p"] for tail in reasons] == [None] * 4
        for tail, words in zip(
            reasons, ("99 spins", "spins at or above", "NaN", "stopped"), strict=True
        ):
            assert words in tail["reason"]


def test_lost_spins_do_not_disturb_the_maximum():
    """A spin that left nothing to decode exceeds in every feature set, and scales nothing."""
    tests = []
    for seed in (1, 2):
        null = np.random.default_rng(seed).normal(size=50)
        null[7] = np.nan
        tests.append(
            outcome._Tested({"baseline": None, "rotation": "mirrored", "observed": 1.0}, null)
        )
    outcome._correct_over_features(tests)
    rows = np.array([[1.0, *test.null] for test in tests])
    z = (rows - np.nanmean(rows, axis=1, keepdims=True)) / np.nanstd(rows, axis=1, keepdims=True)
    largest = np.nanmax(np.delete(z[:, 1:], 7, axis=1), axis=0)
    for test, observed in zip(tests, z[:, 0], strict=True):
        exceed = (largest >= observed - 1e-12).sum() + 1
        assert test.entry["p_max"] == pytest.approx((exceed + 1) / 51)


def test_classes_are_tested_under_the_policy_of_scores(finished):
    """For the features and for their difference to the baseline, in the order of the classes."""
    tests = finished.results["spin_test"]["per_class"]
    assert [(t["features"], t["baseline"]) for t in tests] == [
        ("stain", "coordinates"),
        ("stain", None),
    ]
    assert {t["rotation"] for t in tests} == {"mirrored"}
    pooled = finished.results["feature_sets"]
    of = {name: np.array(list(pooled[name]["per_class_f1"].values())) for name in pooled}
    np.testing.assert_allclose(tests[1]["observed"], of["stain"])
    np.testing.assert_allclose(tests[0]["observed"], of["stain"] - of["coordinates"])
    for test in tests:
        assert {len(test[name]) for name in ("p", "p_max", "null_low", "n_spins")} == {3}


def test_older_runs_can_be_read(copied):
    """Results without the newer keys have no other statistics, and all spins count."""
    path = copied / "results.json"
    results = read_json(path)
    for name in ("other_statistics", "per_class", "stopping"):
        del results["spin_test"][name]
    for test in results["spin_test"]["tests"]:
        for name in ("n_spins", "stopped", "complete", "tail", "p_max", "p_bh"):
            del test[name]
    nulls, others = outcome.read_nulls(copied, results)
    assert others == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [(len(n.null), n.complete, n.tail) for n in nulls] == [(6, True, None)] * 4
