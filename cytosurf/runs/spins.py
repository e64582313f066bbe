"""The spins of a run directory: those that are missing are done, in chunks.

Since a spin depends on the seed and its index alone, a killed run goes on with the indices that
no file holds yet, and the result does not depend on chunk size or number of processes.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import overload

from cytosurf.compute.files import write_bytes
from cytosurf.compute.pool import run_tasks
from cytosurf.compute.progress import Progress
from cytosurf.decoding.fitters import BatchFitter
from cytosurf.errors import CytosurfWarning
from cytosurf.nulls import SpinChunk, SpinTest, fold_mean_macro_f1, run_spins
from cytosurf.nulls.rotations import Policy
from cytosurf.runs.chunks import (
    FOLDER,
    check_same_run,
    chunk_file,
    counts_of,
    in_both,
    intact_chunks,
    spins_of,
    write_chunk,
)
from cytosurf.runs.stopping import DoneChunk

Chunk = tuple[Policy, list[int]]

LARGEST_CHUNK = 50
CHUNKS_PER_JOB = 8
# Spins in a file even so, where every process then has two of them: files stay few.
SMALLEST_CHUNK = 20
# A GPU solves the spins of a chunk together.
DEVICE_CHUNK = 200
# Of the counts of a chunk in memory, per process; they are some kB for a dozen classes.
LARGEST_CHUNK_BYTES = 2**26
_ENTRY_BYTES = 12


def add_spins(
    directory: Path,
    test: SpinTest,
    policies: tuple[Policy, ...],
    spins: range,
    jobs: int,
    *,
    known: range | None = None,
    scheduler: str | None = None,
    after_chunk: Callable[[DoneChunk], str] = lambda _: "",
    enough: Callable[[], bool] = lambda: False,
) -> None:
    """Compute those of `spins` that the run directory does not hold yet, in their order.

    Parameters
    ----------
    directory : Path
        The run directory.
    test : SpinTest
        Decoders, labels and spheres.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies; each gets all spins.
    spins : range
        Indices of the spins.
    jobs : int
        Processes.
    known : range, optional
        Spins of which `after_chunk` is told where they are there already; as `spins` if left out.
        No file without any of them is read.
    scheduler : str, optional
        Spin on this Dask cluster, of about `jobs` workers; see
        `cytosurf.compute.cluster.run_on_dask`. Files are written by this process.
    after_chunk : callable, optional
        Called in this process for every chunk that is on disk already, and then whenever another
        one is; what it returns is shown beside the progress bar.
    enough : callable, optional
        Called after that: no further chunk is begun once it says so.

    Raises
    ------
    InputError
        If a chunk that is there is of another run (``test.run``).
    WriteError
        If the disk is full; what is finished stays.

    Warns
    -----
    CytosurfWarning
        If a chunk with some of `spins` is damaged; they are done again.
    """
    known = spins if known is None else known
    check_same_run(directory, policies, test.run, known)
    size = chunk_size(test, len(spins), jobs)
    tasks: list[Chunk] = []
    for policy in policies:
        done = _stored_spins(directory, policy, spins, known, after_chunk)
        missing = [k for k in spins if k not in done]
        tasks += [(policy, run) for run in _runs(missing, size)]
    tasks.sort(key=lambda task: task[1][0])
    with Progress("Spins", sum(len(task[1]) for task in tasks), "spins") as bar:
        wanted = _UntilEnough(tasks, enough)
        for chunk in _done_chunks(directory, test, wanted, jobs, scheduler):
            bar.advance(len(chunk.statistic), after_chunk(chunk))
            if scheduler is not None and enough():
                break


class _UntilEnough(Sequence[Chunk]):
    """Chunks to do, handed out one after the other until there are enough."""

    def __init__(self, tasks: list[Chunk], enough: Callable[[], bool]) -> None:
        self.tasks = [] if enough() else tasks
        self.enough = enough

    def __len__(self) -> int:
        return len(self.tasks)

    @overload
    def __getitem__(self, index: int) -> Chunk: ...
    @overload
    def __getitem__(self, index: slice) -> list[Chunk]: ...
    def __getitem__(self, index: int | slice) -> Chunk | list[Chunk]:
        return self.tasks[index]

    def __iter__(self) -> Iterator[Chunk]:
        for task in self.tasks:
            if self.enough():
                return
            yield task


def _stored_spins(
    directory: Path,
    policy: Policy,
    spins: range,
    known: range,
    after_chunk: Callable[[DoneChunk], str],
) -> set[int]:
    """Return those of `known` that are there, tell of their chunks, and remove damaged ones.

    A damaged chunk without any of `spins` is left to those who can do its spins again.
    """
    done: set[int] = set()
    for path, arrays in intact_chunks(directory, policy, known):
        if arrays is not None:
            done.update(arrays["spins"].tolist())
            statistic = fold_mean_macro_f1(counts_of(arrays).marginals())
            after_chunk(DoneChunk(policy, arrays["spins"], statistic))
        elif again := in_both(spins_of(path), spins):
            message = (
                f"{path}: damaged (its checksum is wrong), and removed. "
                f"Spins {again[0]} to {again[-1]} are computed again."
            )
            warnings.warn(message, CytosurfWarning, stacklevel=3)
            path.unlink(missing_ok=True)
    return done


def chunk_size(test: SpinTest, n_spins: int, jobs: int) -> int:
    """Return how many spins go into a file: enough chunks for all processes, none too large.

    Parameters
    ----------
    test : SpinTest
        Decoders and labels.
    n_spins, jobs : int
        Spins in all, and processes.
    """
    first = test.decoders[0]
    n_folds, n_rows = first.train.shape
    n_entries = len(test.decoders) * min(n_folds * test.n_classes**2, n_rows)
    most = max(1, LARGEST_CHUNK_BYTES // int(_ENTRY_BYTES * n_entries))
    if isinstance(first.fitter, BatchFitter):
        return min(DEVICE_CHUNK, most)
    smallest = min(SMALLEST_CHUNK, math.ceil(n_spins / (2 * jobs)))
    wanted = max(n_spins // (jobs * CHUNKS_PER_JOB), smallest, 1)
    return min(wanted, LARGEST_CHUNK, most)


def _done_chunks(
    directory: Path,
    test: SpinTest,
    tasks: Sequence[Chunk],
    jobs: int,
    scheduler: str | None,
) -> Iterator[DoneChunk]:
    """Do and write chunks; local processes write their own, the workers of a cluster send theirs.

    A cluster need not share a disk with this process.
    """
    if scheduler is None:
        to_file = partial(_spin_to_file, directory=directory, test=test)
        yield from run_tasks(to_file, tasks, jobs=jobs)
        return
    from cytosurf.compute.cluster import run_on_dask

    work = partial(_spin_to_bytes, test=test)
    for done, name, content in run_on_dask(work, tasks, scheduler=scheduler):
        write_bytes(directory / FOLDER / name, content)
        yield done


def _spin_to_file(task: Chunk, directory: Path, test: SpinTest) -> DoneChunk:
    policy, spins = task
    chunk = run_spins(test, spins, policy)
    write_chunk(directory, policy, test.run, chunk)
    return _done(policy, chunk)


def _spin_to_bytes(task: Chunk, test: SpinTest) -> tuple[DoneChunk, str, bytes]:
    policy, spins = task
    chunk = run_spins(test, spins, policy)
    return _done(policy, chunk), *chunk_file(policy, test.run, chunk)


def _done(policy: Policy, chunk: SpinChunk) -> DoneChunk:
    return DoneChunk(policy, chunk.spins, fold_mean_macro_f1(chunk.counts.marginals()))


def _runs(spins: list[int], size: int) -> list[list[int]]:
    """Split sorted indices into runs of consecutive ones, at most `size` long."""
    runs: list[list[int]] = []
    for k in spins:
        if runs and runs[-1][-1] == k - 1 and len(runs[-1]) < size:
            runs[-1].append(k)
        else:
            runs.append([k])
    return runs
