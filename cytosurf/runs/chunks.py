"""Chunks: the files that hold the spins of a run, each whole, checksummed, or absent.

A chunk file is named by rotation policy and spin indices (``independent_000000-000009.npz``) and
holds the SHA-256 of its arrays. What it holds depends on the run and its spins alone, so the same
spins give the same bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import npz_bytes, with_checksum, write_bytes
from cytosurf.errors import InputError
from cytosurf.nulls import Policy, SpinChunk, SpinCounts, fold_mean_macro_f1
from cytosurf.nulls.statistics import Statistic
from cytosurf.runs.record import AGAIN, read_arrays, read_whole

FOLDER = "spins"
_NAME = re.compile(r"(independent|mirrored)_(\d+)-(\d+)\.npz")
UNCONVERGED = "unconverged"
_COUNTS = ("shape", "start", "cell", "count")


def chunk_file(policy: str, run: str, chunk: SpinChunk) -> tuple[str, bytes]:
    """Return name and content of the file of a chunk.

    Parameters
    ----------
    policy : {"independent", "mirrored"}
        Rotation policy of its spins, which have consecutive indices.
    run : str
        What tells the spins of this run from those of any other.
    chunk : SpinChunk
        The spins.
    """
    arrays: dict[str, npt.NDArray[Any]] = {
        "spins": chunk.spins,
        **{name: getattr(chunk.counts, name) for name in _COUNTS},
        "kept": chunk.kept,
        "distinct": chunk.distinct,
        UNCONVERGED: chunk.unconverged,
        "evaluated": chunk.evaluated,
        "correct": chunk.correct,
        "policy": np.array(policy),
        "run": np.array(run),
    }
    name = f"{policy}_{chunk.spins[0]:06d}-{chunk.spins[-1]:06d}.npz"
    return name, npz_bytes(**with_checksum(arrays))


def write_chunk(directory: Path, policy: str, run: str, chunk: SpinChunk) -> Path:
    """Write a chunk into the run directory and return its path.

    Parameters
    ----------
    directory : Path
        The run directory.
    policy, run, chunk
        As for `chunk_file`.
    """
    name, content = chunk_file(policy, run, chunk)
    return write_bytes(directory / FOLDER / name, content)


def chunk_paths(directory: Path, policy: str, spins: range | None = None) -> list[Path]:
    """Return the chunk files of one policy in the order of their spins, the longer one first.

    Parameters
    ----------
    directory : Path
        The run directory.
    policy : {"independent", "mirrored"}
        Rotation policy.
    spins : range, optional
        Leave out the files that, by their names, hold none of these.
    """
    found = []
    for path in (directory / FOLDER).glob(f"{policy}_*.npz"):
        if _NAME.fullmatch(path.name):
            there = spins_of(path)
            if spins is None or in_both(there, spins):
                found.append((there.start, -there.stop, path))
    return [path for _, _, path in sorted(found)]


def spins_of(path: Path) -> range:
    """Return the spins that a chunk file holds, going by its name.

    Examples
    --------
    >>> spins_of(Path("spins/mirrored_000010-000019.npz"))
    range(10, 20)
    """
    first, last = path.stem.split("_")[1].split("-")
    return range(int(first), int(last) + 1)


def in_both(one: range, other: range) -> range:
    """Return what two ranges of consecutive spins have in common."""
    return range(max(one.start, other.start), min(one.stop, other.stop))


def named_spins(directory: Path, policy: str) -> set[int]:
    """Return the spins of one policy that are there, going by the files' names."""
    return {k for path in chunk_paths(directory, policy) for k in spins_of(path)}


def has_chunks(directory: Path) -> bool:
    """Return whether a run directory holds any spins."""
    return any(_NAME.fullmatch(path.name) for path in (directory / FOLDER).glob("*.npz"))


