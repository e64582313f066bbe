"""Spins timed inside the processes that do them, with start-up and compilation apart."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.compute.pool import run_tasks
from cytosurf.decoding.fitters import ClassifierFitter
from cytosurf.nulls import SpinTest, fold_mean_macro_f1, run_spins
from cytosurf.nulls.rotations import Policy

Float64 = npt.NDArray[np.float64]
# As published, and the harder case for the assignment: two searches per spin.
POLICY: Policy = "independent"
STATUS = Path("/proc/self/status")


@dataclass(frozen=True, eq=False)
class Share:
    """What one process did with the spins of one test.

    Attributes
    ----------
    process : int
        Its number.
    start_cpu_s : float
        CPU seconds that the process had taken when its work began: imports, mostly.
    first_cpu_s : float
        CPU seconds of a first spin, which loads or compiles the kernels and is not counted.
    spins : (n,) int64
        Indices of the spins that are counted.
    cpu_s : (n,) float64
        CPU seconds of each: assignment and all refits.
    wall_s : (n,) float64
        Seconds that each took by the clock.
    statistic : (n, n_sets) float64
        Fold mean of macro-F1 of each spin.
    peak_bytes : int or None
        Largest resident memory of the process so far; None where the system does not tell.
    """

    process: int
    start_cpu_s: float
    first_cpu_s: float
    spins: npt.NDArray[np.int64]
    cpu_s: Float64
    wall_s: Float64
    statistic: Float64
    peak_bytes: int | None


@dataclass(frozen=True)
class EngineCost:
    """What spins cost.

    Attributes
    ----------
    name : str
        Whose refits.
    processes, n_spins : int
        Processes, and spins that were timed.
    cpu_ms_mean, cpu_ms_median : float
        CPU milliseconds per spin.
    spins_per_s : float
        By the clock, all processes together; falls when others use the machine.
    first_spin_cpu_s : float
        CPU seconds that the first spin of a process took above an ordinary one, the longest.
    """

    name: str
    processes: int
    n_spins: int
    cpu_ms_mean: float
    cpu_ms_median: float
    spins_per_s: float
    first_spin_cpu_s: float


def time_spins(
    tests: Sequence[SpinTest], n_spins: int, jobs: int, label: str = ""
) -> list[list[Share]]:
    """Do the spins 0 to ``n_spins - 1`` in `jobs` processes, and time them.

    Each process does all its spins of one test before those of the next, as a run would: whoever
    takes turns spin by spin finds the other's data in the processor's cache.

    Parameters
    ----------
    tests : sequence of SpinTest
        What to do the spins of, one after the other.
    n_spins, jobs : int
        Spins, and processes; 1 is this one.
    label : str
        Shown beside a progress bar.

    Returns
    -------
    list of list of Share
        For each test, one of each process that had something to do, in the same order.
    """
    work = partial(_do_share, tests=tests)
    shares = list(run_tasks(work, split(n_spins, jobs), jobs=jobs, label=label))
    return [[of_process[i] for of_process in shares] for i in range(len(tests))]


def split(n_spins: int, jobs: int) -> list[range]:
    """Deal spins to processes, none to those that are too many.

    Examples
    --------
    >>> [list(share) for share in split(5, 2)]
    [[0, 2, 4], [1, 3]]
    """
    return [range(n_spins)[first::jobs] for first in range(min(jobs, n_spins))]


def _do_share(spins: Sequence[int], tests: Sequence[SpinTest]) -> list[Share]:
    numbers = np.array(spins, dtype=np.int64)
    shares = []
    for test in tests:
        start_cpu_s = time.process_time()
        first_cpu_s = _first_spin(test, spins[0])
        timed = zip(*(_timed_spin(test, k) for k in spins), strict=True)
        cpu_s, wall_s, statistic = (np.array(column) for column in timed)
        own = (os.getpid(), start_cpu_s, first_cpu_s, numbers, cpu_s, wall_s, statistic)
        shares.append(Share(*own, peak_bytes()))
    return shares


def _first_spin(test: SpinTest, k: int) -> float:
    """Load or compile the kernels; return the CPU seconds. scikit-learn has none, and is slow."""
    if isinstance(test.decoders[0].fitter, ClassifierFitter):
        import sklearn.pipeline
        import sklearn.preprocessing  # noqa: F401

        return 0.0
    return _timed_spin(test, k)[0]


def _timed_spin(test: SpinTest, k: int) -> tuple[float, float, Float64]:
    """Do one spin; return its CPU seconds, its seconds by the clock, and its statistic."""
    start_cpu, start = time.process_time(), time.perf_counter()
    chunk = run_spins(test, [k], POLICY)
    cpu_s, wall_s = time.process_time() - start_cpu, time.perf_counter() - start
    return cpu_s, wall_s, fold_mean_macro_f1(chunk.counts.marginals())[0]


def by_spin(shares: Sequence[Share]) -> tuple[Float64, Float64]:
    """Return CPU seconds (n,) and statistics (n, n_sets) in the order of the spins."""
    order = np.argsort(np.concatenate([share.spins for share in shares]))
    cpu_s = np.concatenate([share.cpu_s for share in shares])[order]
    return cpu_s, np.concatenate([share.statistic for share in shares])[order]


def joined(first: Share, second: Share) -> Share:
    """Return what one process did in two goes as one."""
    return replace(
        first,
        spins=np.concatenate([first.spins, second.spins]),
        cpu_s=np.concatenate([first.cpu_s, second.cpu_s]),
        wall_s=np.concatenate([first.wall_s, second.wall_s]),
        statistic=np.concatenate([first.statistic, second.statistic]),
    )


def cost_of(name: str, shares: Sequence[Share]) -> EngineCost:
    """Summarise what the spins of all processes cost.

    Parameters
    ----------
    name : str
        Whose refits.
    shares : sequence of Share
        From `time_spins`.
    """
    cpu_s, _ = by_spin(shares)
    ordinary = float(np.median(cpu_s))
    return EngineCost(
        name=name,
        processes=len(shares),
        n_spins=len(cpu_s),
        cpu_ms_mean=float(cpu_s.mean()) * 1000,
        cpu_ms_median=ordinary * 1000,
        spins_per_s=float(sum(len(share.spins) / share.wall_s.sum() for share in shares)),
        first_spin_cpu_s=max(0.0, *(share.first_cpu_s - ordinary for share in shares)),
    )


def longest_start_s(shares: Sequence[Share]) -> float | None:
    """Return the CPU seconds that the start of a process took; None in this process alone.

    Parameters
    ----------
    shares : sequence of Share
        The first work of these processes.
    """
    others = (share.start_cpu_s for share in shares if share.process != os.getpid())
    return max(others, default=None)


def total_peak_mb(shares: Sequence[Share], own_bytes: int | None) -> float | None:
    """Return the sum of the largest memories of this process and of all others, in MB.

    An upper bound: they need not have been at their largest together, and what they share through
    memory maps is counted in each.

    Parameters
    ----------
    shares : sequence of Share
        Of all processes.
    own_bytes : int or None
        `peak_bytes` of this process.
    """
    peaks = {os.getpid(): own_bytes}
    for share in shares:
        peaks[share.process] = share.peak_bytes
    known = [peak for peak in peaks.values() if peak is not None]
    return sum(known) / 1e6 if len(known) == len(peaks) else None


def peak_bytes() -> int | None:
    """Return the largest resident memory of this process so far; None where it is not known."""
    # getrusage of a new process may still hold the peak of the one that started it.
    try:
        lines = dict(line.split(":", 1) for line in STATUS.read_text("ascii").splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        pass
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
