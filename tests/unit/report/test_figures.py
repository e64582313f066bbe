"""Charts of a run."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cytosurf.report import confusion_figure, folds_figure, nulls_figure, per_class_figure
from cytosurf.report.embed import svg_uri
from cytosurf.report.page_figures import nulls
from tests.unit.report.records import toy_record

CHARTS = {
    "folds": folds_figure,
    "nulls": nulls_figure,
    "per class": per_class_figure,
    "confusion": lambda record: confusion_figure(record, "stain"),
}


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Return a run of 64 classes with long names."""
    names = [f"gyrus of a long name, part {i}" for i in range(64)]
    return toy_record(tmp_path_factory.mktemp("many"), n_classes=64, names=names)


def labels(axis):
    """Return the texts of an axis' ticks."""
    return [t.get_text() for t in axis.get_ticklabels()]


@pytest.mark.parametrize("chart", CHARTS)
def test_charts_are_deterministic_and_leave_no_pyplot_state(record, chart):
    """The same run gives the same bytes, and pyplot knows nothing of them."""
    assert svg_uri(CHARTS[chart](record)) == svg_uri(CHARTS[chart](record))
    assert plt.get_fignums() == []


def test_every_fold_of_every_set_is_a_point(record):
    """The points are the folds; the lines join the same fold over sets with columns."""
    axes = folds_figure(record).axes[0]
    sets = record.results["feature_sets"]
    assert labels(axes.yaxis) == ["stain (8)", "coordinates (3)", "harmonics:8 (8)", "prior (0)"]
    points = [c.get_offsets() for c in axes.collections if len(c.get_offsets()) == 5]
    assert points[0][:, 0].tolist() == sets["stain"]["macro_f1"]["folds"]
    line = axes.lines[1]
    assert line.get_xdata().tolist() == [
        sets[n]["macro_f1"]["folds"][1] for n in ("stain", "coordinates", "harmonics:8")
    ]


def test_null_histograms_hold_every_spin_and_show_the_observed_value(record):
    """One panel per statistic, both policies in it, the headline first and in bold."""
    figure = nulls_figure(record)
    panels = [a for a in figure.axes if a.get_title(loc="left")]
    assert [p.get_title(loc="left") for p in panels] == ["stain − coordinates", "stain"]
    assert panels[0]._left_title.get_fontweight() == "bold"
    for panel, null in zip(panels, record.nulls[::2], strict=True):
        assert null.observed in [x for line in panel.lines for x in line.get_xdata()]
        words = [t.get_text() for t in panel.get_legend().get_texts()]
        assert any(f"{null.rotation} (primary)" in word for word in words)
        low, high = panel.get_xlim()
        assert low <= null.null.min()
        assert null.null.max() <= high


@pytest.mark.parametrize("n_lost", [1, 99])
def test_spins_that_could_not_be_tested_are_not_drawn(record, n_lost):
    """NaN in a null leaves the histogram of the other spins, or none at all."""
    lost = [replace(n, null=np.append(n.null[n_lost:], [np.nan] * n_lost)) for n in record.nulls]
    panel = nulls_figure(replace(record, nulls=lost)).axes[0]
    low, high = panel.get_xlim()
    assert low <= lost[0].observed <= high
    assert nulls(replace(record, nulls=lost)).source.startswith("data:image/svg")


def test_classes_are_sorted_by_the_features_and_show_all_sets(record):
    """The best class stands on top; each set has a marker of its own."""
    axes = per_class_figure(record).axes[0]
    scores = [c.get_offsets()[:, 0] for c in axes.collections if len(c.get_offsets()) == 3]
    assert len(scores) == 3
    assert (np.diff(scores[-1]) <= 0).all()  # the first set is drawn last, on top
    assert len(labels(axes.yaxis)) == 3


def test_confusion_matrices_are_row_normalised_and_show_counts(record):
    """Up to ten classes: percentages and counts in the cells."""
    axes = confusion_figure(record, "stain").axes[0]
    share = axes.get_images()[0].get_array()
    np.testing.assert_allclose(share.sum(axis=1), 1)
    counts = record.counts["stain"].sum(axis=0)
    words = [t.get_text() for t in axes.texts]
    assert f"{counts[0, 0]:,}" in words
    assert f"{100 * share[0, 0]:.0f}" in words
    assert labels(axes.yaxis)[0] == f"class 1 ({counts[0].sum()})"


def test_many_classes_stay_readable(many):
    """64 classes: every row named and numbered, no numbers in cells, text that does not overlap."""
    figure = confusion_figure(many, "stain")
    svg_uri(figure)
    axes = figure.axes[0]
    assert len(labels(axes.yaxis)) == len(labels(axes.xaxis)) == 64
    assert not axes.texts
    pitch = axes.get_window_extent().height / 64
    text = axes.get_yticklabels()[0]
    assert text.get_fontsize() >= 6
    assert text.get_fontsize() * figure.dpi / 72 <= pitch * 1.25
    names = figure.axes[0].get_yticklabels()
    assert min(t.get_window_extent().x0 for t in names) >= 0


def test_the_class_chart_grows_with_the_number_of_classes(many, record):
    """Rows keep a readable pitch."""
    assert per_class_figure(many).get_figheight() > 64 * 0.18
    assert per_class_figure(record).get_figheight() < 3


def test_a_missing_interval_and_a_missing_fold_are_left_out(record):
    """Null in results.json draws nothing and fails nowhere."""

    def drawn():
        figure = folds_figure(record)
        points = [np.ma.filled(c.get_offsets(), np.nan) for c in figure.axes[0].collections]
        n_points = np.isfinite(np.concatenate(points)).all(axis=1).sum()
        return len(figure.axes[0].lines), n_points, len(svg_uri(figure))

    complete = drawn()
    entry = record.results["feature_sets"]["stain"]
    entry["ci95"] = None
    entry["macro_f1"]["folds"][2] = None
    n_lines, n_points, size = drawn()
    assert (n_lines, n_points) == (complete[0] - 1, complete[1] - 1)
    assert 0 < size < complete[2]


def test_hundreds_of_classes_are_drawn_without_names(tmp_path):
    """A parcellation of 150 areas still gives charts of a usable size."""
    record = toy_record(tmp_path, n_classes=150)
    chart, matrix = per_class_figure(record), confusion_figure(record, "stain")
    assert chart.get_figheight() < 8
    assert not labels(chart.axes[0].yaxis)
    assert not labels(matrix.axes[0].yaxis)
    assert len(svg_uri(chart)) + len(svg_uri(matrix)) < 500_000
