"""The page says what spins keep and distort, and which were left out."""

import pytest

from cytosurf.report.methods import methods_text
from cytosurf.report.spin_quality import spin_quality
from tests.unit.report.records import toy_record

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
