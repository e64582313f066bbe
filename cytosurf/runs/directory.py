"""Whether a folder can be the directory of a run: writable, and empty or of the same run."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

from cytosurf.compute.lock import PREFIX
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.runs.chunks import has_chunks
from cytosurf.runs.config import FILE_NAME, RunConfig, read_config
from cytosurf.runs.provenance import differences, made_with, versions
from cytosurf.runs.record import INFO, read_json

ADVICE_OTHER_RUN = "Choose another --out, or delete the directory."


def check_same_config(directory: Path, config: RunConfig) -> None:
    """Raise `InputError` if `directory` holds another run, or files that are of no run.

    Parameters
    ----------
    directory : Path
        A folder, or where one will be.
    config : RunConfig
        The run. The number of spins and of processes may differ.
    """
    if not (directory / FILE_NAME).exists():
        if _holds_files(directory):
            raise InputError(
                f"--out {directory}",
                "a folder with other files in it",
                "a run directory, an empty folder or a new one",
                "Choose another --out.",
            )
        return
    ours, theirs = config.identity(), read_config(directory).identity()
    for key, value in ours.items():
        if theirs[key] != value:
            raise InputError(
                f"--out {directory}",
                f"a run with {key} = {theirs[key]}",
                f"one with {key} = {value}",
                ADVICE_OTHER_RUN,
            )


def with_earlier_requests(directory: Path, config: RunConfig) -> RunConfig:
    """Return a configuration that also asks for what was asked of the spins of `directory` before.

    Parameters
    ----------
    directory : Path
        A run directory, or where one will be.
    config : RunConfig
        The same run.
    """
    if not (directory / FILE_NAME).exists():
        return config
    before = read_config(directory)
    statistics = tuple(dict.fromkeys([*before.statistics, *config.statistics]))
    tail = before.approximate_tail or config.approximate_tail
    return config.model_copy(update={"statistics": statistics, "approximate_tail": tail})


def earlier_statistics(directory: Path) -> tuple[str, ...]:
    """Return the statistics that a run was asked for before; none where there is no run.

    Parameters
    ----------
    directory : Path
        A run directory, or where one will be.
    """
    there = (directory / FILE_NAME).exists()
    return read_config(directory).statistics if there else ()


def check_named_inputs(directory: Path, config: RunConfig) -> None:
    """Raise `InputError` for a run that only the Python program that made it can go on with.

    Parameters
    ----------
    directory : Path
        A run directory.
    config : RunConfig
        Its configuration.
    """
    sources = [source["name"] for source in read_json(directory / INFO).get("sources", [])]
    if config.classifier is not None or "in memory" in sources:
        found = "a run of maps in memory, or of another classifier"
        way_out = "Go on with it where it was made: cytosurf.decode(..., spins=N, out=DIR)."
        raise InputError(str(directory), found, "a run of named inputs", way_out)


def check_same_inputs(directory: Path, hashes: Mapping[str, str]) -> None:
    """Raise `InputError` if the run in `directory` was made from other data.

    Parameters
    ----------
    directory : Path
        A run directory, or where one will be.
    hashes : mapping of str to str
        Content hash of each input, by name.
    """
    if not (directory / INFO).exists():
        return
    before = read_json(directory / INFO).get("inputs", {})
    for name, digest in hashes.items():
        if before.get(name, digest) != digest:
            raise InputError(
                f"--out {directory}",
                f"a run on other data ({name} has changed)",
                "the same data",
                ADVICE_OTHER_RUN,
            )


def check_same_version(directory: Path) -> None:
    """Raise `InputError` if `directory` holds spins of another version of cytosurf.

    Parameters
    ----------
    directory : Path
        A run directory, or where one will be.
    """
    if not has_chunks(directory) or not (directory / INFO).exists():
        return
    now = versions().get("cytosurf", "")
    before = read_json(directory / INFO).get("versions", {}).get("cytosurf", now)
    if before != now:
        raise InputError(
            f"--out {directory}",
            f"spins of cytosurf {before}",
            f"spins of this version, {now}",
            f"Go on with cytosurf {before}, or begin in another --out.",
        )


def warn_of_rounding(directory: Path, device: str) -> None:
    """Warn if `directory` holds spins that another machine or environment rounded in its own way.

    Parameters
    ----------
    directory : Path
        A run directory, or where one will be.
    device : {"cpu", "cuda", "torch-cpu"}
        Where refits are done.

    Warns
    -----
    CytosurfWarning
        With the versions, or processors, that differ.
    """
    if not has_chunks(directory) or not (directory / INFO).exists():
        return
    before, now = differences(read_json(directory / INFO), made_with(device))
    if before:
        warnings.warn(rounding(directory, before, now), CytosurfWarning, stacklevel=3)


def rounding(directory: Path, one: str, other: str) -> str:
    """Say that spins in `directory` were made with either of two."""
    return (
        f"{directory}: the run was made with {one}, spins of it with {other}. They are used "
        "together; the same spin may differ in its rounding."
    )


def _holds_files(directory: Path) -> bool:
    """Return whether there is more than what a killed run left: temporary names and its lock."""
    if not directory.is_dir():
        return False
    with os.scandir(directory) as entries:
        return any(not entry.name.startswith((".tmp-", PREFIX)) for entry in entries)
