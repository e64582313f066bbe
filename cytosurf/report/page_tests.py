"""The tests of the page: spin tests, other statistics, classes, and what each test can conclude."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cytosurf.report.colours import display_name
from cytosurf.report.formatting import format_p, listed, number, rivals
from cytosurf.report.outcome_tables import (
    class_tests_table,
    feature_table,
    increment_table,
    spin_test_table,
)
from cytosurf.report.page_tables import PageTable
from cytosurf.report.selection import is_lenient, primary_pair

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord

_TAIL = "p_approximate"
_OPTIONAL = {"p (Holm)": "p_holm", "p (BH)": "p_bh", "p (max)": "p_max", "p (tail)": _TAIL}
_NOT_POSITION = (
    "that the features know more than position: rotated labels have lost position as well, and a "
    "fine description of position would pass"
)


def spin_tests(record: RunRecord) -> PageTable:
    """Return the spin tests of macro-F1, marking the rotation policy to quote for each."""
    return _tests(
        record,
        "spin-tests",
        "Spin tests. b of n spins reached the observed value; "
        f"{_p_formula(record)}; the interval is that of Clopper and Pearson for b of n. z and the "
        "effect size, (observed − null median)/(1 − null median), are descriptive.",
        default=True,
    )


def other_statistics(record: RunRecord) -> PageTable:
    """Return the spin tests of statistics that were asked for besides macro-F1."""
    return _tests(
        record,
        "other-statistics",
        "Other statistics of the same spins. Where one of them was chosen after its p was seen, "
        "that p is too small: macro-F1 is the statistic that was settled beforehand.",
        default=False,
    )


def class_tests(record: RunRecord) -> PageTable:
    """Return the F1 of each class of the primary features beside its null."""
    table = class_tests_table(record)
    features, _ = primary_pair(record)
    of = table[(table["features"] == features) & (table["baseline"] == "")].to_dict("records")
    rows = [
        (
            display_name(row["name"]),
            number(row["observed"]),
            number(row["null_median"]),
            _range(row["null_low"], row["null_high"]),
            _range(row["null_low_all"], row["null_high_all"]),
            f"{row['exceed']:,} of {row['n_spins']:,}",
            _p_or_dash(row["p"]),
            _p_or_dash(row["p_max"]),
        )
        for row in of
    ]
    rotation = of[0]["rotation"] if of else ""
    return PageTable(
        "class-tests",
        f"F1 of each class with {features} beside what {rotation} spins of the labels give. "
        "p (corrected): by the largest F1 of all classes, each on the scale of its own null. All "
        "feature sets and differences to baselines are in class_tests.tsv.",
        (
            *("Class", "F1", "Null median", "95 % of spins", "95 % in all classes at once"),
            *("Spins that reach it", "p", "p (corrected)"),
        ),
        tuple(rows),
        frozenset(i for i, row in enumerate(of) if row["p_max"] <= 0.05),
    )


def two_tests(record: RunRecord) -> PageTable:
    """Return draws of labels and of features: what each test asks, found and can conclude."""
    features, _ = primary_pair(record)
    rows = [_label_row(null, features) for null in record.nulls if _is_shown(null, features)]
    rows += [_increment_row(row) for row in increment_table(record).to_dict("records")]
    rows += [_alone_row(row) for row in feature_table(record).to_dict("records")]
    return PageTable(
        "two-tests",
        "Draws of the labels and draws of the features: two questions.",
        ("Test", "What is drawn", "Observed", "p", "A small p says", "It does not say"),
        tuple(rows),
        text_columns=frozenset({0, 1, 4, 5}),
    )


def spin_notes(record: RunRecord) -> list[str]:
    """Return what must be known of the spins: lost ones, early stops, provisional p-values."""
    spin_test: dict[str, Any] = record.results.get("spin_test") or {}
    notes = []
    untestable: dict[str, int] = spin_test.get("untestable") or {}
    lost = [f"{n:,} of {spin_test['n_spins']:,} {policy}" for policy, n in untestable.items() if n]
    if lost:
        notes.append(
            f"Untestable: {listed(lost)} spins left fewer than two classes in the region, or a "
            "fold without a labelled training vertex. They count as reaching the observed value in "
            "every test: they can make p larger, never smaller."
        )
    elif untestable:
        notes.append("Untestable spins: none. Every spin left something to decode.")
    unconverged: dict[str, int] = spin_test.get("unconverged") or {}
    ended = [f"{n:,} under {policy} rotations" for policy, n in unconverged.items() if n]
    if ended:
        notes.append(
            f"Fits that ended before their stopping rule was met: {listed(ended)}. Their scores "
            "are a little off the minimum."
        )
    stopping = spin_test.get("stopping")
    if stopping:
        notes.append(_stopping_note(spin_test["n_spins"], stopping))
    if any(not null.complete for null in record.nulls):
        notes.append(
            "A p that is marked as provisional belongs to a test that did not decide when the run "
            "stopped. For a final one run all spins: --stop-after-exceedances 0."
        )
    reasons = {_reason(null.tail["reason"]) for null in record.nulls if null.tail} - {""}
    if reasons:
        notes.append(f"Where there is no approximate p: {'; '.join(sorted(reasons))}.")
    return notes


def _reason(text: str | None) -> str:
    """Return why there is no approximate p, the same for all tests that spins reach often."""
    if text is None:
        return ""
    counted = "spins at or above it" in text
    return "ten or more spins reach the value, so counting is accurate enough" if counted else text


def tail_note(record: RunRecord) -> str:
    """Say how to read approximate p-values, where there are any."""
    tests = [*record.nulls, *record.other_nulls]
    if not any(null.tail and null.tail["p"] is not None for null in tests):
        return ""
    return (
        "p (tail) is approximate: it is read off a generalised Pareto distribution fitted to the "
        "largest spins, and says how rare the value is where counting can only say 'none of n'. It "
        "is an extrapolation and replaces no p. In brackets the goodness of the fit "
        "(Anderson-Darling); it says that the fit is not visibly wrong where there are spins."
    )


def _tests(record: RunRecord, name: str, caption: str, *, default: bool) -> PageTable:
    table = spin_test_table(record).to_dict("records")
    n_default = len(record.nulls)
    kept = table[:n_default] if default else table[n_default:]
    nulls = record.nulls if default else record.other_nulls
    quoted = [null.primary and not is_lenient(record, null) for null in nulls]
    shown = {
        header: column
        for header, column in _OPTIONAL.items()
        if any(not math.isnan(row[column]) for row in kept)
    }
    rows = [
        (
            f"{row['features']} − {row['baseline']}" if row["baseline"] else row["features"],
            row["statistic"].replace("macro_f1", "macro-F1"),
            row["rotation"] + (" (primary)" if is_quoted else ""),
            number(row["observed"]),
            number(row["null_median"]),
            f"{row['exceed']:,}",
            f"{row['n_spins']:,}",
            format_p(row["p"]) + ("" if row["complete"] else " (provisional)"),
            f"{format_p(row['p_ci95_low'])} to {format_p(row['p_ci95_high'])}",
            *(_p_or_dash(row[name]) if name != _TAIL else _tail(row) for name in shown.values()),
            number(row["z"], 2),
            number(row["effect_size"]),
        )
        for row, is_quoted in zip(kept, quoted, strict=True)
    ]
    return PageTable(
        name,
        caption,
        (
            *("Of what", "Statistic", "Rotations", "Observed", "Null median", "b", "n", "p"),
            *("95 % interval", *shown, "z", "Effect size"),
        ),
        tuple(rows),
        frozenset(i for i, is_quoted in enumerate(quoted) if is_quoted),
        frozenset({0, 1, 2}),
    )


def _p_formula(record: RunRecord) -> str:
    if any(null.stopped for null in record.nulls):
        return (
            "p = b/n where the test stopped at the last of them (its interval is the exact one for "
            "that way of sampling), else p = (b + 1)/(n + 1)"
        )
    return "p = (b + 1)/(n + 1)"


def _stopping_note(n_spins: int, stopping: dict[str, Any]) -> str:
    h, most = stopping["exceedances"], stopping["max_spins"]
    rule = (
        f"The run was to stop at exceedance {h:,} of the tests that it is about, or after {most:,} "
        "spins (Besag and Clifford's rule, decided in the order of the spins)."
    )
    if not stopping["stopped"]:
        return f"{rule} It did not stop early."
    return (
        f"{rule} It stopped after {n_spins:,}. p-values of classes and those corrected over "
        "feature sets need a number of spins that was settled beforehand, and are not given."
    )


def _is_shown(null: Any, features: str) -> bool:
    return bool(null.primary and null.features == features)


def _label_row(null: Any, features: str) -> tuple[str, ...]:
    if null.baseline:
        name = f"label spins: {features} − {null.baseline}"
        says = (
            f"the lead of {features} over {null.baseline} is larger than on equally smooth labels "
            "in wrong places"
        )
    else:
        name = f"label spins: {features}"
        says = f"{features} predicts these labels better than equally smooth labels in wrong places"
    what = f"the labels ({null.rotation}); features and position stay"
    return (
        name,
        what,
        number(null.observed),
        _p_of(null.p, null.exceed, len(null.null), complete=null.complete),
        says,
        _NOT_POSITION,
    )


def _increment_row(row: Mapping[Any, Any]) -> tuple[str, ...]:
    features, position = row["features"], row["position"]
    return (
        f"increment: {position} + {features} − {position}",
        *_drawn(row),
        f"{features} adds more to {position} than {rivals(row['null'])} add",
        f"that more columns of position ({row['n_position']} here) would not do as well",
    )


def _alone_row(row: Mapping[Any, Any]) -> tuple[str, ...]:
    features, position = row["features"], row["position"]
    says = f"{features} predicts these labels better than {rivals(row['null'])} do"
    return (
        f"features alone: {features} − {position}",
        *_drawn(row),
        f"{says}; {position} is only subtracted, on the same vertices",
        f"that {features} knows more than {position}: drawn features have lost position as well",
    )


def _drawn(row: Mapping[Any, Any]) -> tuple[str, str, str]:
    """Return what is drawn in a test by draws of the features, what was observed, and p."""
    moved = {"spins": "rotated", "surrogates": "made anew"}[row["null"]]
    return (
        f"{row['features']}, {moved} ({row['rotation']}); labels and {row['position']} stay",
        f"{number(row['observed'])} ({number(row['score'])} − {number(row['score_position'])})",
        _p_of(row["p"], row["exceed"], row["n_spins"], row["null"]),
    )


def _p_of(p: float, exceed: int, n: int, draws: str = "spins", *, complete: bool = True) -> str:
    provisional = "" if complete else ", provisional"
    return f"{format_p(p)} ({exceed:,} of {n:,} {draws}{provisional})"


def _tail(row: Mapping[Any, Any]) -> str:
    if math.isnan(row["p_approximate"]):
        return "–"
    return f"≈ {row['p_approximate']:.1e} (fit {format_p(row['p_of_fit'])})"


def _range(low: float, high: float) -> str:
    return "–" if math.isnan(low) else f"{number(low)} to {number(high)}"


def _p_or_dash(p: float) -> str:
    return "–" if math.isnan(p) else format_p(p)
