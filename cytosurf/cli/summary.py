"""A run in the terminal: its scores, its primary p-values, and where its report is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from cytosurf.runs import NullRecord
    from cytosurf.workflow import Decoding


def print_summary(result: Decoding) -> None:
    """Print scores and primary p-values of a run, and where its report is."""
    from rich.console import Console

    record, console = result.record, Console()
    console.print(f"\n{record.results['target']}, {_vertices(record.results)}")
    console.print(_scores(record.results))
    for test in (*record.nulls, *record.other_nulls):
        if test.primary:
            console.print(_test_line(test), markup=False)
    for test in record.increment_nulls:
        added = f"{test.observed:+.3f} when added to {test.baseline}"
        console.print(_drawn_line(test, added), markup=False)
    for test in record.feature_nulls:
        console.print(_drawn_line(test, _beside(test)), markup=False)
    console.print(f"Report: {result.directory / 'report.html'}", soft_wrap=True)


def _vertices(results: dict[str, Any]) -> str:
    """Return how many vertices were tested, and of how many analysed if these are more."""
    n_analysed = results["n_vertices"]
    n_tested = results.get("n_vertices_tested", n_analysed)
    of_analysed = f" of {n_analysed:,} analysed" if n_tested != n_analysed else ""
    return f"{n_tested:,} vertices tested{of_analysed}"


def _scores(results: dict[str, Any]) -> Table:
    """Return one row of scores for each feature set."""
    from rich.table import Column, Table

    from cytosurf.report.formatting import mean_sd, n_tested, over_folds

    n_folds = max(n_tested(e["macro_f1"]["folds"]) for e in results["feature_sets"].values())
    narrow = over_folds(n_folds).replace(" over", "\nover")  # leaves room for names
    table = Table(
        Column("features", overflow="fold"),
        Column("columns", min_width=len("columns")),
        Column(f"macro-F1\n({narrow})", no_wrap=True),
        Column("pooled macro-F1\n(95 % CI)", no_wrap=True),
    )
    for name, entry in results["feature_sets"].items():
        score, interval = entry["macro_f1"], entry["ci95"]
        pooled = f"{entry['pooled_macro_f1']:.3f}"
        if interval:
            pooled += f" ({interval[0]:.3f} to {interval[1]:.3f})"
        columns = str(entry["n_features"])
        table.add_row(name, columns, mean_sd(score["mean"], score["sd"], n_folds), pooled)
    return table


def _test_line(test: NullRecord) -> str:
    """Return a spin test as one line."""
    name = test.statistic.removesuffix(" difference").replace("macro_f1", "macro-F1")
    score = f"{name} {test.observed:.3f}"
    if test.baseline:
        score = f"{name} {_beside(test)}"
    p = f"p = {test.p:.3g}"
    if test.tail and test.tail["p"] is not None:
        p += f", approximately {test.tail['p']:.1g} by its tail"
    if test.p_holm is not None:
        p += f", corrected {test.p_holm:.3g}"
    how = "" if test.complete else "; provisional, the run stopped for other tests"
    reached = f"{test.exceed} of {len(test.null)} {test.rotation} spins reach it"
    return f"{test.features}: {score}, {p} ({reached}{how})"


def _beside(test: NullRecord) -> str:
    """Return how far above its baseline a score is, or below."""
    side = "below" if test.observed < 0 else "above"
    return f"{abs(test.observed):.3f} {side} {test.baseline}"


def _drawn_line(test: NullRecord, difference: str) -> str:
    """Return a test by draws of the features as one line."""
    return (
        f"{test.features}: macro-F1 {difference}, "
        f"p = {test.p:.3g} ({test.exceed} of {len(test.null)} {test.rotation} {test.draws} of "
        "the features reach it)"
    )
