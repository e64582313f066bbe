"""A Dask cluster gives what local processes give, also when its workers are killed."""

import json
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

pytest.importorskip("distributed", reason="needs the extra 'cluster'")

from distributed import LocalCluster

from cytosurf.compute import cluster as module
from cytosurf.compute.cluster import cluster_size, run_on_dask
from cytosurf.compute.pool import run_tasks
from cytosurf.errors import CytosurfError, CytosurfWarning, InputError


@pytest.fixture
def address(cluster):
    """Return the address of its scheduler once both workers are there."""
    wait_until(lambda: len(cluster.scheduler.workers) == 2)
    return cluster.scheduler_address


def wait_until(condition):
    """Return when a condition holds; fail if it does not for a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def total_from(number, shared):
    """Return number, and a sum over an array that all calls share."""
    return number, float(shared[number:].sum())


def where_it_ran(number, shared):
    """Return the process that a call ran in."""
    time.sleep(0.05)
    return os.getpid()


def die_once(number, marker):
    """Kill the own process in call 5, unless that has happened."""
    if number == 5 and not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


def die(_):
    """Kill the own process."""
    os.kill(os.getpid(), signal.SIGKILL)


def fail_at_three(number):
    """Raise an error that carries its own fields."""
    if number == 3:
        raise InputError("task", "3", "anything else", "Try 4.")
    return number


def full_disk(_):
    """Raise what a full disk raises."""
    raise OSError(28, "No space left on device")


def thread_limits(_):
    """Return the thread limits that a task sees."""
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}


class Counted:
    """Something to compute with that notes in a folder whenever a process unpacks it."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, number):
        """Return the number."""
        return number

    def __setstate__(self, state):
        """Leave a note."""
        self.__dict__.update(state)
        (self.folder / f"{os.getpid()}-{time.monotonic_ns()}").touch()


