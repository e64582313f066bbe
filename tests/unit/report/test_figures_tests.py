"""Charts of classes beside their nulls, and of two kinds of spins."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from cytosurf.report import class_bands_figure, class_tests_table, two_tests_figure
from cytosurf.report.embed import svg_uri
from cytosurf.report.page_figures import class_bands, two_tests
from tests.unit.report.records import (
    toy_record,
    with_class_tests,
    with_features_alone,
    with_increment,
)

CHARTS = {"bands": class_bands_figure, "two tests": two_tests_figure}


@pytest.fixture
def full(record):
    """Return a run with class tests and an increment test."""
    return with_increment(with_class_tests(record))


@pytest.mark.parametrize("chart", CHARTS)
def test_charts_are_deterministic_and_leave_no_pyplot_state(full, chart):
    """The same run gives the same bytes, and pyplot knows nothing of them."""
    assert svg_uri(CHARTS[chart](full)) == svg_uri(CHARTS[chart](full))
    assert plt.get_fignums() == []


def test_bands_are_those_of_the_table(full):
    """One row per class, the best on top; the point of a class that stands out is filled."""
    table = class_tests_table(full)
    score = table[table["baseline"] == ""].sort_values("observed", ascending=False, kind="stable")
    left, right = class_bands_figure(full).axes
    thin, wide = (
        np.array([path.vertices[:, 0] for path in lines.get_paths()])
        for lines in left.collections[:2]
    )
    np.testing.assert_allclose(wide, score[["null_low", "null_high"]])
    np.testing.assert_allclose(thin, score[["null_low_all", "null_high_all"]])
    points = left.collections[-1]
    np.testing.assert_allclose(points.get_offsets()[:, 0], score["observed"])
    filled = [tuple(colour[:3]) != (1, 1, 1) for colour in points.get_facecolors()]
    assert filled == (score["p_max"] <= 0.05).tolist() == [True, False, False]
    assert [t.get_text() for t in left.get_yticklabels()] == score["name"].tolist()
    assert right.get_xlabel() == "minus F1 with coordinates"


def test_a_band_of_all_classes_ends_where_f1_does(record):
    """No F1 is below 0 or above 1, and no difference beyond 1."""
    table = class_tests_table(with_class_tests(record, n_spins=9))
    score = table["baseline"] == ""
    assert (table[score]["null_low_all"] >= 0).all()
    assert (table["null_low_all"] >= -1).all()
    assert (table["null_high_all"] <= 1).all()


@pytest.mark.parametrize("n_classes", [64, 130])
def test_many_classes(tmp_path, n_classes):
    """Hundreds of classes are rows without names."""
    figure = class_bands_figure(with_class_tests(toy_record(tmp_path, n_classes=n_classes)))
    assert len(figure.axes[0].get_yticklabels()) == (n_classes if n_classes <= 100 else 0)
    assert figure.get_size_inches()[1] < 16


def test_two_kinds_of_spins_side_by_side(full):
    """The headline test on the left, increments beside it, each with its observed value."""
    left, right = two_tests_figure(full).axes
    assert left.get_title(loc="left") == "labels spun: stain − coordinates"
    assert right.get_title(loc="left").startswith("features spun: harmonics:8 + stain − harmonics")
    observed = [next(iter(axes.lines)).get_xdata()[0] for axes in (left, right)]
    assert observed == [full.nulls[0].observed, full.increment_nulls[0].observed]
    alone = two_tests_figure(replace(full, nulls=[]))
    assert len(alone.axes) == 1


def test_draws_are_called_what_they_are(record):
    """Surrogates on the axis and in the title; features alone have a panel of their own."""
    axes = two_tests_figure(with_features_alone(record)).axes
    assert [a.get_ylabel() for a in axes[:3]] == ["spins", "spins", "surrogates"]
    assert axes[2].get_title(loc="left") == "features made anew: stain − harmonics:8"


def test_what_the_figures_say_to_the_blind(full):
    """How many classes stand out, by name; how many spins reach the increment."""
    assert "1 after correction: class 1" in class_bands(full).alt
    assert "0 of 99 spins reach it" in two_tests(full).alt
