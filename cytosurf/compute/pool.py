"""Independent work over the cores of one machine, with a progress bar and one BLAS thread each."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from cytosurf.errors import InputError

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

    Examples
    --------
    >>> sorted(run_tasks(abs, [-3, 2]))
    [2, 3]
    """
    with _Progress(label, len(tasks)) as advance:
        for result in _results(function, tasks, jobs, threads):
            advance()
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

    calls = (delayed(function)(task) for task in tasks)
    if threads:
        with threadpool_limits(1):
            yield from Parallel(n_jobs=jobs, backend="threading", return_as="generator_unordered")(
                calls
            )
        return
    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
    yield from parallel(calls)  # outside: the configuration is not the caller's between results


class _Progress:
    """A bar with remaining time on standard error; nothing when that is not a terminal."""

    def __init__(self, label: str, total: int) -> None:
        self.shown = bool(label) and sys.stderr.isatty()
        self.label, self.total = label, total

    def __enter__(self) -> Callable[[], None]:
        if not self.shown:
            return lambda: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
        self.progress = Progress(*columns, console=Console(stderr=True))
        self.progress.start()
        task = self.progress.add_task(self.label, total=self.total)
        return lambda: self.progress.advance(task)

    def __exit__(self, *_: object) -> None:
        if self.shown:
            self.progress.stop()