class TestRunOnDask:
    """Many calls of one function."""

    def test_equal_to_local_processes(self, address):
        """Every task once, with the same results; both workers take part."""
        work = partial(total_from, shared=np.arange(2_000_000.0))
        found = sorted(run_on_dask(work, range(40), scheduler=address))
        assert found == sorted(run_tasks(work, range(40), jobs=1))
        seen = set(run_on_dask(partial(where_it_ran, shared=0), range(40), scheduler=address))
        assert len(seen) == 2
        assert os.getpid() not in seen

    def test_no_tasks(self):
        """Nothing to do needs no cluster."""
        assert list(run_on_dask(abs, [], scheduler="tcp://127.0.0.1:1")) == []

    def test_a_worker_killed_in_its_task(self, address, tmp_path):
        """The task is done again, and nothing else is lost."""
        marker = tmp_path / "killed"
        found = run_on_dask(partial(die_once, marker=marker), range(12), scheduler=address)
        assert sorted(found) == [number**2 for number in range(12)]
        assert marker.exists()

    def test_all_workers_killed(self, cluster, address):
        """Even the arrays that all tasks share are made again."""
        work = partial(total_from, shared=np.arange(300_000.0))
        results = run_on_dask(work, range(40), scheduler=address)
        found = [next(results)]
        for worker in cluster.workers.values():
            os.kill(worker.pid, signal.SIGKILL)
        found += results
        assert sorted(found) == [work(number) for number in range(40)]

    def test_a_task_that_kills_every_worker(self, cluster, address, monkeypatch):
        """Is given up, saying how often it was tried and what to look at."""
        monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
        with pytest.raises(CytosurfError, match=r"ended its worker 1 times.*memory.*goes on"):
            list(run_on_dask(die, [1], scheduler=address))

    def test_an_error_comes_out_as_it_was_raised(self, address):
        """Of the same type, with the same fields; a full disk is not taken for a lost cluster."""
        with pytest.raises(InputError, match=r"task: found 3; .* Try 4\.") as caught:
            list(run_on_dask(fail_at_three, range(8), scheduler=address))
        assert caught.value.way_out == "Try 4."
        with pytest.raises(OSError, match="No space left") as caught:
            list(run_on_dask(full_disk, [1], scheduler=address))
        assert caught.value.errno == 28

    def test_one_blas_thread(self, address):
        """In every worker."""
        assert set(map(tuple, run_on_dask(thread_limits, range(4), scheduler=address))) == {(1,)}

    def test_the_function_is_sent_once_to_each_worker(self, address, tmp_path):
        """However many tasks there are."""
        assert len(list(run_on_dask(Counted(tmp_path), range(60), scheduler=address))) == 60
        elsewhere = [p for p in tmp_path.iterdir() if not p.name.startswith(f"{os.getpid()}-")]
        assert 1 <= len(elsewhere) <= 4  # two workers; one also unpacks the task that makes it

    def test_the_scheduler_holds_a_window_of_tasks(self, cluster, address, monkeypatch):
        """It knows of no more at a time, and of none at the end."""
        monkeypatch.setattr(module, "SMALLEST_WINDOW", 10)
        results = run_on_dask(abs, range(60), scheduler=address)
        held = [len(cluster.scheduler.tasks) for _ in results]
        assert max(held) <= 10 + 1 + 1  # the shared function, and a result just let go
        wait_until(lambda: not cluster.scheduler.tasks)

    def test_leaving_early_cancels_the_rest(self, cluster, address):
        """A caller may take a few results and go; the cluster is free for others."""
        results = run_on_dask(partial(where_it_ran, shared=0), range(1000), scheduler=address)
        next(results)
        results.close()
        wait_until(lambda: not cluster.scheduler.tasks)

    def test_a_lost_scheduler(self, tmp_path, monkeypatch):
        """Ends with a message that says how to go on, not with a wait for ever."""
        monkeypatch.setattr(module, "CONNECT_SECONDS", 1.0)
        note = tmp_path / "scheduler.json"
        command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
        command += ["--port", "0", "--dashboard-address", "127.0.0.1:0"]
        with subprocess.Popen(
            [*command, "--scheduler-file", note], stderr=subprocess.DEVNULL
        ) as process:
            wait_until(note.exists)
            threading.Timer(0.5, process.kill).start()
            address = json.loads(note.read_text())["address"]
            with (
                pytest.warns(CytosurfWarning, match="no worker yet"),
                pytest.raises(CytosurfError, match=r"scheduler was lost\. .*goes on from there"),
            ):
                list(run_on_dask(abs, [1, 2], scheduler=address))

    def test_no_worker_ever(self, monkeypatch):
        """Is waited for as long as is said, then there is a message that says where to look."""
        monkeypatch.setattr(module, "WORKER_TIMEOUT", 0.3)
        with (
            LocalCluster(n_workers=0, dashboard_address="127.0.0.1:0") as empty,
            pytest.warns(CytosurfWarning, match="no worker yet"),
            pytest.raises(CytosurfError, match=r"no worker came within 0\.3 seconds.*squeue"),
        ):
            list(run_on_dask(abs, [1, 2], scheduler=empty.scheduler_address))


