"""Independent work over the worker processes of a Dask cluster, with the contract of `run_tasks`.

The cluster is one that runs already (its address), or Slurm jobs that are asked for and ended here
(a YAML file, see `cytosurf.compute.slurm`). The function and the arrays bound to it go to each
worker once. They are the result of a task, not scattered data: when every worker that held them
has died, they are made again, and so is whatever a killed worker was doing. Tasks are handed out
in windows and forgotten when their result is here, so the scheduler holds no more of 10,000 of
them than of a few.
"""

from __future__ import annotations

import socket
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar

from cytosurf.compute.progress import Progress
from cytosurf.compute.slurm import (
    WORKER_TIMEOUT,
    is_address,
    read_slurm_options,
    start_slurm_cluster,
)
from cytosurf.compute.versions import TO_THE_BIT, installed_versions
from cytosurf.errors import CytosurfError, CytosurfWarning, InputError

Task = TypeVar("Task")
Result = TypeVar("Result")

CONNECT_SECONDS = 5.0
POLL_SECONDS = 0.5
# Tasks that wait or run at any time: enough for each thread to have its next one at hand, and for
# a cluster that grows to ask for as many workers as there is work.
SMALLEST_WINDOW = 1024
TASKS_PER_THREAD = 4


def run_on_dask(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    scheduler: str,
    label: str = "",
) -> Iterator[Result]:
    """Call `function` on every task on a Dask cluster; yield results in any order.

    Parameters
    ----------
    function : callable
        Of one argument, importable on the workers. Large arrays bound to it
        (``functools.partial``) are sent to each worker once.
    tasks : sequence
        One argument for each call.
    scheduler : str
        ``"tcp://host:8786"``, or the path of a YAML file that describes Slurm jobs.
    label : str
        Shown beside the progress bar. There is no bar without a label or a terminal.

    Yields
    ------
    Result
        As calls finish. What a worker was doing when it was killed is done again.

    Raises
    ------
    InputError
        If Dask is not installed, the scheduler cannot be reached, the file is no description of
        Slurm jobs, or a worker has other versions than this process.
    CytosurfError
        If a task ended its worker time and again, the scheduler was lost, or no worker came in
        the time that is given to them (``worker_timeout`` of the file, a day otherwise).

    Warns
    -----
    CytosurfWarning
        If the scheduler has no worker yet; the first one is waited for.

    Examples
    --------
    >>> list(run_on_dask(abs, [-3, 2], scheduler="tcp://node1:8786"))  # doctest: +SKIP
    [2, 3]
    """
    if not tasks:
        return
    where = f"--scheduler {scheduler}"
    with _connected(scheduler) as client, Progress(label, len(tasks)) as bar:
        if not client.nthreads():
            message = f"{where}: there is no worker yet. Waiting for the first one."
            warnings.warn(message, CytosurfWarning, stacklevel=2)
        wait = partial(_wait_for_a_worker, client, _worker_timeout(scheduler), where)
        for result in _results(client, function, tasks, where, wait):
            bar.advance()
            yield result


def cluster_size(scheduler: str) -> int:
    """Return how many tasks a cluster does at once, having checked that it can be used.

    Parameters
    ----------
    scheduler : str
        As for `run_on_dask`.

    Returns
    -------
    int
        Threads of the workers that are connected now, or worker processes that the file asks for;
        at least 1.

    Raises
    ------
    InputError
        As from `run_on_dask`. No job is submitted.
    """
    if not is_address(scheduler):
        _need_dask(scheduler)
        options = read_slurm_options(scheduler)
        return options.n_workers or (options.adapt.maximum if options.adapt else 1)
    with _connected(scheduler) as client:
        return max(1, _n_threads(client))


