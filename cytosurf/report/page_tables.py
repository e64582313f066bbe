"""The tables of the page: data frames as headers and cells of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cytosurf.report.colours import display_name
from cytosurf.report.formatting import interval, mean_sd, n_tested, number
from cytosurf.report.selection import detailed_sets, feature_sets, primary_pair
from cytosurf.report.tables import (
    differences_table,
    per_class_table,
    scores_table,
)

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord

_WIDEST = 6  # feature sets side by side, so that a table fits on a printed page


@dataclass(frozen=True)
class PageTable:
    """A table of the page.

    Parameters
    ----------
    name : str
        Identifier in the page.
    caption : str
        What it shows.
    headers : tuple of str
        One per column.
    rows : tuple of tuple of str
        Text of the cells; the first of each row is its heading.
    marked : frozenset of int
        Rows to stress.
    text_columns : frozenset of int
        Columns that hold words rather than numbers.
    """

    name: str
    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    text_columns: frozenset[int] = frozenset({0})


def scores(record: RunRecord) -> PageTable:
    """Return the scores of all feature sets, position of the same size beside each."""
    table = scores_table(record).to_dict("records")
    features, _ = primary_pair(record)
    rows = []
    for row in table:
        position = "–"
        if row["position_set"]:
            beside = _mean_sd(row["position_macro_f1_mean"], row["position_macro_f1_sd"])
            position = f"{row['position_set']}: {beside}"
        rows.append(
            (
                row["features"],
                row["role"],
                str(row["n_features"]),
                _mean_sd(row["macro_f1_mean"], row["macro_f1_sd"]),
                position,
                number(row["pooled_macro_f1"]),
                interval(row["ci95_low"], row["ci95_high"]),
                number(row["balanced_accuracy"]),
                number(row["mcc"]),
                number(row["log_loss"]),
            )
        )
    return PageTable(
        "scores",
        f"Scores on held-out cortex. Macro-F1: {_over_folds(record)}.",
        (
            *("Feature set", "Role", "Columns", "Macro-F1", "Position of about the same size"),
            *("Pooled macro-F1", "95 % interval", "Balanced accuracy", "MCC", "Log-loss"),
        ),
        tuple(rows),
        frozenset(i for i, row in enumerate(table) if row["features"] == features),
        frozenset({0, 1, 4}),
    )


def differences(record: RunRecord) -> PageTable:
    """Return the paired differences in macro-F1, fold by fold."""
    table = differences_table(record)
    folds = [c for c in table.columns if c.startswith("fold_")]
    pair = primary_pair(record)
    rows = [
        (
            row["features"],
            row["baseline"],
            _mean_sd(row["mean"], row["sd"]),
            f"{row['n_folds_better']} of {row['n_folds']}",
            *(number(row[fold]) for fold in folds),
        )
        for row in table.to_dict("records")
    ]
    return PageTable(
        "differences",
        "Macro-F1 of the features minus that of the other set in the same fold.",
        (
            *("Features", "minus", "Mean ± SD" if len(folds) > 1 else "Difference", "Folds ahead"),
            *(fold.replace("_", " ") for fold in folds),
        ),
        tuple(rows),
        frozenset(i for i, row in enumerate(rows) if row[:2] == pair),
        frozenset({0, 1}),
    )


def per_class(record: RunRecord) -> PageTable:
    """Return the pooled F1 of every class for every feature set."""
    table = per_class_table(record)
    there = [name for name in feature_sets(record) if name in record.counts]
    shown = there if len(there) <= _WIDEST else detailed_sets(record, _WIDEST)
    others = "" if shown == there else f" All {len(there)} feature sets are in per_class.tsv."
    scores_of = {(row["key"], row["features"]): row["f1"] for row in table.to_dict("records")}
    first = table[table["features"] == shown[0]].to_dict("records")
    rows = [
        (
            display_name(row["name"]),
            str(row["key"]),
            f"{row['n_vertices']:,}",
            *(number(scores_of[row["key"], name]) for name in shown),
        )
        for row in first
    ]
    return PageTable(
        "per-class",
        f"F1 of each class, pooled over folds.{others}",
        ("Class", "Key", "Tested vertices", *shown),
        tuple(rows),
    )


def sources(record: RunRecord) -> PageTable:
    """Return the data sources with their licences and citations."""
    words = {True: "yes", False: "no", None: "unknown"}
    rows = tuple(
        (
            source.get("title") or source.get("name", ""),
            source.get("licence") or "unknown",
            words[source.get("commercial_use")],
            "\n".join(source.get("citations") or []) or "–",
            source.get("homepage") or "–",
        )
        for source in record.info.get("sources") or []
    )
    return PageTable(
        "sources",
        "Data sources. Cite them, and keep to their licences.",
        ("Source", "Licence", "Commercial use", "Please cite", "Home page"),
        rows,
        text_columns=frozenset(range(5)),
    )


def inputs(record: RunRecord) -> PageTable:
    """Return the inputs with their checksums."""
    rows = tuple((name, digest) for name, digest in (record.info.get("inputs") or {}).items())
    return PageTable(
        "inputs",
        "Content of the inputs.",
        ("Input", "SHA-256"),
        rows,
        text_columns=frozenset({0, 1}),
    )


def variants(record: RunRecord) -> PageTable:
    """Return the mean macro-F1 with other fold seeds and superblocks, where the run has it."""
    names = list(feature_sets(record))
    rows = []
    for group, what in (("repeats", "fold seed"), ("block_sweep", "superblocks per hemisphere:")):
        for key, means in (record.results.get(group) or {}).items():
            values = (means.get(name) for name in names)
            texts = ("–" if value is None else number(value) for value in values)
            rows.append((f"{what} {key}", *texts))
    caption = "Mean macro-F1 with other folds."
    return PageTable("variants", caption, ("Folds", *names), tuple(rows))


def facts(name: str, caption: str, pairs: Sequence[tuple[str, Any]]) -> PageTable:
    """Return a table of names and values, leaving out what is empty."""
    rows = tuple((key, str(value)) for key, value in pairs if value not in (None, "", [], {}))
    return PageTable(name, caption, ("What", "Value"), rows, text_columns=frozenset({0, 1}))


def _over_folds(record: RunRecord) -> str:
    n_folds = max(n_tested(s["macro_f1"]["folds"]) for s in feature_sets(record).values())
    return "mean ± SD (ddof 0) over folds" if n_folds > 1 else "one fold, so there is no SD"


def _mean_sd(mean: float, sd: float) -> str:
    return mean_sd(mean, sd, 1 if math.isnan(sd) else 2).replace(" ", "\u00a0")
