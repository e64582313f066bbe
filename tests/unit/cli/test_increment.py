"""``cytosurf increment`` as typed."""

from cytosurf import spinning
from tests.unit.cli.conftest import refused
from tests.unit.runs.conftest import named_toy  # noqa: F401


def test_the_test_goes_into_the_run(cytosurf, named_toy, tmp_path):  # noqa: F811
    """It ends with the table of scores and a line for the test; the files hold it."""
    run = tmp_path / "run"
    named_toy(run, spins=3)
    done = cytosurf("increment", run, "--spins", 4, "--position", "noise", "--jobs", 1)
    assert done.code == 0
    assert "when added to noise, p = " in done.out
    assert "of 4 mirrored spins of the features reach it" in done.out
    (_, row) = (run / "increment_tests.tsv").read_text().splitlines()
    assert row.split("\t")[:2] == ["stain", "noise"]
    assert "Two tests, two questions" in (run / "report.html").read_text()
    assert "No increment test was made" not in (run / "report.html").read_text()


def test_features_on_their_own(cytosurf, named_toy, tmp_path):  # noqa: F811
    """The plain test ends with its own line, and leaves the increment tests alone."""
    run = tmp_path / "run"
    named_toy(run, spins=0)
    options = ["--spins", 3, "--position", "noise", "--jobs", 1, "--null", "surrogates"]
    done = cytosurf("increment", run, *options, "--statistic", "difference")
    assert done.code == 0
    assert "when added to" not in done.out
    assert "above noise, p = " in done.out
    assert "of 3 mirrored surrogates of the features reach it" in done.out
    refused(cytosurf("increment", run, *options, "--statistic", "f1"), "statistic")


def test_options_reach_the_function(cytosurf, monkeypatch):
    """Each under its own name."""
    calls = []

    def increment(*arguments, **options):
        calls.append((str(arguments[0]), arguments[1], options))
        raise SystemExit(0)

    monkeypatch.setattr(spinning, "increment", increment)
    cytosurf("increment", "a")
    options = ["--features", "hist", "--position", "harmonics:8", "--spins", 9]
    options += ["--statistic", "difference"]
    cytosurf("increment", "a", *options, "--rotation", "independent", "--null", "surrogates")
    plain = {"position": None, "spins": None, "jobs": None}
    alone = {"statistic": "difference"}
    chosen = {"position": "harmonics:8", "spins": 9, "jobs": None}
    assert calls == [
        ("a", None, plain | {"rotation": "mirrored", "null": "spins", "statistic": "increment"}),
        ("a", "hist", chosen | {"rotation": "independent", "null": "surrogates"} | alone),
    ]


def test_bad_options(cytosurf, named_toy, tmp_path):  # noqa: F811
    """Each with one message and exit code 2."""
    run = tmp_path / "run"
    named_toy(run, spins=0)
    refused(cytosurf("increment", run, "--features", "stian"), "--features: found 'stian'")
    refused(cytosurf("increment", run, "--position", "stain"), "--position: found 'stain'")
    refused(cytosurf("increment", run, "--spins", 0), "--spins: found 0")
    refused(cytosurf("increment", tmp_path / "none"), "no readable configuration")
