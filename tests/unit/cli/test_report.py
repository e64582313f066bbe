"""`cytosurf report`: its options reach the function, and each page is a line."""

from pathlib import Path

import pytest

from cytosurf import workflow


@pytest.mark.parametrize(
    ("arguments", "folders", "options"),
    [
        (["a"], ["a"], (None, "", False)),
        (["a", "b/c", "--out", "d"], ["a", "b/c"], (Path("d"), "", False)),
        (["a", "--statistic", "mcc,f1:V1"], ["a"], (None, "mcc,f1:V1", False)),
        (["a", "--approximate-tail"], ["a"], (None, "", True)),
    ],
)
def test_options_reach_the_function(cytosurf, monkeypatch, arguments, folders, options):
    """Run directories, the folder of family.json and what is asked of the spins are passed on."""
    calls = []

    def write_reports(run_dirs, *, out, statistics, approximate_tail):
        calls.append(([str(folder) for folder in run_dirs], (out, statistics, approximate_tail)))
        return [Path(folder) / "report.html" for folder in run_dirs]

    monkeypatch.setattr(workflow, "write_reports", write_reports)
    ended = cytosurf("report", *arguments)
    assert calls == [(folders, options)]
    assert (ended.code, ended.out.split()) == (0, [f"{folder}/report.html" for folder in folders])


def test_a_folder_that_is_no_run(cytosurf, tmp_path):
    """It is bad input: one message that names the file and the way out, and nothing written."""
    ended = cytosurf("report", tmp_path)
    assert (ended.code, ended.out) == (2, "")
    (message,) = ended.err.splitlines()
    assert message.startswith(f"Error: {tmp_path / 'config.yaml'}: found no readable configuration")
    assert "cytosurf decode" in message
    assert list(tmp_path.iterdir()) == []
