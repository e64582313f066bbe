"""Shards: parts of the spins of a run that other processes or nodes compute, and their joining."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import write_bytes
from cytosurf.errors import InputError
from cytosurf.nulls.rotations import Policy
from cytosurf.runs.chunks import (
    FOLDER,
    check_same_run,
    chunk_paths,
    counts_of,
    has_chunks,
    in_both,
    intact_spins,
    read_chunk,
    spins_of,
)
from cytosurf.runs.record import read_json, write_json

POLICIES: tuple[Policy, ...] = ("independent", "mirrored")
_NOTE = re.compile(r"shard_(\d+)-(\d+)\.json")
_MERGED = {"merged": True}
N_NAMED = 5  # shards that a message names


@dataclass(frozen=True)
class Shard:
    """One of several equal parts of the spins of a run.

    Attributes
    ----------
    index : int
        Which part, from 1 on.
    n_shards : int
        Number of parts.

    Examples
    --------
    >>> Shard.parse("2/4").of(10)
    range(2, 5)
    """

    index: int
    n_shards: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read ``"3/10"``, the third of ten.

        Raises
        ------
        InputError
            If it is anything else, or there is no such part.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise InputError(
                f"--shard {text}",
                repr(text),
                "the number of the shard and of all shards, from 1/10 to 10/10",
                "In a Slurm array from 1 on: --shard $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT",
            )
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        """Return the shard as `parse` reads it."""
        return f"{self.index}/{self.n_shards}"

    def of(self, n_spins: int) -> range:
        """Return the part of ``range(n_spins)``: parts differ in size by at most one."""
        first, end = ((i * n_spins) // self.n_shards for i in (self.index - 1, self.index))
        return range(first, end)


def write_shard_note(
    directory: Path,
    shard: Shard,
    n_spins: int,
    seconds: float,
    stop_after_exceedances: int | None = None,
    made_with: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Note beside the chunks what the merge of all shards must know of one.

    Parameters
    ----------
    directory : Path
        The run directory.
    shard : Shard
        The shard.
    n_spins : int
        Spins of all shards together.
    seconds : float
        What the shard took in all its sessions.
    stop_after_exceedances : int or None, optional
        When spins may end early.
    made_with : mapping, optional
        What last bits depend on; see `cytosurf.runs.provenance.made_with`.
    """
    note = {"n_spins": n_spins, "seconds": seconds}
    rule = {"stop_after_exceedances": stop_after_exceedances}
    write_json(_note_path(directory, shard), note | rule | dict(made_with))


def seconds_of_shard(directory: Path, shard: Shard) -> float:
    """Return what a shard has taken so far, as its note says."""
    path = _note_path(directory, shard)
    return float(read_json(path)["seconds"]) if path.exists() else 0.0


def _note_path(directory: Path, shard: Shard) -> Path:
    return directory / FOLDER / f"shard_{shard.index:04d}-{shard.n_shards:04d}.json"


