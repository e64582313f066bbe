"""``cytosurf calibrate`` passes its options on and prints the rates."""

from pathlib import Path

import pytest

from cytosurf.nulls.calibrate import RejectionRate
from cytosurf.runs import calibration
from tests.unit.cli.conftest import refused

RATES = (
    RejectionRate(
        "random", "symmetric", "labels", "macro_f1", "mirrored", *(40, 2), 0.05, (0.006, 0.169), 0.2
    ),
    RejectionRate(
        "planted",
        "symmetric",
        "labels",
        "macro_f1",
        "mirrored",
        *(40, 31),
        0.775,
        (0.62, 0.89),
        0.3,
    ),
)
SETTINGS = {
    "target": "yeo7",
    "sets": 40,
    "columns": 4,
    "smoothness_mm": 20.0,
    "spins": 39,
    "surface": "midthickness",
    "effect": 0.3,
    "attainable_rate": 0.05,
}


@pytest.fixture
def asked(monkeypatch):
    """Replace the calibration; return what it is asked for."""
    options = {}

    def calibrate(target, **others):
        options.update(others, target=target)
        return calibration.Calibration(SETTINGS, RATES)

    monkeypatch.setattr(calibration, "calibrate", calibrate)
    return options


def test_defaults(cytosurf, asked):
    """200 sets and 99 spins on the embedded target; a folder named after it."""
    assert cytosurf("calibrate").code == 0
    assert (asked["sets"], asked["spins"], asked["columns"]) == (200, 99, 4)
    assert asked["target"] == "schaefer400-7networks"
    assert asked["out"] == Path("cytosurf-calibration-schaefer400-7networks")
    assert asked["nulls"] == ("labels",)
    assert asked["symmetries"] == ("independent", "correlated", "symmetric")
    assert asked["folds"] == {"n_folds": 5, "n_blocks": 100, "scheme": "blocks"}


def test_options(cytosurf, asked, tmp_path):
    """Every option arrives."""
    ended = cytosurf(
        *("calibrate", "--target", "yeo7", "--sets", 40, "--spins", 39, "--smoothness-mm", 10),
        *("--columns", 8, "--effect", 0.5, "--surface", "sphere", "--jobs", 1),
        *("--seed", 3, "--scheme", "homotopic", "--out", tmp_path, "--baseline", "harmonics:8"),
        *("--mask", "region.npz", "--space", "fsLR-32k"),
        *("--nulls", "features, surrogates", "--symmetries", "symmetric"),
    )
    assert ended.code == 0
    expected = {
        "target": "yeo7",
        "sets": 40,
        "spins": 39,
        "smoothness_mm": 10.0,
        "columns": 8,
        "effect": 0.5,
        "nulls": ("features", "surrogates"),
        "symmetries": ("symmetric",),
        "surface": "sphere",
        "jobs": 1,
        "seed": 3,
        "out": tmp_path,
        "baseline": "harmonics:8",
        "mask": "region.npz",
        "space": "fsLR-32k",
        "folds": {"n_folds": 5, "n_blocks": 100, "scheme": "homotopic"},
    }
    assert asked == expected


def test_rates_are_printed(cytosurf, asked, tmp_path):
    """With counts and intervals, and where the table is."""
    ended = cytosurf("calibrate", "--out", tmp_path)
    assert "0.050 (2/40)" in ended.out
    assert "0.006 to 0.169" in ended.out
    assert "effect of 0.3: power" in ended.out
    assert "rate of at most 0.050" in ended.out
    assert str(tmp_path / "calibration.tsv") in ended.out.replace("\n", "")


def test_bad_input_is_one_message(cytosurf, tmp_path):
    """As of any command."""
    refused(cytosurf("calibrate", "--sets", 0, "--out", tmp_path), "--sets")
    refused(cytosurf("calibrate", "--surface", "pail", "--out", tmp_path), "--surface")
    refused(cytosurf("calibrate", "--nulls", "spins", "--out", tmp_path), "--nulls")
    refused(cytosurf("calibrate", "--nulls", ",", "--out", tmp_path), "--nulls")
    refused(cytosurf("calibrate", "--symmetries", "L,R", "--out", tmp_path), "--symmetries")


def test_help(cytosurf):
    """The command is listed, and says what it does."""
    assert " calibrate " in cytosurf("--help").out
    ended = cytosurf("calibrate", "--help")
    assert ended.code == 0
    assert "reject for random features" in ended.out
