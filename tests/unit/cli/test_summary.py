"""What is printed of a run in the terminal."""

from dataclasses import replace

import numpy as np
import pytest

from cytosurf.cli.summary import print_summary
from cytosurf.workflow import Decoding
from tests.unit.report.records import null_record, toy_record, with_sets


@pytest.mark.parametrize(
    ("observed", "words"),
    [(0.25, "macro-F1 0.250 above coordinates"), (-0.125, "macro-F1 0.125 below coordinates")],
)
def test_a_difference_says_which_is_better(observed, words, tmp_path, capsys):
    """Above or below the baseline in words, not in a sign."""
    test = null_record(
        "stain", "coordinates", "mirrored", observed, np.linspace(-0.5, 0.5, 19), primary=True
    )
    print_summary(Decoding(replace(toy_record(tmp_path), nulls=[test])))
    assert f"stain: {words}, p = " in " ".join(capsys.readouterr().out.split())


def test_usual_names_fit_into_a_usual_terminal(tmp_path, capsys, monkeypatch):
    """In 80 columns the name of a feature set stays on one line."""
    monkeypatch.setenv("COLUMNS", "80")
    print_summary(Decoding(with_sets(toy_record(tmp_path), "neighbourhood:pca32+hist")))
    assert "neighbourhood:pca32+hist" in capsys.readouterr().out
