"""`bench scaling`: whole runs, files included, in several processes and in one."""

from dataclasses import replace

import numpy as np
import pytest

from cytosurf.bench import scaling as room
from cytosurf.bench.scaling import bench_scaling, measure_scaling
from cytosurf.errors import InputError


@pytest.fixture(scope="module")
def outcome(problem):
    """Return the benchmark on the toy cortex, in two processes."""
    return measure_scaling(problem, spins=6, jobs=2)


def test_figures_follow_from_each_other(outcome):
    """Speed is that by the clock, and the cost beside the spins is of its three parts."""
    assert outcome.failures == ()
    assert (outcome.n_spins, outcome.processes, outcome.n_classes) == (6, 2, 3)
    assert outcome.n_files == 3
    assert outcome.speedup == pytest.approx(outcome.spins_per_s / outcome.single_spins_per_s)
    parts = (outcome.split_cpu_ms, outcome.write_cpu_ms, outcome.merge_cpu_ms)
    assert min(*parts, outcome.spin_cpu_ms, outcome.start_s) > 0
    assert outcome.overhead == pytest.approx(sum(parts) / outcome.spin_cpu_ms)


def test_spins_that_depend_on_the_processes_are_seen(problem, monkeypatch):
    """As wrong, with a sentence."""
    add, calls = room._add, []

    def other(directory, test, n_spins, jobs):
        calls.append(jobs)
        add(directory, replace(test, seed=test.seed + (jobs == 1)), n_spins, 1)

    monkeypatch.setattr(room, "_add", other)
    found = measure_scaling(problem, spins=2, jobs=2)
    assert calls == [2, 2, 1]
    assert found.failures == ("the same spins gave other results in one process",)


def test_spins_that_left_nothing_are_the_same(tmp_path, monkeypatch):
    """NaN is no difference."""
    values = {"statistic": np.array([[np.nan]])}
    monkeypatch.setattr(room, "read_spins", lambda *_: values)
    assert room._same_spins(tmp_path, tmp_path, 1)


def test_bad_input():
    """One process scales over nothing."""
    with pytest.raises(InputError, match="jobs: found 1"):
        bench_scaling(jobs=1)
