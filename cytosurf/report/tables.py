"""The tables of a run as pandas data frames: one row per feature set, class or test."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cytosurf.decoding import scores
from cytosurf.report.formatting import n_tested
from cytosurf.report.selection import feature_sets, matched_position, names_with_role, role

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord

_NAN = math.nan


def scores_table(record: RunRecord) -> pd.DataFrame:
    """Return the scores of every feature set.

    Parameters
    ----------
    record : RunRecord
        A finished run.

    Returns
    -------
    pandas.DataFrame
        One row per feature set, features first and the prior-only reference last. Macro-F1 is
        the mean and SD (ddof 0; NaN of a single fold) over folds, and pooled over folds with its
        95 % block-bootstrap interval; ``position_*`` is the position baseline of about the same
        number of columns; ``macro_f1_fold_*`` are the folds. Scores that the run does not have
        are NaN.
    """
    rows = []
    for name, entry in feature_sets(record).items():
        macro = entry["macro_f1"]
        low, high = entry.get("ci95") or (_NAN, _NAN)
        position = matched_position(record, name)
        beside = record.results["feature_sets"][position] if position else {}
        row = {
            "features": name,
            "role": role(record, name),
            "n_features": entry["n_features"],
            "macro_f1_mean": macro["mean"],
            "macro_f1_sd": _sd(macro),
            "pooled_macro_f1": entry.get("pooled_macro_f1", _NAN),
            "ci95_low": low,
            "ci95_high": high,
            "balanced_accuracy": _mean(entry.get("balanced_accuracy")),
            "mcc": _mean(entry.get("mcc")),
            "log_loss": _mean(entry.get("log_loss")),
            "position_set": position or "",
            "position_n_features": beside.get("n_features", _NAN),
            "position_macro_f1_mean": beside.get("macro_f1", {}).get("mean", _NAN),
            "position_macro_f1_sd": _sd(beside.get("macro_f1", {})),
        }
        values = _numbers(macro["folds"])
        folds = {f"macro_f1_fold_{i + 1}": value for i, value in enumerate(values)}
        rows.append(row | folds)
    return pd.DataFrame(rows)


def differences_table(record: RunRecord) -> pd.DataFrame:
    """Return the macro-F1 of features minus that of a baseline in the same fold.

    Parameters
    ----------
    record : RunRecord
        A finished run.

    Returns
    -------
    pandas.DataFrame
        One row per pair: each pair of the run's results, and each feature set against the
        position baseline of about the same number of columns. ``n_folds`` counts those that
        test a labelled vertex.
    """
    pairs = {
        (d["features"], d["baseline"]): _numbers(d["folds"])
        for d in record.results.get("differences") or []
    }
    for name in names_with_role(record, "features"):
        position = matched_position(record, name)
        if position and (name, position) not in pairs:
            pairs[name, position] = fold_differences(record, name, position)
    columns = ["features", "baseline", "mean", "sd", "n_folds_better", "n_folds"]
    rows = [
        {
            "features": features,
            "baseline": baseline,
            "mean": float(np.nanmean(folds)),
            "sd": float(np.nanstd(folds)) if n_tested(folds) > 1 else _NAN,
            "n_folds_better": int(np.sum(np.asarray(folds) > 0)),
            "n_folds": n_tested(folds),
        }
        | {f"fold_{i + 1}": value for i, value in enumerate(folds)}
        for (features, baseline), folds in pairs.items()
    ]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)


def fold_differences(record: RunRecord, features: str, baseline: str) -> list[float]:
    """Return the macro-F1 of one set minus that of another, fold by fold."""
    sets = record.results["feature_sets"]
    pairs = (_numbers(sets[name]["macro_f1"]["folds"]) for name in (features, baseline))
    return [a - b for a, b in zip(*pairs, strict=True)]


def per_class_table(record: RunRecord) -> pd.DataFrame:
    """Return how well each class is found, from the confusion counts pooled over folds.

    Parameters
    ----------
    record : RunRecord
        A finished run.

    Returns
    -------
    pandas.DataFrame
        One row per feature set and class, with the class's key, name, number of tested
        vertices, F1, precision (0 where the class is never predicted) and recall.
    """
    columns = ["features", "key", "name", "n_vertices", "f1", "precision", "recall"]
    parts = []
    for name in feature_sets(record):
        if name not in record.counts:
            continue
        counts = record.counts[name].sum(axis=0)
        hits, truth, predicted = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
        parts.append(
            pd.DataFrame(
                {
                    "features": name,
                    "key": np.asarray(record.labels),
                    "name": list(record.label_names),
                    "n_vertices": truth,
                    "f1": scores.per_class_f1(counts),
                    "precision": _ratio(hits, predicted),
                    "recall": _ratio(hits, truth),
                }
            )
        )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def confusion_table(record: RunRecord, name: str) -> pd.DataFrame:
    """Return the confusion counts of a feature set over all folds: rows truth, columns prediction.

    Parameters
    ----------
    record : RunRecord
        A finished run.
    name : str
        A feature set of the run.

    Returns
    -------
    pandas.DataFrame
        (K, K) vertices, labelled by class name.
    """
    counts = record.counts[name].sum(axis=0)
    names = list(record.label_names)
    return pd.DataFrame(counts, index=pd.Index(names, name="truth \\ prediction"), columns=names)


def _numbers(values: Iterable[float | None]) -> list[float]:
    """Return floats, NaN for what a JSON file holds as null."""
    return [_NAN if value is None else float(value) for value in values]


def _sd(score: Any) -> float:
    """Return the SD over folds; NaN where a single fold is tested, or none."""
    return float(score["sd"]) if n_tested(score.get("folds") or []) > 1 else _NAN


def _mean(score: Any) -> float:
    """Return the mean of a score that may be missing, a number, or a dict with ``mean``."""
    if isinstance(score, dict):
        score = score.get("mean")
    return _NAN if score is None else float(score)


def _ratio(part: Any, whole: Any) -> Any:
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)
