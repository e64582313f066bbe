"""The charts of a report, each a function from a run to a matplotlib figure.

All are made with `matplotlib.figure.Figure`, never with pyplot, so that they need no display,
leave no state behind and can be used in a notebook or a paper as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from cytosurf.report.colours import ROLE_COLOURS, display_name
from cytosurf.report.formatting import format_p, shorten
from cytosurf.report.selection import (
    detailed_sets,
    feature_sets,
    joined_sets,
    primary_test,
    role,
)
from cytosurf.report.tables import per_class_table

if TYPE_CHECKING:
    from cytosurf.runs.record import NullRecord, RunRecord

_WIDTH = 9.0  # inches: the text width of the page
ROTATION_COLOURS = {"mirrored": "#0b5fa5", "independent": "#d1761a"}
_MARKERS = ("o", "s", "D", "^", "v", "P")
_SPARE_COLOURS = ("#2a9d8f", "#7db8e0", "#a63d57", "#6b8e23")
_INK = "#222222"
_FAINT = "#e4e4e4"
MOST_NAMED_CLASSES = 100  # above, charts do not name classes
FEW_CLASSES = 20  # up to here a confusion matrix shows percentages in its cells
VERY_FEW_CLASSES = 10  # and up to here also counts


def folds_figure(record: RunRecord) -> Figure:
    """Return the macro-F1 of every fold for every feature set; lines join a fold (`joined_sets`).

    The vertical bar is the mean over folds; the diamond below each row is the pooled macro-F1
    with its 95 % block-bootstrap interval.
    """
    sets = feature_sets(record)
    figure = Figure(figsize=(_WIDTH, 0.9 + 0.52 * len(sets)), layout="constrained")
    axes = figure.subplots()
    rows = np.arange(len(sets))
    folds = np.array([s["macro_f1"]["folds"] for s in sets.values()], dtype=float)
    joined = joined_sets(record)
    if joined:
        in_order = [list(sets).index(name) for name in joined]
        axes.plot(folds[in_order], rows[in_order], color="#bbbbbb", lw=0.8, zorder=1)
    for row, (name, scores) in enumerate(sets.items()):
        colour = ROLE_COLOURS[role(record, name)]
        mean = scores["macro_f1"]["mean"]
        axes.scatter(folds[row], np.full(folds.shape[1], row), s=26, color=colour, zorder=3)
        axes.plot([mean, mean], [row - 0.22, row + 0.22], color=colour, lw=2.5, zorder=2)
        if "pooled_macro_f1" in scores:
            y = row + 0.33
            if scores.get("ci95"):
                axes.plot(scores["ci95"], [y, y], color=_INK, lw=1.2, zorder=3)
            axes.scatter(scores["pooled_macro_f1"], y, marker="D", s=15, color=_INK, zorder=4)
    labels = [f"{name} ({s['n_features']})" for name, s in sets.items()]
    axes.set_yticks(rows, labels)
    axes.set_ylim(len(sets) - 0.4, -0.6)
    axes.set_xlabel("macro-F1 on held-out cortex")
    clean(axes, grid="x")
    roles = dict.fromkeys(role(record, name) for name in sets)
    handles = [Line2D([], [], marker="o", ls="", color=ROLE_COLOURS[r], label=r) for r in roles]
    if joined:
        handles.append(Line2D([], [], color="#bbbbbb", lw=1, label="same fold"))
    pooled = Line2D([], [], marker="D", ms=4, color=_INK, lw=1.2, label="pooled, 95 % interval")
    handles.append(pooled)
    figure.legend(handles=handles, loc="outside upper center", ncols=6, frameon=False, fontsize=8)
    return figure


def nulls_figure(record: RunRecord) -> Figure:
    """Return the null distribution of each statistic under each rotation policy.

    One panel per statistic, that of the primary test first and in bold; the line is the observed
    value.
    """
    test = primary_test(record)
    headline = (test.features, test.baseline) if test else None
    panels: dict[tuple[str, str | None], list[NullRecord]] = {}
    for null in sorted(record.nulls, key=lambda n: (n.features, n.baseline) != headline):
        panels.setdefault((null.features, null.baseline), []).append(null)
    columns = min(2, len(panels))
    lines = -(-len(panels) // max(columns, 1))
    figure = Figure(figsize=(_WIDTH, (2.5 if lines < 4 else 2.0) * lines), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes in grid.ravel()[len(panels) :]:
        axes.set_axis_off()
    for axes, ((features, baseline), nulls) in zip(grid.ravel(), panels.items(), strict=False):
        draw_nulls(axes, nulls)
        title = f"{features} − {baseline}" if baseline else features
        axes.set_title(
            shorten(title, 52),
            fontsize=9,
            loc="left",
            pad=27,
            weight="bold" if (features, baseline) == headline else "normal",
        )
        axes.set_xlabel("difference in macro-F1" if baseline else "macro-F1", fontsize=8)
    return figure


def per_class_figure(record: RunRecord, limit: int = 4) -> Figure:
    """Return the pooled F1 of each class, sorted, for up to `limit` feature sets.

    Above a hundred classes the rows have no names.
    """
    table = per_class_table(record)
    shown = detailed_sets(record, limit)
    scores = table.pivot_table(index="key", columns="features", values="f1", sort=False)
    classes = table.drop_duplicates("key").set_index("key")
    order = scores[shown[0]].sort_values(ascending=False, kind="stable").index
    values = scores.loc[order, shown].to_numpy()
    n = len(order)
    named = n <= MOST_NAMED_CLASSES
    pitch = 0.30 if n <= FEW_CLASSES else 0.19 if named else 0.02
    figure = Figure(figsize=(_WIDTH, 1.0 + pitch * n), layout="constrained")
    axes = figure.subplots()
    _draw_class_points(axes, record, shown, values, size=1.0 if named else 0.3)
    if named:
        names = [
            f"{shorten(display_name(row['name']), 44)}  ({row['n_vertices']:,})"
            for row in classes.loc[order].to_dict("records")
        ]
        axes.set_yticks(np.arange(n), names, fontsize=8 if n <= FEW_CLASSES else 6.5)
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{n} classes, the best on top")
    axes.set_ylim(n - 0.4, -0.6)
    axes.set_xlim(-0.02, min(1.0, float(values.max()) * 1.05 + 0.05))
    brackets = " (in brackets: vertices)" if named else ""
    axes.set_xlabel(f"F1 of the class, pooled over folds{brackets}")
    clean(axes, grid="both")
    handles, texts = axes.get_legend_handles_labels()
    figure.legend(
        handles[::-1],
        texts[::-1],
        loc="outside upper center",
        ncols=limit,
        frameon=False,
        fontsize=8,
    )
    return figure


def _draw_class_points(
    axes: Axes,
    record: RunRecord,
    shown: Sequence[str],
    values: npt.NDArray[np.floating],
    *,
    size: float,
) -> None:
    """Draw a row of points for each class, (n_classes, n_sets), the first set on top of others."""
    rows = np.arange(len(values))
    palette = _set_colours([role(record, name) for name in shown])
    axes.hlines(rows, values.min(axis=1), values.max(axis=1), color="#cccccc", lw=1, zorder=1)
    for column, name in reversed(list(enumerate(shown))):
        axes.scatter(
            values[:, column],
            rows,
            s=(34 if column == 0 else 24) * size,
            marker=_MARKERS[column % len(_MARKERS)],
            color=palette[column],
            edgecolor="white",
            linewidth=0.5,
            label=name,
            zorder=4 - column / 10,
        )


def confusion_figure(record: RunRecord, name: str) -> Figure:
    """Return the confusion matrix of a feature set: each row is a true class and adds up to 1.

    Classes stand in the order of the labels; above 20 classes the columns are numbered like the
    rows. Up to 20 classes the cells show percentages, up to 10 also the number of vertices.
    Above a hundred classes there are no names.
    """
    counts = record.counts[name].sum(axis=0)
    k = len(counts)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = _WIDTH * (0.72 if k <= VERY_FEW_CLASSES else 1.0)
    figure = Figure(
        figsize=(side, side * (0.86 if k <= FEW_CLASSES else 0.74)), layout="constrained"
    )
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=share.max() or 1, interpolation="nearest")
    _name_classes(axes, record.label_names, counts.sum(axis=1))
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true (vertices tested)" if k <= MOST_NAMED_CLASSES else "true")
    axes.set_title(name, fontsize=10, loc="left", weight="bold")
    if k <= FEW_CLASSES:
        _write_cells(axes, share, counts)
    bar = figure.colorbar(image, ax=axes, shrink=0.5, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=7, length=2)
    bar.set_label("share of the true class", fontsize=8)
    return figure


def _set_colours(roles: Sequence[str]) -> list[str]:
    """Return a colour for each feature set: that of its role, another one when that is taken."""
    spare = iter(_SPARE_COLOURS * len(roles))
    colours: list[str] = []
    for name in roles:
        colour = ROLE_COLOURS[name]
        colours.append(next(spare) if colour in colours else colour)
    return colours


def draw_nulls(axes: Axes, nulls: Sequence[NullRecord]) -> None:
    """Draw the histograms of one statistic over common bins, and the observed value."""
    observed = nulls[0].observed
    everything = np.concatenate([[observed], *(n.tested for n in nulls)])
    low, high = everything.min(), everything.max()
    n_bins = int(np.clip(np.sqrt(len(nulls[0].null)) * 2.5, 10, 60))
    edges = np.linspace(low, high if high > low else low + 1e-6, n_bins + 1)
    for null in nulls:
        colour = ROTATION_COLOURS.get(null.rotation, _INK)
        label = f"{null.rotation}{' (primary)' if null.primary else ''}: p = {format_p(null.p)}"
        axes.hist(null.tested, edges.tolist(), color=colour, alpha=0.22, histtype="stepfilled")
        axes.hist(null.tested, edges.tolist(), color=colour, lw=1.3, histtype="step", label=label)
    axes.axvline(observed, color="#c2350b", lw=2, label=f"observed: {observed:.3f}")
    axes.margins(x=0.03)
    axes.set_ylabel(nulls[0].draws, fontsize=8)
    axes.tick_params(labelsize=8)
    legend = axes.legend(
        *axes.get_legend_handles_labels(),
        fontsize=7,
        frameon=False,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2,
        handlelength=1.2,
        columnspacing=1.0,
        borderaxespad=0.1,
    )
    legend.set_in_layout(False)
    clean(axes)


def _name_classes(axes: Axes, names: Sequence[str], n_vertices: npt.NDArray[np.int64]) -> None:
    """Label the rows and columns of a confusion matrix, as far as there is room."""
    k = len(names)
    few = k <= FEW_CLASSES
    if k > MOST_NAMED_CLASSES:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    size = 8 if few else 6.5
    short = [shorten(display_name(name), 30) for name in names]
    rows = [f"{name} ({int(n):,})" for name, n in zip(short, n_vertices, strict=True)]
    if few:
        axes.set_xticks(range(k), short, fontsize=size, rotation=40)
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor", va="center")
    else:
        rows = [f"{name}  {i + 1}" for i, name in enumerate(rows)]
        axes.set_xticks(range(k), [str(i + 1) for i in range(k)], fontsize=size, rotation=90)
    axes.set_yticks(range(k), rows, fontsize=size)
    axes.set_xticks(np.arange(k + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(k + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white" if few else "#f2f2f2", lw=0.6 if few else 0.3)


def _write_cells(axes: Axes, share: np.ndarray, counts: np.ndarray) -> None:
    """Write percentages (and counts, if there is room) into the cells of a confusion matrix."""
    with_counts = len(share) <= VERY_FEW_CLASSES
    for (i, j), value in np.ndenumerate(share):
        colour = "white" if value > 0.55 * share.max() else _INK
        text = f"{100 * value:.0f}"
        axes.text(
            j,
            i - (0.12 if with_counts else 0),
            text,
            ha="center",
            va="center",
            fontsize=8.5 if with_counts else 7,
            color=colour,
            weight="bold" if i == j else "normal",
        )
        if with_counts:
            axes.text(
                j,
                i + 0.22,
                f"{int(counts[i, j]):,}",
                ha="center",
                va="center",
                fontsize=6.5,
                color=colour,
                alpha=0.85,
            )


def clean(axes: Axes, grid: Literal["both", "x", "y"] | None = None) -> None:
    """Take away the frame that says nothing, and put a faint grid behind the data."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color("#888888")
    axes.tick_params(color="#888888", length=3)
    if grid:
        axes.grid(axis=grid, color=_FAINT, lw=0.8)
        axes.set_axisbelow(True)
