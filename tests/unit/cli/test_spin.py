"""``cytosurf spin`` and ``cytosurf merge`` as typed."""

from tests.unit.cli.conftest import refused
from tests.unit.runs.conftest import named_toy  # noqa: F401


def test_spin_shards_merge(cytosurf, named_toy, tmp_path):  # noqa: F811
    """A shard says what comes next; spins and merge end with the table of scores."""
    run = tmp_path / "run"
    named_toy(run, spins=0)
    shard = cytosurf("spin", run, "--spins", 6, "--shard", "1/2", "--jobs", 1)
    assert shard.code == 0
    assert f"cytosurf merge {run}" in shard.out.replace("\n", "")
    refused(cytosurf("merge", run), "no spins 3 to 5")
    assert cytosurf("spin", run, "--spins", 6, "--shard", "2/2").code == 0
    merged = cytosurf("merge", run)
    assert merged.code == 0
    assert "of 6 mirrored spins" in merged.out
    more = cytosurf("spin", run, "--spins", 8)
    assert more.code == 0
    assert "of 8 mirrored spins" in more.out


def test_a_dry_run_says_what_it_will_take(cytosurf, named_toy, tmp_path):  # noqa: F811
    """Time and memory; nothing is computed for good."""
    run = tmp_path / "run"
    named_toy(run, spins=0)
    said = cytosurf("spin", run, "--spins", 10_000, "--jobs", 2, "--dry-run")
    assert said.code == 0
    for words in ("10,000 spins", "2 processes", "ms a spin", "MB a process", "spins an hour"):
        assert words in said.out
    assert not (run / "spins").exists()
    assert "are there" not in said.out
    assert cytosurf("spin", run, "--spins", 6, "--shard", "1/2").code == 0
    options = ("--spins", 6, "--shard", "1/1", "--stop-after-exceedances", 20, "--dry-run")
    said = cytosurf("spin", run, *options)
    words = "Shard 1/1: 6 spins of both rotation policies, of which 6 of 12 are there, on 1 process"
    assert words in said.out
    assert "less if 20 exceedances end it earlier" in said.out


def test_bad_options(cytosurf, named_toy, tmp_path):  # noqa: F811
    """Each with one message and exit code 2."""
    run = tmp_path / "run"
    named_toy(run, spins=0)
    refused(cytosurf("spin", run), "--spins: found 0")
    refused(cytosurf("spin", run, "--spins", 4, "--shard", "3/2"), "--shard 3/2")
    refused(cytosurf("spin", run, "--spins", 4, "--jobs", 0), "--jobs: found 0")
    refused(cytosurf("spin", tmp_path / "none", "--spins", 4), "no readable configuration")
    refused(cytosurf("merge", run, tmp_path), "found no spins")


def test_a_stopping_rule(cytosurf, named_toy, tmp_path):  # noqa: F811
    """Stops at the exceedance, and may be lifted."""
    run = tmp_path / "run"
    named_toy(run, spins=0, features=["noise"], baseline=["other-noise"])
    stopped = cytosurf("spin", run, "--spins", 40, "--stop-after-exceedances", 1)
    assert stopped.code == 0
    assert "1 of 6 mirrored spins reach it" in stopped.out
    again = cytosurf("spin", run, "--stop-after-exceedances", 0)
    assert "of 40 mirrored spins reach it" in again.out
    refused(
        cytosurf("spin", run, "--stop-after-exceedances", -3),
        "--stop-after-exceedances: found -3",
    )


def test_statistics_of_a_report(cytosurf, named_toy, tmp_path):  # noqa: F811
    """Asked for after the run: in the tables, the report and the summary of more spins."""
    run = tmp_path / "run"
    named_toy(run, spins=3)
    assert cytosurf("report", run, "--statistic", "mcc,f1:middle").code == 0
    table = (run / "spin_test.tsv").read_text()
    assert "f1:middle difference" in table
    assert "Other statistics" in (run / "report.html").read_text()
    assert "stain: mcc 0.000 above position" in cytosurf("spin", run, "--spins", 4).out
    refused(cytosurf("report", run, "--statistic", "best"), "--statistic: found 'best'; expected")
