"""Figures, tables and the HTML report of a run.

`write_report` makes one HTML file that needs no network. Its parts can be used alone: each figure
is a function that returns a matplotlib figure, each table a pandas data frame, and `plot_surface`
draws any map or parcellation on the cortex.
"""

from cytosurf.report.cortex import render_views
from cytosurf.report.figures import (
    confusion_figure,
    folds_figure,
    nulls_figure,
    per_class_figure,
)
from cytosurf.report.figures_tests import class_bands_figure, two_tests_figure
from cytosurf.report.html import render_report, write_report
from cytosurf.report.maps import (
    errors_figure,
    folds_map_figure,
    truth_and_prediction_figure,
    uncertainty_figure,
)
from cytosurf.report.methods import methods_text
from cytosurf.report.outcome_tables import (
    class_tests_table,
    feature_table,
    increment_table,
    spin_test_table,
)
from cytosurf.report.spin_quality import spin_quality_figure
from cytosurf.report.surface_plot import plot_surface
from cytosurf.report.tables import (
    confusion_table,
    differences_table,
    per_class_table,
    scores_table,
)

__all__ = [
    "class_bands_figure",
    "class_tests_table",
    "confusion_figure",
    "confusion_table",
    "differences_table",
    "errors_figure",
    "feature_table",
    "folds_figure",
    "folds_map_figure",
    "increment_table",
    "methods_text",
    "nulls_figure",
    "per_class_figure",
    "per_class_table",
    "plot_surface",
    "render_report",
    "render_views",
    "scores_table",
    "spin_quality_figure",
    "spin_test_table",
    "truth_and_prediction_figure",
    "two_tests_figure",
    "uncertainty_figure",
    "write_report",
]
