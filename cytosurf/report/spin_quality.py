"""What the spins of a run keep and distort: a table and a figure of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cytosurf.report.figures import ROTATION_COLOURS, clean
from cytosurf.report.page_tables import PageTable
from cytosurf.runs.spin_quality import read_quality

if TYPE_CHECKING:
    from cytosurf.nulls.rotations import Policy
    from cytosurf.runs.record import RunRecord

_MEASURES = {
    "kept": "vertices with a label",
    "distinct": "vertices that serve as a source",
    "n_classes": "classes present",
    "distortion": "distortion of distances",
}
_SHARES = ("kept", "distinct")
_WIDTH, _HEIGHT = 9.0, 2.6
_LIMIT = "#222222"


def spin_quality(record: RunRecord) -> PageTable:
    """Return mean and range of each measure over the spins, a row for each rotation policy.

    Parameters
    ----------
    record : RunRecord
        A finished run; the table has no rows without spins.
    """
    spin_test = record.results.get("spin_test") or {}
    quality: Mapping[str, Any] = spin_test.get("quality") or {}
    measured = [m for m in _MEASURES if any(m in values for values in quality.values())]
    used = (spin_test.get("filter") or {}).get("n_used")
    headers = ["rotation", *(_MEASURES[m] for m in measured), *(["spins used"] if used else [])]
    rows = [
        (
            policy,
            *(_text(measure, values.get(measure)) for measure in measured),
            *([f"{used[policy]:,} of {spin_test['n_spins']:,}"] if used else []),
        )
        for policy, values in quality.items()
    ]
    caption = (
        "What the spins did, mean and range over all of them. A vertex has no label where the "
        "medial wall, or cortex without a label, came to lie; one vertex can be the nearest of "
        "several; distortion is the mean relative change of distances along the cortex. "
        "spin_quality.tsv has every spin."
    )
    return PageTable("spin-quality", caption, tuple(headers), tuple(rows))


def spin_quality_figure(record: RunRecord) -> Figure | None:
    """Return how distortion, and the share of vertices kept, are distributed over the spins.

    Parameters
    ----------
    record : RunRecord
        A finished run. There is no figure without spins, or without ``spin_quality.tsv``.
    """
    qualities = read_quality(record.directory) if record.nulls else {}
    panels = [
        ("mean relative change of distances", {p: q.distortion for p, q in qualities.items()}),
        ("vertices with a label, %", {p: 100 * q.kept for p, q in qualities.items()}),
    ]
    panels = [(label, of) for label, of in panels if any(np.isfinite(v).any() for v in of.values())]
    if not panels:
        return None
    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (label, values) in zip(grid, panels, strict=True):
        _draw_spins(axes, values)
        axes.set_xlabel(label, fontsize=8)
    limit = record.config.get("max_distortion")
    if limit is not None:
        text = f"limit {limit:g}: spins beyond it are left out"
        grid[0].axvline(limit, color=_LIMIT, lw=1.4, ls="--", label=text)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=3, frameon=False, fontsize=8)
    return figure


def _draw_spins(axes: Axes, values: Mapping[Policy, npt.NDArray[np.float64]]) -> None:
    """Draw a histogram over common bins for each rotation policy."""
    finite = {policy: of[np.isfinite(of)] for policy, of in values.items()}
    everything = np.concatenate(list(finite.values()))
    low, high = everything.min(), everything.max()
    n_bins = int(np.clip(np.sqrt(max(map(len, finite.values()))) * 2, 8, 50))
    edges = np.linspace(low, high if high > low else low + 1e-6, n_bins + 1).tolist()
    for policy, of in finite.items():
        colour, label = ROTATION_COLOURS[policy], f"{policy}: {len(of):,} spins"
        axes.hist(of, edges, color=colour, alpha=0.22, histtype="stepfilled")
        axes.hist(of, edges, color=colour, lw=1.3, histtype="step", label=label)
    axes.set_ylabel("spins", fontsize=8)
    axes.tick_params(labelsize=8)
    clean(axes)


def _text(measure: str, values: Mapping[str, float | None] | None) -> str:
    """Return mean and range of a measure."""
    if values is None or values["mean"] is None:
        return ""
    factor, unit, digits = (100, " %", 1) if measure in _SHARES else (1, "", 2)
    if measure == "n_classes":
        digits = 1
    least, mean = (f"{factor * (values[name] or 0):.{digits}f}" for name in ("min", "mean"))
    largest = values.get("max")
    if largest is None:
        return f"{mean}{unit} (at least {least}{unit})"
    return f"{mean}{unit} ({least} to {factor * largest:.{digits}f})"
