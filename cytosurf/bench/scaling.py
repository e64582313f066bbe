"""What a whole run of spins costs beyond the spins: more processes, splitting, writing, merging."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cytosurf.bench.conditions import Conditions, check_at_least, conditions, load_average
from cytosurf.bench.problem import BenchProblem, load_problem
from cytosurf.bench.shares import POLICY
from cytosurf.compute.pool import resolve_jobs
from cytosurf.nulls import SpinTest, run_spins
from cytosurf.runs.chunks import chunk_paths, intact_chunks, read_spins, write_chunk
from cytosurf.runs.spins import add_spins

# Times that a chunk is written to be timed.
WRITES = 5


@dataclass(frozen=True)
class ScalingBench:
    """What `bench_scaling` measured.

    Attributes
    ----------
    target : str
        What was decoded.
    feature_sets : dict of str to int
        Columns of each set; every spin refits all of them.
    n_classes, n_spins, n_files, processes, seed : int
        Classes, spins, files that they make, processes, seed of folds and spins.
    start_s : float
        Seconds until all processes had done a spin: start, imports, compiled code. Not counted.
    spins_per_s, single_spins_per_s : float
        By the clock, in all processes and in one.
    speedup : float
        Of all processes over one, by the clock: what else the machine does lowers it.
    spin_cpu_ms : float
        CPU milliseconds of a spin, in one process.
    split_cpu_ms, write_cpu_ms, merge_cpu_ms : float
        CPU milliseconds for each spin of handing chunks out and taking results in, of packing and
        writing files, and of checking and reading them all for the tests.
    overhead : float
        The last three over a spin.
    same_spins : bool
        Whether one process gave what all gave, to the bit.
    conditions : Conditions
        When, where and at what load.
    """

    target: str
    feature_sets: dict[str, int]
    n_classes: int
    n_spins: int
    n_files: int
    processes: int
    seed: int
    start_s: float
    spins_per_s: float
    single_spins_per_s: float
    speedup: float
    spin_cpu_ms: float
    split_cpu_ms: float
    write_cpu_ms: float
    merge_cpu_ms: float
    overhead: float
    same_spins: bool
    conditions: Conditions

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong: spins that depend on the number of processes."""
        return () if self.same_spins else ("the same spins gave other results in one process",)


def bench_scaling(
    features: str | Sequence[str] = "microstructure",
    target: str = "schaefer400-7networks",
    *,
    baseline: str | Sequence[str] = "coordinates",
    space: str = "fsLR-32k",
    spins: int = 200,
    jobs: int | None = None,
    seed: int = 0,
) -> ScalingBench:
    """Do the spins of a run in all processes and in one, files included.

    Parameters
    ----------
    features, baseline : str or sequence of str
        Feature sets, all refitted in every spin.
    target : str
        What is decoded.
    space : str
        Space of the analysis.
    spins : int
        Spins, done twice.
    jobs : int, optional
        Processes; one for each core if left out.
    seed : int
        Seed of folds and spins.

    Returns
    -------
    ScalingBench

    Raises
    ------
    InputError
        As from `cytosurf.decode`; if there is less than a spin for each of two processes or more.

    Examples
    --------
    >>> from cytosurf.bench import bench_scaling
    >>> bench_scaling("neighbourhood:pca32", "yeo7", jobs=2).speedup  # doctest: +SKIP
    1.93
    """
    jobs = resolve_jobs(jobs)
    check_at_least("jobs", jobs, 2)
    check_at_least("spins", spins, jobs)
    problem = load_problem(features, target, baseline=baseline, space=space, seed=seed)
    return measure_scaling(problem, spins=spins, jobs=jobs)


def measure_scaling(problem: BenchProblem, *, spins: int, jobs: int) -> ScalingBench:
    """Time whole runs of spins of a problem: see `bench_scaling`.

    Parameters
    ----------
    problem : BenchProblem
        What is decoded from what.
    spins, jobs : int
        As for `bench_scaling`.
    """
    before, test = load_average(), problem.spin_test()
    with tempfile.TemporaryDirectory() as root:
        everywhere, alone = Path(root) / "all", Path(root) / "one"
        start_s, _ = _timed(lambda: _add(Path(root) / "start", test, 2 * jobs, jobs))
        wall_s, split_s = _timed(lambda: _add(everywhere, test, spins, jobs))
        single_s, single_cpu_s = _timed(lambda: _add(alone, test, spins, 1))
        paths = chunk_paths(everywhere, POLICY)
        write_s = len(paths) * _write_cpu_s(Path(root) / "write", test, spins, len(paths))
        n_written_alone = len(chunk_paths(alone, POLICY))
        _, merge_s = _timed(lambda: _merge(everywhere, spins))
        same = _same_spins(everywhere, alone, spins)
    spin_s = single_cpu_s - write_s * n_written_alone / len(paths)
    return ScalingBench(
        target=problem.target,
        feature_sets={n: v.shape[1] for n, v in zip(problem.names, problem.values, strict=True)},
        n_classes=problem.n_classes,
        n_spins=spins,
        n_files=len(paths),
        processes=jobs,
        seed=problem.seed,
        start_s=start_s,
        spins_per_s=spins / wall_s,
        single_spins_per_s=spins / single_s,
        speedup=single_s / wall_s,
        spin_cpu_ms=1000 * spin_s / spins,
        split_cpu_ms=1000 * split_s / spins,
        write_cpu_ms=1000 * write_s / spins,
        merge_cpu_ms=1000 * merge_s / spins,
        overhead=(split_s + write_s + merge_s) / spin_s,
        same_spins=same,
        conditions=conditions(before),
    )


def _add(directory: Path, test: SpinTest, n_spins: int, jobs: int) -> None:
    add_spins(directory, test, (POLICY,), range(n_spins), jobs)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return seconds by the clock, and CPU seconds of this process."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def _write_cpu_s(directory: Path, test: SpinTest, n_spins: int, n_files: int) -> float:
    """Return CPU seconds to pack and write a file of the size that the run had."""
    chunk = run_spins(test, range(max(1, round(n_spins / n_files))), POLICY)
    _, cpu_s = _timed(lambda: [write_chunk(directory, POLICY, "", chunk) for _ in range(WRITES)])
    return cpu_s / WRITES


def _merge(directory: Path, n_spins: int) -> None:
    """Check and read all files, as a merge does for its tests."""
    for _ in intact_chunks(directory, POLICY):
        pass
    read_spins(directory, POLICY, n_spins)


def _same_spins(one: Path, other: Path, n_spins: int) -> bool:
    first, second = (read_spins(directory, POLICY, n_spins) for directory in (one, other))
    return all(np.array_equal(first[key], second[key], equal_nan=True) for key in first)