class TestCluster:
    """What is asked of a cluster before work begins."""

    def test_the_size(self, address):
        """One task for each thread."""
        assert cluster_size(address) == 2
        assert cluster_size(address.removeprefix("tcp://")) == 2

    @pytest.mark.parametrize("scheduler", ["tcp://127.0.0.1:1", "127.0.0.1:1", "pigeon://roof:1"])
    def test_nobody_there(self, scheduler, monkeypatch):
        """The message names the option, what was tried, and how to start a scheduler."""
        monkeypatch.setattr(module, "CONNECT_SECONDS", 0.3)
        pattern = rf"--scheduler {scheduler}: found no Dask scheduler .* 0\.3 s.*; .*dask scheduler"
        for attempt in (cluster_size, lambda s: list(run_on_dask(abs, [1], scheduler=s))):
            start = threading.active_count()
            with pytest.raises(InputError, match=pattern):
                attempt(scheduler)
            assert threading.active_count() == start

    def test_without_dask(self, monkeypatch):
        """The message names the extra that brings it."""
        monkeypatch.setitem(sys.modules, "distributed", None)
        for scheduler in ("tcp://127.0.0.1:1", "cluster.yaml"):
            with pytest.raises(InputError, match=r"pip install 'cytosurf\[cluster\]'"):
                cluster_size(scheduler)

    @pytest.mark.parametrize("name", ["python", "cytosurf"])
    def test_other_versions(self, address, monkeypatch, name):
        """Are refused before anything is sent, naming both."""
        here = module._versions()
        monkeypatch.setattr(module, "_versions", lambda: here | {name: "0.0"})
        pattern = rf"found {name} {here[name]}; expected {name} 0\.0, as here.*environment"
        with pytest.raises(InputError, match=pattern):
            cluster_size(address)

    def test_other_versions_of_a_late_worker(self, address, monkeypatch):
        """Each call looks for itself: a worker may come after the work has begun."""
        monkeypatch.setattr(module, "_check_cluster", lambda *_: None)
        here = module._versions()
        monkeypatch.setattr(module, "_versions", lambda: here | {"cytosurf": "0.0"})
        with pytest.raises(InputError, match=r"a worker of .*expected cytosurf 0\.0, as here"):
            list(run_on_dask(abs, [1], scheduler=address))


def fake_slurm(folder):
    """Put commands into a folder that take Slurm's place: jobs run on this machine, at once."""
    scripts = {  # the script that is submitted does not stay there
        "sbatch": f'cp "$1" {folder}/job.sh; setsid bash {folder}/job.sh >/dev/null 2>&1 & '
        'echo "Submitted batch job $!"',
        "scancel": 'for job in "$@"; do kill -- "-$job" 2>/dev/null; done; true',
    }
    for name, line in scripts.items():
        path = Path(folder) / name
        path.write_text(f"#!/bin/bash\n{line}\n")
        path.chmod(0o755)


def test_slurm_jobs_that_never_start(tmp_path, monkeypatch):
    """The file says how long they may queue."""
    pytest.importorskip("dask_jobqueue", reason="needs the extra 'cluster'")
    fake_slurm(tmp_path)
    (tmp_path / "sbatch").write_text('#!/bin/bash\necho "Submitted batch job 7"\n')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    path = tmp_path / "cluster.yaml"
    path.write_text(
        "{cores: 1, memory: 1GB, walltime: '00:05:00', n_workers: 1, worker_timeout: 0.3,"
        f" scheduler_options: {{host: 127.0.0.1}}, local_directory: {tmp_path}}}"
    )
    with (
        pytest.warns(CytosurfWarning, match="no worker yet"),
        pytest.raises(CytosurfError, match=r"within 0\.3 seconds.* worker_timeout"),
    ):
        list(run_on_dask(operator.neg, range(3), scheduler=str(path)))


def test_slurm_jobs(tmp_path, monkeypatch):
    """A YAML file starts jobs, the work is done in them, and they are cancelled at the end."""
    pytest.importorskip("dask_jobqueue", reason="needs the extra 'cluster'")
    fake_slurm(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    path = tmp_path / "cluster.yaml"
    path.write_text(
        "{cores: 1, memory: 1GB, walltime: '00:05:00', n_workers: 1,"
        f" scheduler_options: {{host: 127.0.0.1}}, local_directory: {tmp_path}}}"
    )
    assert cluster_size(str(path)) == 1
    with pytest.warns(CytosurfWarning, match="no worker yet"):
        found = list(run_on_dask(operator.neg, range(3), scheduler=str(path)))
    assert sorted(found) == [-2, -1, 0]
