"""Charts of tests: the F1 of each class beside its null, and two kinds of spins side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cytosurf.report.colours import display_name
from cytosurf.report.figures import FEW_CLASSES, MOST_NAMED_CLASSES, clean, draw_nulls
from cytosurf.report.formatting import shorten
from cytosurf.report.outcome_tables import class_tests_table
from cytosurf.report.selection import primary_pair, primary_test

if TYPE_CHECKING:
    from cytosurf.runs.record import NullRecord, RunRecord

_WIDTH = 9.0
_BAND, _BAND_ALL, _MEDIAN = "#b9c2ca", "#dde2e7", "#6b7680"
_OBSERVED = "#c2350b"
_LEVEL = 0.05
_MOST_DRAWN = 3  # tests of a kind by draws of the features


def class_bands_figure(record: RunRecord) -> Figure:
    """Return the F1 of each class of the primary features beside its null band.

    On the left the score, on the right the difference to the baseline, where there is one. The wide
    bar holds 95 % of the spins of the class, the thin one 95 % of the spins in all classes at once;
    a filled point has a p, corrected over the classes, of at most 0.05. Above a hundred classes
    the rows have no names.
    """
    table = class_tests_table(record)
    features, baseline = primary_pair(record)
    of = table[table["features"] == features]
    score = of[of["baseline"] == ""].reset_index(drop=True)
    panels = [(f"F1 with {features}", score)]
    if baseline and (of["baseline"] == baseline).any():
        difference = of[of["baseline"] == baseline].reset_index(drop=True)
        panels.append((f"minus F1 with {baseline}", difference))
    order = score["observed"].sort_values(ascending=False, kind="stable").index
    named = len(order) <= MOST_NAMED_CLASSES
    pitch = 0.30 if len(order) <= FEW_CLASSES else 0.19 if named else 0.02
    figure = Figure(figsize=(_WIDTH, 1.3 + pitch * len(order)), layout="constrained")
    grid = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (title, rows) in zip(grid, panels, strict=True):
        _draw_bands(axes, rows.loc[order], small=not named)
        axes.set_xlabel(shorten(title, 56))
        clean(axes, grid="x")
    grid[0].set_ylim(len(order) - 0.4, -0.6)
    if named:
        names = [shorten(display_name(name), 40) for name in score.loc[order, "name"]]
        grid[0].set_yticks(range(len(order)), names, fontsize=8 if pitch > 0.2 else 6.5)
    else:
        grid[0].set_yticks([])
        grid[0].set_ylabel(f"{len(order)} classes, the best on top")
    if len(panels) > 1:
        grid[1].axvline(0, color="#888888", lw=0.8, zorder=0)
    figure.legend(handles=_legend(), loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    return figure


def two_tests_figure(record: RunRecord) -> Figure:
    """Return the nulls of the headline label-spin test and of tests by draws of the features.

    Side by side, each with its observed value: increments, then features on their own.
    """
    test = primary_test(record)
    panels = [] if test is None else [("labels spun", _difference(test), test)]
    moved = {"spins": "features spun", "surrogates": "features made anew"}
    increments = [(n, f"{n.baseline} + {_difference(n)}") for n in record.increment_nulls]
    alone = [(n, _difference(n)) for n in record.feature_nulls]
    drawn = [*increments[:_MOST_DRAWN], *alone[:_MOST_DRAWN]]
    panels += [(moved[null.draws], title, null) for null, title in drawn]
    columns = min(2, len(panels))
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(_WIDTH, 2.5 * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (what, title, null) in zip(grid, panels, strict=False):
        draw_nulls(axes, [null])
        axes.set_title(f"{what}: {shorten(title, 46)}", fontsize=9, loc="left", pad=27)
        axes.set_xlabel("difference in macro-F1" if null.baseline else "macro-F1", fontsize=8)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    return figure


def _difference(null: NullRecord) -> str:
    return f"{null.features} − {null.baseline}" if null.baseline else null.features


def _draw_bands(axes: Axes, rows: pd.DataFrame, *, small: bool) -> None:
    y = np.arange(len(rows))
    wide, thin, size = (1.4, 1.0, 4) if small else (7.0, 2.2, 34)
    axes.hlines(y, rows["null_low_all"], rows["null_high_all"], color=_BAND_ALL, lw=thin, zorder=1)
    axes.hlines(y, rows["null_low"], rows["null_high"], color=_BAND, lw=wide, zorder=2)
    if not small:
        axes.scatter(rows["null_median"], y, marker="|", s=40, color=_MEDIAN, zorder=3)
    found = (rows["p_max"] <= _LEVEL).to_numpy()
    face = np.where(found, _OBSERVED, "white")
    axes.scatter(
        rows["observed"], y, s=size, color=face, edgecolor=_OBSERVED, linewidth=1.1, zorder=4
    )


def _legend() -> list[Line2D | Patch]:
    def point(colour: str, label: str) -> Line2D:
        return Line2D(
            [], [], marker="o", ls="", color=colour, markeredgecolor=_OBSERVED, label=label
        )

    return [
        Patch(color=_BAND, label="95 % of spins"),
        Patch(color=_BAND_ALL, label="95 % in all classes at once"),
        Line2D([], [], marker="|", ls="", color=_MEDIAN, label="null median"),
        point(_OBSERVED, "observed, corrected p ≤ 0.05"),
        point("white", "observed"),
    ]
