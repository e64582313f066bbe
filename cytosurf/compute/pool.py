"""Independent work over the cores of one machine, with a progress bar and one BLAS thread each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from cytosurf.compute.progress import Progress
from cytosurf.errors import CytosurfError, InputError

Task = TypeVar("Task")
Result = TypeVar("Result")


def resolve_jobs(jobs: int | None) -> int:
    """Return the number of processes: as given, or one for each core this process may use.

    Raises
    ------
    InputError
        If `jobs` is below 1.
    """
    if jobs is None:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if jobs < 1:
        raise InputError("--jobs", str(jobs), "a whole number of at least 1")
    return jobs


def run_tasks(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    *,
    jobs: int = 1,
    label: str = "",
    threads: bool = False,
) -> Iterator[Result]:
    """Call `function` on every task in `jobs` processes or threads; yield results in any order.

    Parameters
    ----------
    function : callable
        Of one argument. Large arrays bound to it (``functools.partial``) are shared between the
        processes through memory maps.
    tasks : sequence
        One argument for each call.
    jobs : int
        Processes or threads; 1 runs in this one.
    label : str
        Shown beside the progress bar. There is no bar without a label or a terminal.
    threads : bool
        Threads of this process start at once, and pay where the work is in kernels that let go
        of the interpreter; processes scale further and take seconds to start.

    Yields
    ------
    Result
        As calls finish.

    Raises
    ------
    CytosurfError
        If a process was killed; what others raise comes out as it was raised.

    Examples
    --------
    >>> sorted(run_tasks(abs, [-3, 2]))
    [2, 3]
    """
    with Progress(label, len(tasks)) as bar:
        for result in _results(function, tasks, jobs, threads):
            bar.advance()
            yield result


def _results(
    function: Callable[[Task], Result], tasks: Sequence[Task], jobs: int, threads: bool
) -> Iterator[Result]:
    from threadpoolctl import threadpool_limits

    if jobs == 1 or len(tasks) <= 1:
        for task in tasks:
            with threadpool_limits(1):
                result = function(task)
            yield result
        return
    from joblib import Parallel, delayed, parallel_config
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    if threads:
        # BLAS has one limit for the process, OpenMP one for each thread.
        limited = (delayed(_with_one_thread)(function, task) for task in tasks)
        with threadpool_limits(1):
            parallel = Parallel(n_jobs=jobs, backend="threading", return_as="generator_unordered")
            yield from parallel(limited)
        return
    calls = (delayed(function)(task) for task in tasks)
    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
    try:
        yield from parallel(calls)  # outside: the configuration is not the caller's between results
    except TerminatedWorkerError:
        raise CytosurfError(
            f"One of {jobs} processes was killed. Is the memory enough? Fewer of them need less "
            "(--jobs). What is finished stays: the same command goes on from there."
        ) from None


def _with_one_thread(function: Callable[[Task], Result], task: Task) -> Result:
    """Call `function` with libraries held to one thread in the calling thread too."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return function(task)
