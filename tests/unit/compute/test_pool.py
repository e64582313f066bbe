"""Work gives the same results wherever it runs, and shows itself in a terminal only."""

import io
import os
import signal
import sys
import threading
import time
from functools import partial

import joblib.parallel
import numpy as np
import pytest
import threadpoolctl

from cytosurf.compute.pool import resolve_jobs, run_tasks
from cytosurf.errors import CytosurfError, InputError

WAYS = [
    pytest.param({"jobs": 1}, id="here"),
    pytest.param({"jobs": 2, "threads": True}, id="threads"),
    pytest.param({"jobs": 2}, id="processes"),
]


def slow_for_the_first(number, shared):
    """Return number, a sum over shared memory, and where it ran; the first task is the slowest."""
    time.sleep(0.1 if number == 0 else 0)
    return number, float(shared[number:].sum()), (os.getpid(), threading.get_ident())


def fail_at_three(number):
    """Raise an error that carries its own fields."""
    if number == 3:
        raise InputError("task", "3", "anything else", "Try 4.")
    return number


def die(_):
    """Kill the own process."""
    os.kill(os.getpid(), signal.SIGKILL)


def thread_limits(_):
    """Return the thread limits that a task sees."""
    np.ones((2, 2)) @ np.ones((2, 2))
    pools = threadpoolctl.threadpool_info()
    return os.environ.get("OMP_NUM_THREADS"), {pool["num_threads"] for pool in pools}


class Terminal(io.StringIO):
    """A stream that says it is a terminal, or not."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        """Return what was said."""
        return self.terminal


@pytest.fixture
def stderr(monkeypatch):
    """Return a function that puts a terminal, or a file, in the place of standard error."""

    def replace(terminal):
        stream = Terminal(terminal)
        monkeypatch.setattr(sys, "stderr", stream)
        monkeypatch.setenv("TERM", "xterm")
        return stream

    return replace


class TestRunTasks:
    """Many calls of one function."""

    @pytest.mark.parametrize("ways", WAYS)
    def test_results_do_not_depend_on_the_way(self, ways):
        """One result for each task, equal for one job, threads and processes."""
        work = partial(slow_for_the_first, shared=np.arange(200_000.0))  # large: a memory map
        found = sorted(run_tasks(work, range(6), **ways))
        assert [(number, total) for number, total, _ in found] == [
            (number, np.arange(number, 200_000.0).sum()) for number in range(6)
        ]
        places = {place for _, _, place in found}
        here = (os.getpid(), threading.get_ident())
        if ways["jobs"] == 1:
            assert places == {here}
        elif ways.get("threads"):
            assert {pid for pid, _ in places} == {os.getpid()}
            assert here not in places
        else:
            assert os.getpid() not in {pid for pid, _ in places}

    @pytest.mark.parametrize("ways", WAYS)
    def test_an_error_comes_out_as_it_was_raised(self, ways):
        """Of the same type, with the same message and fields."""
        with pytest.raises(InputError, match=r"task: found 3; .* Try 4\.") as caught:
            list(run_tasks(fail_at_three, range(8), **ways))
        assert caught.value.way_out == "Try 4."

    def test_a_process_that_is_killed(self):
        """Ends the work with one message: how to need less memory, and to go on."""
        with pytest.raises(CytosurfError, match=r"One of 2 processes was killed.*--jobs.*goes on"):
            list(run_tasks(die, range(8), jobs=2))

    @pytest.mark.parametrize("ways", WAYS)
    def test_no_tasks(self, ways):
        """Nothing to do gives nothing."""
        assert list(run_tasks(fail_at_three, [], **ways)) == []

    @pytest.mark.parametrize("threads", [True, False])
    def test_a_single_task_runs_here(self, threads):
        """Whatever was asked for: starting workers would only cost time."""
        work = partial(slow_for_the_first, shared=np.zeros(3))
        ((_, _, place),) = run_tasks(work, [1], jobs=4, threads=threads)
        assert place == (os.getpid(), threading.get_ident())

    def test_one_job_runs_task_by_task(self):
        """The next task starts when its result is wanted, and the order is kept."""
        started = []
        results = run_tasks(lambda number: started.append(number) or number, [3, 1, 2])
        assert started == []
        assert next(results) == 3
        assert started == [3]
        assert list(results) == [1, 2]

    @pytest.mark.filterwarnings("ignore:.*tasks.* have been:UserWarning:joblib")
    @pytest.mark.parametrize("ways", WAYS)
    def test_results_come_as_they_finish(self, ways):
        """A caller may take a few and leave; nothing hangs."""
        work = partial(slow_for_the_first, shared=np.zeros(10))
        results = run_tasks(work, range(6), **ways)
        first, _, _ = next(results)
        assert first == 0 if ways["jobs"] == 1 else first in range(6)
        results.close()


class TestThreadsOfLibraries:
    """One BLAS thread for each worker."""

    def test_inside_a_task(self):
        """The limit holds in the task, and the caller has its own again between results."""
        with threadpoolctl.threadpool_limits(2):
            outside = thread_limits(None)[1]
            results = run_tasks(thread_limits, range(2))
            assert next(results)[1] == {1}
            assert thread_limits(None)[1] == outside
            assert next(results)[1] == {1}

    def test_inside_a_thread(self):
        """All threads work under the limit, OpenMP's own too, which is gone afterwards."""
        import sklearn.cluster  # noqa: F401  (loads OpenMP)

        with threadpoolctl.threadpool_limits(2):
            outside = thread_limits(None)[1]
            seen = list(run_tasks(thread_limits, range(4), jobs=2, threads=True))
            assert thread_limits(None)[1] == outside
        assert all(limits == {1} for _, limits in seen)

    def test_inside_a_process(self, monkeypatch):
        """Workers are told before they load anything, whatever the caller's environment says."""
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        seen = list(run_tasks(thread_limits, range(2), jobs=2))
        assert seen == [("1", {1})] * 2

    def test_the_callers_joblib_is_left_alone(self):
        """Between results, the caller's own parallel code runs as it would without ours."""
        before = joblib.parallel.get_active_backend()
        results = run_tasks(fail_at_three, [1, 2], jobs=2)
        next(results)
        during = joblib.parallel.get_active_backend()
        list(results)
        assert type(during[0]) is type(before[0])
        assert during[0].inner_max_num_threads == before[0].inner_max_num_threads


