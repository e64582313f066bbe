"""``cytosurf fold-vertices`` as typed."""

from tests.unit.cli.conftest import refused
from tests.unit.runs.conftest import named_toy  # noqa: F401


def test_files_are_written_and_named(cytosurf, named_toy, tmp_path):  # noqa: F811
    """One for each fold; a space without a way from it is refused, as is a folder without a run."""
    run, out = tmp_path / "run", tmp_path / "folds"
    named_toy(run, spins=0)
    done = cytosurf("fold-vertices", run, "--space", "toy-642", "--out", out)
    assert done.code == 0
    assert done.out.split() == [str(out / f"fold-{k}.npz") for k in (1, 2, 3)]
    assert sorted(out.iterdir()) == [out / f"fold-{k}.npz" for k in (1, 2, 3)]
    refused(cytosurf("fold-vertices", run, "--out", out), "bigbrain-164k")
    refused(cytosurf("fold-vertices", out, "--out", out), "run directory")
