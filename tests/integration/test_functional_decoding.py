"""The functional decoding of the documentation, on the real data: its table does not change."""

import json
from pathlib import Path

import pytest

from cytosurf.runs.options import read_options
from cytosurf.workflow import decode

PIPELINE = Path(__file__).resolve().parents[2] / "pipelines" / "functional_decoding"


@pytest.fixture
def expected():
    """Return what was measured: tolerance, numbers of vertices, and the table."""
    return json.loads((PIPELINE / "expected.json").read_text(encoding="utf-8"))


def test_the_table_is_complete(expected):
    """Every target and every feature set of the configuration has an expected score."""
    options = read_options(PIPELINE / "config.yaml")
    table = expected["macro_f1"]
    assert 0 < expected["tolerance"] <= 0.01
    assert list(table) == list(expected["n_vertices"]) == options["target"]
    for row in table.values():
        assert set(options["features"]) | set(options["baseline"]) <= set(row)
        assert all(0 < score < 1 for score in row.values())


@pytest.mark.real_data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::cytosurf.errors.CytosurfWarning")
def test_the_table_is_reproduced(expected, real_cache, tmp_path):
    """One call with the configuration gives every score within the tolerance."""
    table = expected["macro_f1"]
    runs = decode(**read_options(PIPELINE / "config.yaml"), out=tmp_path / "runs")
    assert list(runs) == list(table)
    measured = {
        target: {
            name: entry["macro_f1"]["mean"]
            for name, entry in run.record.results["feature_sets"].items()
            if name in table[target]
        }
        for target, run in runs.items()
    }
    for target, row in table.items():
        assert measured[target] == pytest.approx(row, abs=expected["tolerance"]), target
        n_vertices = runs[target].record.results["n_vertices"]
        assert n_vertices == expected["n_vertices"][target]
    assert (tmp_path / "runs" / "family.json").is_file()
    for target in table:
        assert (tmp_path / "runs" / target / "report.html").is_file()
