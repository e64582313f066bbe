"""The tests of a run as pandas data frames: spin tests, classes beside their nulls, increments."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from cytosurf.runs.record import NullRecord, RunRecord

_NAN = math.nan
_SPIN_COLUMNS = (
    *("features", "baseline", "statistic", "rotation", "primary", "observed", "exceed", "n_spins"),
    *("p", "p_ci95_low", "p_ci95_high", "p_max", "p_holm", "p_bh"),
    *("null_median", "null_sd", "z", "effect_size"),
    *("stopped", "complete", "p_approximate", "p_of_fit"),
)
_CLASS_VALUES = (
    *("observed", "null_median", "null_low", "null_high", "null_low_all", "null_high_all"),
    *("exceed", "n_spins", "p", "p_max"),
)
_INCREMENT_COLUMNS = (
    *("features", "position", "statistic", "rotation", "null"),
    *("score", "score_position", "observed"),
    *("exceed", "n_spins", "p", "p_ci95_low", "p_ci95_high", "untestable"),
    *("n_features", "n_position", "n_vertices", "kept_mean", "kept_min", "seed"),
)


def spin_test_table(record: RunRecord) -> pd.DataFrame:
    """Return the spin tests of a run.

    Parameters
    ----------
    record : RunRecord
        A finished run; without spins the table is empty.

    Returns
    -------
    pandas.DataFrame
        One row per statistic and rotation policy, those of macro-F1 before other statistics that
        were asked for; ``primary`` says which policy to quote.
        ``p = (exceed + 1) / (n_spins + 1)``, or ``exceed / n_spins`` where the test ``stopped``
        early; it is provisional where it is not ``complete``. ``p_ci95_*`` is the Clopper-Pearson
        interval of ``exceed`` out of ``n_spins``. ``z`` is descriptive only, and ``effect_size``,
        (observed - null median) / (1 - null median), is given for scores, not for differences.
        ``p_approximate`` is read off a generalised Pareto tail, if that was asked for, with
        ``p_of_fit`` the goodness of its fit (Anderson-Darling).
    """
    rows = [_spin_row(null) for null in (*record.nulls, *record.other_nulls)]
    return pd.DataFrame(rows, columns=list(_SPIN_COLUMNS))


def class_tests_table(record: RunRecord) -> pd.DataFrame:
    """Return the F1 of each class beside its null distribution.

    Parameters
    ----------
    record : RunRecord
        A finished run; without spins the table is empty.

    Returns
    -------
    pandas.DataFrame
        One row per feature set (and difference to a baseline) and class. ``null_low`` and
        ``null_high`` hold 95 % of the spins of the class, ``null_low_all`` and ``null_high_all``
        95 % of the spins in all classes at once. ``p`` is that of the class on its own, ``p_max``
        is corrected over the classes by the maximum of their F1, each on the scale of its null.
        NaN where a class was not tested, or where the run stopped early (p). A band of all classes
        ends where an F1, or a difference of two, must.
    """
    parts = [
        pd.DataFrame(
            {
                "features": test["features"],
                "baseline": test["baseline"] or "",
                "rotation": test["rotation"],
                "key": [entry["key"] for entry in record.results["classes"]],
                "name": list(record.label_names),
                **{name: _numbers(test[name]) for name in _CLASS_VALUES},
            }
        )
        for test in (record.results.get("spin_test") or {}).get("per_class", [])
    ]
    columns = ["features", "baseline", "rotation", "key", "name", *_CLASS_VALUES]
    if not parts:
        return pd.DataFrame(columns=columns)
    table = pd.concat(parts, ignore_index=True)
    least = np.where(table["baseline"] == "", 0.0, -1.0)
    table["null_low_all"] = np.maximum(table["null_low_all"], least)
    table["null_high_all"] = np.minimum(table["null_high_all"], 1.0)
    return table


def increment_table(record: RunRecord) -> pd.DataFrame:
    """Return the increment tests of a run.

    Parameters
    ----------
    record : RunRecord
        A finished run; the table is empty where no increment test was made.

    Returns
    -------
    pandas.DataFrame
        One row per test: macro-F1 of position and features (``score``), of position alone, their
        difference (``observed``), and how many draws of the features (``null``: spins or
        surrogates) reach it.
    """
    return _drawn(record, "increment_tests")


def feature_table(record: RunRecord) -> pd.DataFrame:
    """Return the tests of features on their own by draws of the features.

    Parameters
    ----------
    record : RunRecord
        A finished run; the table is empty where no such test was made.

    Returns
    -------
    pandas.DataFrame
        As of `increment_table`, where ``score`` is that of the features without position.
    """
    return _drawn(record, "feature_tests")


def _drawn(record: RunRecord, key: str) -> pd.DataFrame:
    """Return tests in which the features are drawn."""
    rows = []
    for test in record.results.get(key) or []:
        low, high = test["p_ci95"]
        kept = {"kept_mean": test["kept"]["mean"], "kept_min": test["kept"]["min"]}
        rows.append(test | kept | {"p_ci95_low": low, "p_ci95_high": high})
    return pd.DataFrame(rows, columns=list(_INCREMENT_COLUMNS))


def _spin_row(null: NullRecord) -> dict[str, Any]:
    values = null.tested if len(null.tested) else np.array([_NAN])
    median, spread = float(np.median(values)), float(np.std(values))
    tail = null.tail or {}
    return {
        "features": null.features,
        "baseline": null.baseline or "",
        "statistic": null.statistic,
        "rotation": null.rotation,
        "primary": bool(null.primary),
        "observed": null.observed,
        "exceed": null.exceed,
        "n_spins": len(null.null),
        "p": null.p,
        "p_ci95_low": null.p_ci95[0],
        "p_ci95_high": null.p_ci95[1],
        "p_max": _number(null.p_max),
        "p_holm": _number(null.p_holm),
        "p_bh": _number(null.p_bh),
        "null_median": median,
        "null_sd": spread,
        "z": (null.observed - float(values.mean())) / spread if spread > 0 else _NAN,
        "effect_size": _NAN if null.baseline else (null.observed - median) / (1 - median),
        "stopped": null.stopped,
        "complete": null.complete,
        "p_approximate": _number(tail.get("p")),
        "p_of_fit": _number(tail.get("fit_p")),
    }


def _number(value: float | None) -> float:
    return _NAN if value is None else float(value)


def _numbers(values: list[float | None]) -> list[float]:
    """Return floats, NaN for what a JSON file holds as null; whole numbers stay whole."""
    return [_NAN if value is None else value for value in values]
