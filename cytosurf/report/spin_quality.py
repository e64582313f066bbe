"""What the spins of a run keep and distort, as a table of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cytosurf.report.page_tables import PageTable

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord

_MEASURES = {
    "kept": "vertices with a label",
    "distinct": "vertices that serve as a source",
    "n_classes": "classes present",
    "distortion": "distortion of distances",
}
_SHARES = ("kept", "distinct")


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