class TestProgress:
    """A bar on standard error."""

    def test_a_terminal_sees_the_label_and_the_count(self, stderr):
        """And has its cursor back at the end."""
        stream = stderr(terminal=True)
        assert list(run_tasks(abs, [-1, -2, -3], label="Spins")) == [1, 2, 3]
        text = stream.getvalue()
        assert "Spins" in text
        assert "3/3" in text
        assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")

    def test_the_cursor_comes_back_after_an_error(self, stderr):
        """The bar is taken down before the message."""
        stream = stderr(terminal=True)
        with pytest.raises(InputError):
            list(run_tasks(fail_at_three, range(5), label="Spins"))
        text = stream.getvalue()
        assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")

    @pytest.mark.parametrize(("terminal", "label"), [(False, "Spins"), (True, "")])
    def test_nothing_is_written_otherwise(self, stderr, terminal, label):
        """A log file, or work without a label, stays clean."""
        stream = stderr(terminal=terminal)
        list(run_tasks(abs, [-1, -2], label=label))
        assert stream.getvalue() == ""


class TestResolveJobs:
    """How many at once."""

    def test_as_many_as_there_are_cores_for_us(self, monkeypatch):
        """A cluster job sees its own cores, not those of the node."""
        monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
        assert resolve_jobs(None) == 3

    @pytest.mark.parametrize(("count", "jobs"), [(6, 6), (None, 1)])
    def test_where_the_system_does_not_say(self, monkeypatch, count, jobs):
        """All cores, or one."""
        monkeypatch.delattr(os, "sched_getaffinity", raising=False)
        monkeypatch.setattr(os, "cpu_count", lambda: count)
        assert resolve_jobs(None) == jobs

    @pytest.mark.parametrize("jobs", [1, 7, 1000])
    def test_as_given(self, jobs):
        """Also more than there are cores."""
        assert resolve_jobs(jobs) == jobs

    @pytest.mark.parametrize("jobs", [0, -1])
    def test_refuses_less_than_one(self, jobs):
        """There is no 'all but one' here."""
        with pytest.raises(InputError, match="--jobs: found"):
            resolve_jobs(jobs)