def n_spins_from_zero(directory: Path, policies: Sequence[str]) -> int:
    """Return how many spins are there of every policy, from 0 on, going by the files' names."""
    numbers = []
    for policy in policies:
        there = named_spins(directory, policy)
        numbers.append(next(k for k in range(len(there) + 1) if k not in there))
    return min(numbers, default=0)


def check_same_run(
    directory: Path, policies: Sequence[str], run: str, spins: range | None = None
) -> None:
    """Raise `InputError` if a chunk holds spins of another run.

    Chunks that cannot be read are passed over: `intact_spins` finds them.

    Parameters
    ----------
    directory : Path
        The run directory.
    policies : sequence of {"independent", "mirrored"}
        Rotation policies to look at.
    run : str
        As given to `write_chunk`.
    spins : range, optional
        Look at files with some of these alone.
    """
    for policy in policies:
        for path in chunk_paths(directory, policy, spins):
            try:
                chunk = read_arrays(path, ("policy", "run"))
            except InputError:
                continue
            if str(chunk["run"]) != run or str(chunk["policy"]) != policy:
                raise InputError(
                    str(path),
                    "spins of another run, of other data or of another version of cytosurf",
                    f"{policy} spins of this run",
                    "Remove them from the folder, or choose another --out.",
                )


def read_chunk(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of a chunk file, but for their checksum, which is verified.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    arrays = read_whole(path)
    if arrays is None:
        found = "a damaged file: its checksum is wrong"
        raise InputError(str(path), found, "the spins that were written", f"Delete it. {AGAIN}")
    return arrays


def intact_chunks(
    directory: Path, policy: str, spins: range | None = None
) -> Iterator[tuple[Path, dict[str, npt.NDArray[Any]] | None]]:
    """Give the files of `chunk_paths` with their arrays, None where they are damaged."""
    return ((path, read_whole(path)) for path in chunk_paths(directory, policy, spins))


def intact_spins(
    directory: Path, policy: str, spins: range | None = None
) -> tuple[set[int], list[Path]]:
    """Return the spins of the intact files among `chunk_paths`, and the damaged files."""
    there: set[int] = set()
    damaged = []
    for path, arrays in intact_chunks(directory, policy, spins):
        if arrays is None:
            damaged.append(path)
        else:
            there.update(arrays["spins"].tolist())
    return there, damaged


def counts_of(arrays: Mapping[str, npt.NDArray[Any]]) -> SpinCounts:
    """Return the confusion counts among the arrays of a chunk."""
    return SpinCounts(*(arrays[name] for name in _COUNTS))


def spin_counts(
    directory: str | os.PathLike[str], rotation: Policy
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]]:
    """Give the confusion counts of all spins of a run, for a statistic of your own.

    They come file by file, which keeps memory small: 50 spins of 58 classes are 3 MB for each
    feature set. Observed counts are in ``load_run(directory).counts``, by feature set; the spun
    ones are in ``load_run(directory).results["spin_test"]["sets"]``, in this order. A filter of
    spins is not applied: column ``used`` of ``spin_quality.tsv`` has it.

    Parameters
    ----------
    directory : path-like
        The run directory.
    rotation : {"independent", "mirrored"}
        Rotation policy.

    Yields
    ------
    spins : (n,) ndarray of int64
        Their numbers, each once, in increasing order.
    counts : (n, n_sets, n_folds, K, K) ndarray of int32
        Truth in rows, prediction in columns; all 0 of a spin that left nothing to decode.

    Raises
    ------
    InputError
        If there are no spins of this policy, or a file is damaged.

    Examples
    --------
    How often class 3 is taken for class 5, of the first feature set:

    >>> null = np.concatenate(
    ...     [counts[:, 0, :, 3, 5].sum(axis=1) for _, counts in spin_counts("RUN_DIR", "mirrored")]
    ... )  # doctest: +SKIP
    """
    last = -1
    for arrays in _intact(Path(directory), rotation):
        new = arrays["spins"] > last
        if new.any():
            last = int(arrays["spins"][-1])
            yield arrays["spins"][new], counts_of(arrays).dense()[new]
    if last < 0:
        raise _no_spins(Path(directory), rotation)