def shard_notes(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the notes of the shards of which the run directory holds spins, by shard."""
    paths = sorted((directory / FOLDER).glob("*.json"))
    found = [(path, match) for path in paths if (match := _NOTE.fullmatch(path.name))]
    return {str(Shard(int(match[1]), int(match[2]))): read_json(path) for path, match in found}


def not_merged(notes: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the notes of shards that were done since the configuration was written."""
    return {shard: note for shard, note in notes.items() if not note.get("merged")}


def settle_shards(directory: Path, n_spins: int) -> None:
    """Note that a run has all spins of its shards: those done later may have another rule.

    Parameters
    ----------
    directory : Path
        The run directory.
    n_spins : int
        Spins that the run has in all; shards of more are left as they are.
    """
    for shard, note in not_merged(shard_notes(directory)).items():
        if note["n_spins"] <= n_spins:
            write_json(_note_path(directory, Shard.parse(shard)), note | _MERGED)


def stopping_of(
    directory: Path, notes: Mapping[str, dict[str, Any]], configured: int | None
) -> int | None:
    """Return after how many exceedances a run in shards may stop; None if it may not.

    Parameters
    ----------
    directory : Path
        The run directory.
    notes : mapping of str to dict
        Of its shards that are to be merged.
    configured : int or None
        What the configuration of the run says; shards that say something come before it.

    Raises
    ------
    InputError
        If shards do not agree.
    """
    shards: dict[int | None, list[str]] = {}
    for shard, note in notes.items():
        shards.setdefault(note.get("stop_after_exceedances", configured), []).append(shard)
    if len(shards) > 1:
        rules = sorted(shards.items(), key=lambda item: str(item[0]))
        found = " and ".join(f"{rule or 'never'} ({_named(names)})" for rule, names in rules)
        way_out = (
            "Do the shards of one of them again with the other; spins that are there are not done "
            "twice."
        )
        where = f"--stop-after-exceedances of the shards of {directory}"
        raise InputError(where, found, "the same in every shard", way_out)
    return next(iter(shards), configured)


def _named(shards: Sequence[str]) -> str:
    more = f" and {len(shards) - N_NAMED} more" if len(shards) > N_NAMED else ""
    return f"shard {', '.join(shards[:N_NAMED])}{more}"


def collect(directory: Path, other: Path, run: str) -> int:
    """Copy the chunks of a shard that was computed elsewhere into a run directory.

    Parameters
    ----------
    directory : Path
        The run directory.
    other : Path
        Another copy of it, with more spins.
    run : str
        What tells the spins of the run from those of any other.

    Returns
    -------
    int
        Number of chunks copied; those that are there already are passed over.

    Raises
    ------
    InputError
        If `other` has no spins, those of another run, a damaged chunk, or a spin with another
        result than is there already.
    """
    if not has_chunks(other):
        raise InputError(str(other), "no spins", "a run directory with spins")
    check_same_run(other, POLICIES, run)
    for policy in POLICIES:
        _, damaged = intact_spins(other, policy)
        _refuse_damaged(other, damaged, "Copy them again, or compute that shard again.")
        check_equal_results([*chunk_paths(directory, policy), *chunk_paths(other, policy)])
    copied = 0
    for policy in POLICIES:
        for path in chunk_paths(other, policy):
            target = directory / FOLDER / path.name
            if not target.exists():
                write_bytes(target, path.read_bytes())
                copied += 1
    ours = shard_notes(directory)
    for shard, note in shard_notes(other).items():
        before = ours.get(shard)
        # What was merged is not asked again.
        if before is None or (not note.get("merged") and before != note | _MERGED):
            write_json(_note_path(directory, Shard.parse(shard)), note)
    return copied


def spins_twice(directory: Path, others: Sequence[Path]) -> int:
    """Return how many spins were computed more than once, going by the names of files.

    Parameters
    ----------
    directory : Path
        The run directory.
    others : sequence of Path
        Copies of it. Chunks that `directory` holds under the same name were not computed there.

    Returns
    -------
    int
        Spins beyond those of a single computation, of all rotation policies together.
    """
    n_twice = 0
    for policy in POLICIES:
        paths = chunk_paths(directory, policy)
        ours = {path.name for path in paths}
        paths += [p for o in others for p in chunk_paths(o, policy) if p.name not in ours]
        n_twice += sum(len(spins_of(path)) for path in paths)
        n_twice -= len({k for path in paths for k in spins_of(path)})
    return n_twice


def missing_spins(
    directory: Path, policies: Sequence[str], n_spins: int
) -> tuple[list[tuple[int, int]], list[Path]]:
    """Return first and last of each gap in the spins 0 to ``n_spins - 1``, and damaged files."""
    there = np.ones(n_spins, bool)
    damaged = []
    for policy in policies:
        done, its_damaged = intact_spins(directory, policy, range(n_spins))
        there &= np.isin(np.arange(n_spins), list(done))
        damaged += its_damaged
    edges = np.flatnonzero(np.diff(np.concatenate([[1], there.astype(int), [1]])))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)], damaged


def check_complete(directory: Path, policies: Sequence[str], n_spins: int) -> None:
    """Raise `InputError` if spins are missing or damaged, naming them.

    Parameters
    ----------
    directory : Path
        A run directory.
    policies : sequence of {"independent", "mirrored"}
        Rotation policies, each of which needs all spins.
    n_spins : int
        Number of spins that should be there.
    """
    gaps, damaged = missing_spins(directory, policies, n_spins)
    again = f"with: cytosurf spin {directory} --spins {n_spins}"
    _refuse_damaged(directory, damaged, f"Compute their spins again {again}")
    if gaps:
        named = ", ".join(f"{a} to {b}" for a, b in gaps[:5])
        more = f" and {len(gaps) - 5} more gaps" if len(gaps) > 5 else ""
        raise InputError(
            str(directory / FOLDER),
            f"no spins {named}{more}",
            f"all of the spins 0 to {n_spins - 1}",
            f"Merge the shards that are missing, or compute what is missing {again}",
        )


def _refuse_damaged(directory: Path, damaged: Sequence[Path], way_out: str) -> None:
    if damaged:
        found = f"{len(damaged)} damaged files of spins, the first {damaged[0].name}"
        where = str(directory / FOLDER)
        raise InputError(where, found, "files as they were written", way_out)


def check_equal_results(paths: Sequence[Path]) -> None:
    """Raise `InputError` if chunk files of one policy do not agree where they hold the same spins.

    Parameters
    ----------
    paths : sequence of Path
        Intact chunk files; of files that begin with the same spin, the first is taken for right.
    """
    latest: Path | None = None
    for path in sorted(paths, key=lambda path: spins_of(path).start):
        # Of the files before, the one that ends last holds whatever any of them shares with this.
        if latest is not None and in_both(spins_of(path), spins_of(latest)):
            _check_equal(path, latest)
        if latest is None or spins_of(path).stop > spins_of(latest).stop:
            latest = path


def _check_equal(path: Path, before: Path) -> None:
    new, old = _outcomes(path), _outcomes(before)
    for k in new.keys() & old.keys():
        if not np.array_equal(new[k], old[k]):
            raise InputError(
                str(path),
                f"another result of spin {k} than {before} holds",
                "equal results of equal spins",
                "They were computed on different kinds of processors, or with different "
                "versions of the libraries: keep one of the two files.",
            )


def _outcomes(path: Path) -> dict[int, npt.NDArray[np.int64]]:
    """Return what each spin of a chunk counted: cells and numbers, joined."""
    arrays = read_chunk(path)
    counts = counts_of(arrays)
    parts = zip(counts.start[:-1], counts.start[1:], arrays["spins"].tolist(), strict=True)
    return {k: np.concatenate([counts.cell[a:b], counts.count[a:b]]) for a, b, k in parts}
