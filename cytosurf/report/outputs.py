"""The files of a run that people read: its tables and its report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cytosurf.compute.files import atomic_path
from cytosurf.report.html import write_report
from cytosurf.report.outcome_tables import (
    class_tests_table,
    feature_table,
    increment_table,
    spin_test_table,
)
from cytosurf.report.tables import per_class_table, scores_table

if TYPE_CHECKING:
    from cytosurf.runs.record import RunRecord

TABLES = {
    "scores.tsv": scores_table,
    "per_class.tsv": per_class_table,
    "spin_test.tsv": spin_test_table,
    "class_tests.tsv": class_tests_table,
    "increment_tests.tsv": increment_table,
    "feature_tests.tsv": feature_table,
}


def write_outputs(record: RunRecord) -> Path:
    """Write the tables and the report of a run into its directory; return the report's path.

    Parameters
    ----------
    record : RunRecord
        A finished run.
    """
    for name, make in TABLES.items():
        with atomic_path(record.directory / name) as path:
            make(record).to_csv(path, sep="\t", index=False, na_rep="n/a")
    return write_report(record)
