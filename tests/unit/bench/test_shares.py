"""Spins are timed where they are done, each once, and the times add up."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cytosurf.bench import shares as room
from cytosurf.bench.shares import (
    Share,
    by_spin,
    cost_of,
    joined,
    longest_start_s,
    peak_bytes,
    split,
    time_spins,
    total_peak_mb,
)
from cytosurf.nulls import fold_mean_macro_f1, run_spins

HERE = os.getpid()


def share(spins, cpu_s, process=HERE, wall_s=None, peak=10**6, first_cpu_s=0.5):
    """Return a share with the spins' numbers as statistics."""
    spins, cpu_s = np.array(spins), np.array(cpu_s, float)
    wall = cpu_s if wall_s is None else np.array(wall_s, float)
    return Share(process, 3.0, first_cpu_s, spins, cpu_s, wall, spins[:, None] / 100, peak)


@given(n_spins=st.integers(1, 50), jobs=st.integers(1, 60))
def test_every_spin_is_dealt_once_and_evenly(n_spins, jobs):
    """No process has two more than another, and none has nothing."""
    shares = split(n_spins, jobs)
    assert sorted(k for s in shares for k in s) == list(range(n_spins))
    sizes = [len(s) for s in shares]
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1


@pytest.mark.parametrize("jobs", [1, 2])
def test_statistics_are_those_of_the_spins(problem, jobs):
    """Timed or not, in one process or two: the same scores to the bit, of each test."""
    test = problem.spin_test()
    other = replace(test, seed=9)
    found = time_spins([test, other], 3, jobs)
    assert [len(of_test) for of_test in found] == [jobs] * 2
    for which, of_test in zip((test, other), found, strict=True):
        cpu_s, statistic = by_spin(of_test)
        chunk = run_spins(which, range(3), "independent")
        expected = fold_mean_macro_f1(chunk.counts.marginals())
        np.testing.assert_array_equal(statistic, expected)
        assert (cpu_s > 0).all()
    processes = {s.process for of_test in found for s in of_test}
    assert len(processes) <= jobs
    assert (HERE in processes) == (jobs == 1)


def test_the_first_spin_is_told_apart(problem, monkeypatch):
    """Kernels are loaded before: the first spin of a process is done twice."""
    calls = []

    def run(test, spins, policy):
        calls.append((list(spins), policy))
        return run_spins(test, spins, policy)

    monkeypatch.setattr(room, "run_spins", run)
    ((found,),) = time_spins([problem.spin_test()], 2, 1)
    assert calls == [([k], "independent") for k in (0, 0, 1)]
    assert found.first_cpu_s > 0


def test_cpu_time_is_not_that_of_the_clock(problem, monkeypatch):
    """Waiting costs no CPU time."""
    done = run_spins(problem.spin_test(), [0], "independent")

    def wait(*_):
        time.sleep(0.2)
        return done

    monkeypatch.setattr(room, "run_spins", wait)
    ((found,),) = time_spins([problem.spin_test()], 1, 1)
    assert found.wall_s[0] >= 0.19
    assert found.cpu_s[0] < 0.19


def test_costs_by_hand():
    """Means over spins; speeds of processes add; the first spin is what it took above others."""
    found = cost_of(
        "ours",
        [
            share([1, 3], [0.2, 0.4], wall_s=[1, 1], first_cpu_s=1.0),
            share([0, 2, 4], [0.3, 0.3, 0.8], process=-1, wall_s=[1, 1, 4], first_cpu_s=0.4),
        ],
    )
    assert (found.name, found.processes, found.n_spins) == ("ours", 2, 5)
    assert found.cpu_ms_mean == pytest.approx(400)
    assert found.cpu_ms_median == pytest.approx(300)
    assert found.spins_per_s == pytest.approx(2 / 2 + 3 / 6)
    assert found.first_spin_cpu_s == pytest.approx(0.7)


def test_spins_are_put_in_order():
    """Whatever process did them."""
    cpu_s, statistic = by_spin([share([1, 3], [1, 3]), share([0, 2], [0, 2])])
    assert cpu_s.tolist() == [0, 1, 2, 3]
    assert statistic[:, 0].tolist() == [0, 0.01, 0.02, 0.03]


def test_two_goes_are_one():
    """Nothing is lost, and the first spin is the first."""
    both = joined(share([0], [1], first_cpu_s=5.0), share([0], [2], first_cpu_s=0.1))
    assert both.cpu_s.tolist() == [1, 2]
    assert both.first_cpu_s == 5.0


def test_memory_is_the_sum_over_processes():
    """Each process counts once, this one with the rest; unknown is unknown."""
    of_two = [share([0], [1], process=-1, peak=3 * 10**6), share([1], [1], process=-2)]
    assert total_peak_mb(of_two, 5 * 10**6) == 9
    assert total_peak_mb([share([0], [1], peak=4 * 10**6)], 10**6) == 4
    assert total_peak_mb([share([0], [1], process=-1, peak=None)], 10**6) is None


def test_the_start_of_this_process_is_not_the_pools():
    """What it had done before has nothing to do with spins."""
    assert longest_start_s([share([0], [1])]) is None
    assert longest_start_s([share([0], [1]), share([1], [1], process=-1)]) == 3.0


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc")
def test_memory_of_this_process():
    """It is at least what is resident now, and no more than the system has ever seen."""
    now = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    resource = pytest.importorskip("resource")
    assert now * resource.getpagesize() <= peak_bytes()
    assert peak_bytes() <= 1.01 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def test_memory_where_there_is_no_proc(monkeypatch):
    """The system's own count is used, and none where there is none."""
    monkeypatch.setattr(room, "STATUS", Path("/no/such/file"))
    assert peak_bytes() > 20e6
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_bytes() is None
