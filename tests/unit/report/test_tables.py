"""The tables that are saved with a run."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from cytosurf.report import (
    confusion_table,
    differences_table,
    per_class_table,
    scores_table,
    spin_test_table,
)
from tests.unit.report.records import one_fold, toy_record


def test_scores_have_position_of_the_same_size_beside_them(record):
    """One row per set; the matched baseline's score stands in the row of the features."""
    table = scores_table(record).set_index("features")
    sets = record.results["feature_sets"]
    assert list(table.index) == ["stain", "coordinates", "harmonics:8", "prior"]
    assert table.loc["stain", "position_set"] == "harmonics:8"
    expected = sets["harmonics:8"]["macro_f1"]["mean"]
    assert table.loc["stain", "position_macro_f1_mean"] == expected
    assert table.loc["coordinates", "position_set"] == ""
    assert table.loc["stain", "ci95_high"] == sets["stain"]["ci95"][1]
    assert np.isnan(table.loc["prior", "ci95_low"])
    folds = table.loc["stain", [f"macro_f1_fold_{i}" for i in range(1, 6)]]
    assert folds.tolist() == sets["stain"]["macro_f1"]["folds"]


def test_scores_that_a_run_lacks_are_nan(record):
    """Only the contract's keys are required."""
    sets = {
        name: {key: entry[key] for key in ("n_features", "macro_f1")}
        for name, entry in record.results["feature_sets"].items()
    }
    table = scores_table(replace(record, results=record.results | {"feature_sets": sets}))
    assert table[["pooled_macro_f1", "ci95_low", "mcc", "log_loss"]].isna().all(axis=None)
    assert table["macro_f1_mean"].notna().all()


def test_a_fold_without_test_vertices_is_nan(record):
    """JSON has null where nothing was tested."""
    sets = record.results["feature_sets"]
    macro = sets["stain"]["macro_f1"]
    broken = macro | {"folds": [None, *macro["folds"][1:]]}
    sets = sets | {"stain": sets["stain"] | {"macro_f1": broken}}
    record = replace(record, results=record.results | {"feature_sets": sets, "differences": []})
    assert np.isnan(scores_table(record).loc[0, "macro_f1_fold_1"])
    row = differences_table(record).iloc[0]
    assert np.isnan(row["fold_1"])
    assert np.isfinite(row["mean"])
    assert row["n_folds"] == 4


def test_differences_are_paired_within_folds(record):
    """Each feature set against its baselines and against position of the same size."""
    table = differences_table(record)
    assert list(zip(table["features"], table["baseline"], strict=True)) == [
        ("stain", "coordinates"),
        ("stain", "harmonics:8"),
    ]
    sets = record.results["feature_sets"]
    folds = [np.array(sets[n]["macro_f1"]["folds"]) for n in ("stain", "harmonics:8")]
    row = table.iloc[1]
    assert row["mean"] == pytest.approx((folds[0] - folds[1]).mean())
    assert row["sd"] == pytest.approx((folds[0] - folds[1]).std())
    assert row["n_folds_better"] == (folds[0] > folds[1]).sum()


def test_a_run_without_baseline_has_an_empty_table_of_differences(record):
    """No pairs, no rows, but the columns."""
    only = {"stain": record.results["feature_sets"]["stain"] | {"matched_position": None}}
    record = replace(record, results=record.results | {"feature_sets": only, "differences": []})
    assert len(differences_table(record)) == 0
    assert "mean" in differences_table(record)


def test_per_class_scores_equal_those_of_scikit_learn(record):
    """F1, precision and recall of the pooled held-out prediction."""
    table = per_class_table(record)
    analysed = record.truth > 0
    for name, prediction in record.prediction.items():
        rows = table[table["features"] == name]
        pair = (record.truth[analysed], prediction[analysed])
        for column, score in (
            ("f1", f1_score),
            ("precision", precision_score),
            ("recall", recall_score),
        ):
            expected = score(*pair, labels=record.labels, average=None, zero_division=0)
            np.testing.assert_allclose(rows[column], expected)
        assert rows["n_vertices"].tolist() == [(record.truth == key).sum() for key in record.labels]
        assert rows["name"].tolist() == record.label_names


def test_a_class_that_is_never_predicted_scores_zero(tmp_path):
    """Nothing is divided by zero."""
    record = toy_record(tmp_path)
    counts = record.counts["stain"].copy()
    counts[:, :, 1] = 0
    row = per_class_table(replace(record, counts={"stain": counts})).iloc[1]
    assert (row["f1"], row["precision"], row["recall"]) == (0, 0, 0)


def test_spin_tests_keep_their_counts_and_describe_the_null(record):
    """p, b and n as the run has them; median, z and effect size from the null."""
    table = spin_test_table(record)
    assert len(table) == 4
    for row, null in zip(table.to_dict("records"), record.nulls, strict=True):
        assert row["p"] == null.p == (row["exceed"] + 1) / (row["n_spins"] + 1)
        assert row["null_median"] == np.median(null.null)
        assert row["z"] == pytest.approx((null.observed - null.null.mean()) / null.null.std())
        assert np.isnan(row["p_holm"])
        if null.baseline:
            assert np.isnan(row["effect_size"])
        else:
            expected = (null.observed - np.median(null.null)) / (1 - np.median(null.null))
            assert row["effect_size"] == pytest.approx(expected)
    assert table["primary"].tolist() == [True, False, True, False]


def test_without_spins_the_table_is_empty_but_has_its_columns(tmp_path):
    """A saved spin_test.tsv always has a header."""
    table = spin_test_table(toy_record(tmp_path, spins=False))
    assert len(table) == 0
    assert {"features", "p", "p_holm", "effect_size"} <= set(table.columns)


def test_confusion_counts_are_named_and_complete(record):
    """Rows truth, columns prediction, all folds together."""
    table = confusion_table(record, "stain")
    assert table.to_numpy().sum() == (record.truth > 0).sum()
    assert list(table.columns) == list(table.index) == record.label_names
    expected = ((record.truth == 3) & (record.prediction["stain"] == 6)).sum()
    assert table.loc["class 1", "class 2"] == expected


def test_spins_that_could_not_be_tested_count_but_have_no_score(record):
    """NaN in a null is left out of median and SD, and stays among the spins; all may be NaN."""
    test = record.nulls[0]
    null = np.concatenate([test.null[1:], [np.nan]])
    table, empty = (
        spin_test_table(replace(record, nulls=[replace(test, null=values)])).iloc[0]
        for values in (null, np.full(3, np.nan))
    )
    assert table["n_spins"] == len(null)
    assert table["null_median"] == np.median(null[:-1])
    assert table["null_sd"] == np.std(null[:-1])
    assert empty["n_spins"] == 3
    assert np.isnan(empty[["null_median", "null_sd", "z"]].astype(float)).all()


def test_one_fold_has_no_sd(record):
    """The SD of a single fold is no number, in scores, position and differences."""
    single = one_fold(record)
    scores = scores_table(single)
    assert scores["macro_f1_sd"].isna().all()
    assert scores["position_macro_f1_sd"].isna().all()
    assert differences_table(single)["sd"].isna().all()
    assert scores["macro_f1_mean"].notna().all()