@contextmanager
def _connected(scheduler: str) -> Iterator[Any]:
    """Give a client of the cluster; jobs that were started for it end with the block."""
    _need_dask(scheduler)
    from distributed import Client

    if not is_address(scheduler):
        with (
            start_slurm_cluster(scheduler) as cluster,
            Client(cluster, set_as_default=False) as client,
        ):
            yield client
        return
    where = f"--scheduler {scheduler}"
    try:
        _knock(scheduler)  # a client that cannot connect also takes long to end
        client = Client(scheduler, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, OverflowError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(
            where,
            f"no Dask scheduler there within {CONNECT_SECONDS:g} seconds ({first_line})",
            "the address of a running scheduler, such as tcp://host:8786, or a YAML file",
            "Start one with 'dask scheduler', workers with 'dask worker ADDRESS --nthreads 1 "
            "--nworkers 8', and check that no firewall lies between.",
        ) from None
    with client:
        _check_cluster(client, where)
        yield client


def _knock(address: str) -> None:
    """Wait until somebody listens at an address; raise `OSError` if nobody does for long."""
    from distributed.comm import get_address_host_port

    host, port = get_address_host_port(address)
    end = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            socket.create_connection((host, port), CONNECT_SECONDS).close()
            return
        except OSError:
            if time.monotonic() >= end:
                raise
            time.sleep(0.2)


def _need_dask(scheduler: str) -> None:
    try:
        import distributed  # noqa: F401
    except ImportError:
        raise InputError(
            f"--scheduler {scheduler}",
            "no Dask: the package distributed is not installed",
            "the extra 'cluster' of cytosurf",
            "Install it with: pip install 'cytosurf[cluster]'",
        ) from None


def _n_threads(client: Any) -> int:
    """Return how many threads the workers have; none where the scheduler is lost."""
    try:
        return sum(client.nthreads().values())
    except OSError:  # what became of the scheduler, the tasks will tell
        return 0


def _results(
    client: Any,
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    where: str,
    wait: Callable[[Any], None],
) -> Iterator[Result]:
    import dask
    from distributed import as_completed

    here = _versions()
    # The one large thing that is sent: nothing to warn of.
    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "4 GiB"}):
        shared = client.submit(_itself, function, pure=False)
    n_sent, window = 0, 0

    def more(n_running: int) -> list[Any]:
        nonlocal n_sent, window
        if n_sent == len(tasks) or n_running > window // 2:
            return []
        window = max(SMALLEST_WINDOW, TASKS_PER_THREAD * _n_threads(client))  # it may have grown
        new = tasks[n_sent : n_sent + window - n_running]
        n_sent += len(new)
        return [client.submit(_call, shared, task, here, where, pure=False) for task in new]

    # Tasks first: a cluster that adapts asks for workers when there is work.
    first = more(0)
    wait(first[0])
    running = as_completed(first, loop=client.loop)
    for future in running:
        result = _result_of(future, where)
        future.release()
        running.update(more(running.count()))
        yield result


def _worker_timeout(scheduler: str) -> float:
    return WORKER_TIMEOUT if is_address(scheduler) else read_slurm_options(scheduler).worker_timeout


def _wait_for_a_worker(client: Any, timeout_s: float, where: str, task: Any) -> None:
    """Return when there is a worker, or `task` has ended without one: the scheduler was lost."""
    end = time.monotonic() + timeout_s
    while task.status == "pending" and not _n_threads(client):
        left = end - time.monotonic()
        if left <= 0:
            raise CytosurfError(
                f"{where}: no worker came within {timeout_s:g} seconds. Look at the queue (squeue "
                "--me) and at what the jobs or workers wrote; a YAML file of Slurm jobs asks for "
                "more patience with worker_timeout. What is finished stays: the same command goes "
                "on from there."
            )
        time.sleep(min(left, POLL_SECONDS))


def _result_of(future: Any, where: str) -> Any:
    from concurrent.futures import CancelledError

    from distributed import KilledWorker

    again = "What is finished stays: the same command goes on from there."
    try:
        return future.result()
    except KilledWorker as error:
        raise CytosurfError(
            f"{where}: a task ended its worker {error.allowed_failures + 1} times, the last at "
            f"{error.last_worker.address}. Is the memory of the workers enough? {again}"
        ) from None
    except (CancelledError, OSError) as error:
        if isinstance(error, OSError) and future.status == "error":
            raise  # of the task itself
        raise CytosurfError(f"{where}: the scheduler was lost. {again}") from None


def _itself(function: Callable[[Task], Result]) -> Callable[[Task], Result]:
    return function


def _call(
    function: Callable[[Task], Result], task: Task, expected: dict[str, str], where: str
) -> Result:
    """Do a task on a worker, with one BLAS thread, in an environment that was checked."""
    from threadpoolctl import threadpool_limits

    _check_versions(_versions(), expected, f"a worker of {where}")
    threadpool_limits(1)  # for good: a worker has nothing else to do
    return function(task)


def _check_cluster(client: Any, where: str) -> None:
    """Refuse a cluster of other versions. Workers that come later are checked by `_call`."""
    here = _versions()
    there = client.get_versions(packages=list(TO_THE_BIT))
    for name, info in {"the scheduler": there["scheduler"], **there["workers"]}.items():
        found = info["packages"]
        python = ".".join(found["python"].split(".")[:2])
        versions = {"python": python} | {p: found[p] or "missing" for p in TO_THE_BIT}
        _check_versions(versions, here, f"{where}: {name}")


@cache
def _versions() -> dict[str, str]:
    """Return the versions of Python (major and minor) and of `TO_THE_BIT` in this process."""
    found = installed_versions(TO_THE_BIT)
    python = "{}.{}".format(*sys.version_info)
    return {"python": python} | {name: found.get(name, "missing") for name in TO_THE_BIT}


def _check_versions(found: Mapping[str, str], expected: Mapping[str, str], where: str) -> None:
    different = [name for name in expected if found[name] != expected[name]]
    if different:
        raise InputError(
            where,
            " and ".join(f"{name} {found[name]}" for name in different),
            " and ".join(f"{name} {expected[name]}" for name in different) + ", as here",
            "Start scheduler and workers in the environment of this command: results of "
            "different versions are not mixed.",
        )