def vertex_sums(
    directory: Path, policy: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Add up over all spins of one policy in how many each vertex was tested, and predicted right.

    A file of which another one holds all spins is passed over; a spin that is in two files that
    overlap in part counts twice.

    Parameters
    ----------
    directory : Path
        The run directory.
    policy : {"independent", "mirrored"}
        Rotation policy.

    Returns
    -------
    evaluated : (n_vertices,) ndarray of int64
    correct : (n_sets, n_vertices) ndarray of int64

    Raises
    ------
    InputError
        If there are no spins of this policy, or a file is damaged.
    """
    last, sums = -1, [np.zeros(1, np.int64)] * 2
    for arrays in _intact(directory, policy):
        if arrays["spins"][-1] > last:
            last = int(arrays["spins"][-1])
            sums = [
                of + arrays[name] for of, name in zip(sums, ("evaluated", "correct"), strict=True)
            ]
    if last < 0:
        raise _no_spins(directory, policy)
    return sums[0], sums[1]


def read_spins(
    directory: Path,
    policy: str,
    n_spins: int,
    further: Mapping[str, Statistic] = MappingProxyType({}),
) -> dict[str, npt.NDArray[np.float64]]:
    """Read what is asked of the spins 0 to ``n_spins - 1`` under one policy.

    Counts are in memory for one chunk at a time.

    Parameters
    ----------
    directory : Path
        The run directory.
    policy : {"independent", "mirrored"}
        Rotation policy.
    n_spins : int
        Spins that are looked at: the first ones.
    further : mapping of str to callable, optional
        Other statistics of the confusion counts, by the name that they get in the result.

    Returns
    -------
    dict
        ``statistic`` (n_spins, n_sets): fold mean of macro-F1, NaN where a spin left nothing to
        decode; ``kept``, ``distinct`` and ``unconverged`` (n_spins,), the last NaN in files of
        before it was counted; and each of `further`, (n_spins, n_sets, ...).

    Raises
    ------
    InputError
        If a chunk is damaged or spins are missing.
    """
    statistics = {"statistic": fold_mean_macro_f1, **further}
    rows: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in statistics}
    rows |= {"kept": [], "distinct": [], UNCONVERGED: []}
    spins = [np.zeros(0, np.int64)]
    for arrays in _intact(directory, policy, range(n_spins)):
        spins.append(arrays["spins"])
        of = counts_of(arrays).marginals()
        for name, statistic in statistics.items():
            rows[name].append(statistic(of))
        rows["kept"].append(arrays["kept"])
        rows["distinct"].append(arrays["distinct"])
        unknown = np.full(len(arrays["spins"]), np.nan)
        rows[UNCONVERGED].append(arrays.get(UNCONVERGED, unknown))
    there, first = np.unique(np.concatenate(spins), return_index=True)
    if not np.array_equal(there[:n_spins], np.arange(n_spins)):
        found, where = f"{len(there)} of {n_spins} spins", str(directory / FOLDER)
        raise InputError(where, found, "all of them", AGAIN)
    return {name: np.concatenate(parts)[first[:n_spins]] for name, parts in rows.items()}


def _intact(
    directory: Path, policy: str, spins: range | None = None
) -> Iterator[dict[str, npt.NDArray[Any]]]:
    """Give the arrays of the files of `chunk_paths`; raise at one that is damaged."""
    return map(read_chunk, chunk_paths(directory, policy, spins))


def _no_spins(directory: Path, policy: str) -> InputError:
    where, way_out = str(directory / FOLDER), "cytosurf spin RUN_DIR makes them."
    return InputError(where, f"no {policy} spins", "a run with spins of this policy", way_out)
