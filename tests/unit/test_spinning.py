"""`spin` and `merge` end with a tested run and a report, and keep its family right."""

import pytest

import cytosurf
from cytosurf.compute import lock
from cytosurf.errors import InputError
from cytosurf.runs import correct_family, load_run, read_json
from cytosurf.runs.family import results_locked
from cytosurf.workflow import write_pages
from tests.unit.runs.conftest import named_toy  # noqa: F401


@pytest.fixture
def bare(named_toy, tmp_path):  # noqa: F811
    """Return a run without spins."""
    named_toy(tmp_path / "run", spins=0)
    return tmp_path / "run"


def test_spin_tests_and_writes_the_report(bare):
    """The result has the tests, tables and report are new."""
    result = cytosurf.spin(bare, 19)
    assert len(result.spin_test) == 4
    assert "19" in (bare / "spin_test.tsv").read_text()
    assert (bare / "report.html").exists()


def test_shards_and_merge(bare):
    """Parts are named as text; nothing is returned before the merge."""
    assert cytosurf.spin(bare, 4, shard="1/2") is None
    with pytest.raises(InputError, match="no spins 2 to 3"):
        cytosurf.merge(bare)
    cytosurf.spin(bare, 4, shard="2/2")
    assert cytosurf.merge(bare).record.results["spin_test"]["n_spins"] == 4
    assert (bare / "report.html").exists()


def test_more_spins_of_one_run_correct_its_family_again(named_toy, tmp_path):  # noqa: F811
    """The p-values of both runs are corrected with the new one."""
    records = [named_toy(tmp_path / name, spins=3) for name in ("a", "b")]
    correct_family(records, tmp_path)
    cytosurf.spin(tmp_path / "a", 25)
    tests = [read_json(tmp_path / name / "results.json")["spin_test"]["tests"] for name in "ab"]
    for a, b in zip(*tests, strict=True):
        smaller, larger = sorted([a["p"], b["p"]])
        first = min(1, 2 * smaller)
        assert sorted([a["p_holm"], b["p_holm"]]) == pytest.approx([first, max(first, larger)])


def test_results_wait_for_who_writes_them(named_toy, tmp_path, monkeypatch):  # noqa: F811
    """Those of a whole family; the spins are kept."""
    records = [named_toy(tmp_path / name, spins=3) for name in ("a", "b")]
    correct_family(records, tmp_path)
    with monkeypatch.context() as patch, results_locked([tmp_path / "b"]):
        patch.setattr(lock, "WAIT_SECONDS", 0.0)
        for run, work in (
            ("a", lambda: cytosurf.spin(tmp_path / "a", 5)),
            ("b", lambda: cytosurf.increment(tmp_path / "b", position="position", spins=2)),
        ):
            with pytest.raises(InputError, match="at work since"):
                work()
            assert load_run(tmp_path / run).results["spin_test"]["n_spins"] == 3
    assert cytosurf.spin(tmp_path / "a", 5).record.results["spin_test"]["n_spins"] == 5


def test_pages_are_of_what_is_on_disk(named_toy, tmp_path):  # noqa: F811
    """Not of a record that another process has left behind."""
    old = named_toy(tmp_path / "run", spins=3)
    cytosurf.spin(tmp_path / "run", 19)
    expected = (tmp_path / "run" / "spin_test.tsv").read_bytes()
    (page,) = write_pages([old])
    assert page == tmp_path / "run" / "report.html"
    assert (tmp_path / "run" / "spin_test.tsv").read_bytes() == expected


def test_forecast(bare):
    """A forecast is of the run's own machine."""
    expected = cytosurf.forecast_spins(bare, 100, jobs=1)
    assert (expected.n_spins, expected.jobs) == (100, 1)


def test_refuses_a_place_that_is_no_run(tmp_path):
    """With the way to make one."""
    for call in (cytosurf.spin, cytosurf.merge, cytosurf.forecast_spins):
        with pytest.raises(InputError, match=r"run directory|config"):
            call(tmp_path / "nothing")
