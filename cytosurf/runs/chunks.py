"""Chunks: the files that hold the spins of a run, each whole, checksummed, or absent.

A chunk file is named by rotation policy and spin indices (``independent_000000-000009.npz``) and
holds the SHA-256 of its arrays. What it holds depends on the run and its spins alone, so the same
spins give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import arrays_sha256, npz_bytes, write_bytes
from cytosurf.errors import InputError
from cytosurf.nulls import SpinChunk, SpinCounts, fold_mean_macro_f1
from cytosurf.nulls.statistics import Statistic
from cytosurf.runs.record import AGAIN, read_arrays

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
    return name, npz_bytes(**arrays, sha256=np.array(arrays_sha256(arrays)))


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


def chunk_paths(directory: Path, policy: str) -> list[Path]:
    """Return the chunk files of one policy in the order of their spins."""
    found = [
        (int(match[2]), int(match[3]), path)
        for path in (directory / FOLDER).glob(f"{policy}_*.npz")
        if (match := _NAME.fullmatch(path.name))
    ]
    return [path for _, _, path in sorted(found)]


def has_chunks(directory: Path) -> bool:
    """Return whether a run directory holds any spins."""
    return any(_NAME.fullmatch(path.name) for path in (directory / FOLDER).glob("*.npz"))


def n_spins_from_zero(directory: Path, policies: Sequence[str]) -> int:
    """Return how many spins are there of every policy, from 0 on, going by the files' names."""
    numbers = []
    for policy in policies:
        there: set[int] = set()
        for path in chunk_paths(directory, policy):
            match = _NAME.fullmatch(path.name)
            if match:
                there.update(range(int(match[2]), int(match[3]) + 1))
        numbers.append(next(k for k in range(len(there) + 1) if k not in there))
    return min(numbers, default=0)


def check_same_run(directory: Path, policies: Sequence[str], run: str) -> None:
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
    """
    for policy in policies:
        for path in chunk_paths(directory, policy):
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


def intact_chunks(
    directory: Path, policy: str
) -> Iterator[tuple[Path, dict[str, npt.NDArray[Any]] | None]]:
    """Give the chunk files of one policy with their arrays, None where the checksum is wrong."""
    for path in chunk_paths(directory, policy):
        try:
            arrays = read_arrays(path)
        except InputError:
            yield path, None
            continue
        checksum = arrays.pop("sha256", None)
        yield path, arrays if str(checksum) == arrays_sha256(arrays) else None


def intact_spins(directory: Path, policy: str) -> tuple[set[int], list[Path]]:
    """Return the spins of the chunks whose checksum is right, and the files of the others."""
    spins: set[int] = set()
    damaged = []
    for path, arrays in intact_chunks(directory, policy):
        if arrays is None:
            damaged.append(path)
        else:
            spins.update(arrays["spins"].tolist())
    return spins, damaged


def counts_of(arrays: Mapping[str, npt.NDArray[Any]]) -> SpinCounts:
    """Return the confusion counts among the arrays of a chunk."""
    return SpinCounts(*(arrays[name] for name in _COUNTS))


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
    for path, arrays in intact_chunks(directory, policy):
        if arrays is None:
            found = "a damaged file: its checksum is wrong"
            raise InputError(str(path), found, "the spins that were written", f"Delete it. {AGAIN}")
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
