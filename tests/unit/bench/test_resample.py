"""Speed is measured for the same work on both sides, and bad requests are refused."""

import pytest

from cytosurf.bench import workbench
from cytosurf.bench.resample import bench_resample
from cytosurf.errors import InputError


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(
    not workbench.is_installed(), reason="no wb_command (Connectome Workbench) here"
)
def test_both_programs_do_the_work(real_cache, monkeypatch):
    """One map, a file of two and two files are carried by both; nothing is said of their speed.

    Run with: pytest -m slow tests/unit/bench/test_resample.py
    """
    monkeypatch.setattr("cytosurf.bench.resample.REPEATS", 1)
    outcome = bench_resample("fsLR-32k", "fsaverage-10k", "adaptive", columns=2, files=2)
    assert [(t.work, t.n_maps) for t in outcome.timings] == [
        ("one map", 1),
        ("one file of many maps", 2),
        ("many files", 2),
    ]
    for timing in outcome.timings:
        assert timing.wall_ratio == pytest.approx(timing.peer.wall_s / timing.ours.wall_s)
        assert timing.ours.cpu_s > 0
        assert timing.peer.cpu_s > 0
    assert outcome.import_s > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "nearest"}, "method: found 'nearest'"),
        ({"columns": 0}, "columns: found 0"),
        ({"files": -1}, "files: found -1"),
        ({"target": "fsLR-32k"}, "bigbrain-164k to fsLR-32k; expected spaces that one step joins"),
        ({"source": "fsLR-33k"}, "Did you mean"),
    ],
)
def test_bad_requests_are_refused(monkeypatch, arguments, message):
    """Unknown methods and spaces, numbers below 1, and routes of several steps."""
    monkeypatch.setattr(workbench, "is_installed", lambda: True)
    with pytest.raises(InputError, match=message):
        bench_resample(**arguments)


def test_without_workbench_nothing_is_measured(monkeypatch):
    """The message says how to get Workbench."""
    monkeypatch.setattr(workbench, "is_installed", lambda: False)
    with pytest.raises(InputError, match="connectome-workbench"):
        bench_resample()
