"""The page says what spins keep and distort, and which were left out."""

from dataclasses import replace

import numpy as np
import pytest

from cytosurf.report import page_figures
from cytosurf.report.methods import methods_text
from cytosurf.report.spin_quality import spin_quality, spin_quality_figure
from cytosurf.runs.spin_quality import SpinQualities, _write
from tests.unit.report.records import toy_record, with_config

MEASURED = {
    "kept": {"mean": 0.93, "min": 0.901, "max": 0.95},
    "distinct": {"mean": 0.94, "min": 0.93, "max": 0.945},
    "n_classes": {"mean": 2.96, "min": 2.0, "max": 3.0},
    "distortion": {"mean": 0.181, "min": 0.102, "max": 0.229},
}


@pytest.fixture
def record(tmp_path):
    """Return a run whose spins were measured."""
    made = toy_record(tmp_path)
    made.results["spin_test"]["quality"] = {"independent": MEASURED, "mirrored": MEASURED}
    return made


def test_a_row_for_each_policy(record):
    """Mean and range, with the column heads of what was measured."""
    table = spin_quality(record)
    assert table.headers[1:] == (
        "vertices with a label",
        "vertices that serve as a source",
        "classes present",
        "distortion of distances",
    )
    row = ("93.0 % (90.1 to 95.0)", "94.0 % (93.0 to 94.5)", "3.0 (2.0 to 3.0)")
    assert table.rows == tuple(
        (policy, *row, "0.18 (0.10 to 0.23)") for policy in ("independent", "mirrored")
    )


def test_filtered_spins(record):
    """The table has a column for them, and the methods text the rule."""
    assert "left out" not in methods_text(record)
    record.results["spin_test"]["filter"] = {
        "max_distortion": 0.18,
        "n_used": {"independent": 60, "mirrored": 49},
        "n_left_out": {"independent": 39, "mirrored": 50},
    }
    table = spin_quality(record)
    assert table.headers[-1] == "spins used"
    assert [row[-1] for row in table.rows] == ["60 of 99", "49 of 99"]
    text = methods_text(record)
    assert "by more than 18 % on average" in text
    assert "39 independent and 50 mirrored ones of 99 each" in text
    assert "by 99 uniformly random rotations" in text


def written(record, distortion=0.18, n_spins=60):
    """Return a run whose directory has the quality of each spin, the first one the worst."""
    draw = np.random.default_rng(0).normal
    ramp = np.arange(n_spins) / n_spins
    kept = np.clip(draw(0.9, 0.01, n_spins), 0, 1)
    qualities = SpinQualities(kept, kept, 3 + 0 * kept, distortion + 0.1 * ramp, ramp < 0.5)
    _write(record.directory, {"independent": qualities, "mirrored": qualities})
    return qualities


def test_the_figure_shows_every_spin(record):
    """Distortion and share kept, a histogram for each policy; the limit where there is one."""
    qualities = written(record)
    left, right = spin_quality_figure(record).axes
    for axes, values in ((left, qualities.distortion), (right, 100 * qualities.kept)):
        outlines = [patch.get_xy() for patch in axes.patches]
        assert len(outlines) == 4  # filled and drawn, two policies
        for outline in outlines:
            np.testing.assert_allclose(
                [outline[:, 0].min(), outline[:, 0].max()], [values.min(), values.max()], atol=1e-4
            )
        steps = outlines[1]
        heights = steps[1:-1:2, 1]
        assert heights.sum() == len(values)
    assert not left.lines
    limited = spin_quality_figure(with_config(record, max_distortion=0.2)).axes[0]
    assert limited.lines[0].get_xdata()[0] == 0.2
    alt = page_figures.spin_quality(record).alt
    assert f"median distortion {np.median(qualities.distortion):.3f}" in alt


def test_without_the_measures_there_is_no_figure(record):
    """No table, no spins; distances that could not be measured leave the share kept."""
    assert spin_quality_figure(record) is None
    assert page_figures.spin_quality(record) is None
    written(record)
    assert spin_quality_figure(replace(record, nulls=[])) is None
    written(record, distortion=np.nan)
    (only,) = spin_quality_figure(record).axes
    assert only.get_xlabel() == "vertices with a label, %"
    assert "nan" not in page_figures.spin_quality(record).alt


def test_what_is_not_there(record):
    """Distances that could not be measured, runs of before, runs without spins."""
    unknown = dict.fromkeys(("mean", "min", "max"))
    record.results["spin_test"]["quality"]["mirrored"] = MEASURED | {"distortion": unknown}
    assert spin_quality(record).rows[1][-1] == ""
    old = {"kept": {"mean": 0.9, "min": 0.875}}
    record.results["spin_test"]["quality"] = {"mirrored": old}
    assert spin_quality(record).rows == (("mirrored", "90.0 % (at least 87.5 %)"),)
    record.results["spin_test"] = None
    assert spin_quality(record).rows == ()
