"""Families of tests: Holm's correction over the targets of a command, or the runs of a report.

A run belongs to one family at a time, and says in ``results.json`` which runs that are. When the
tests of one member change, the corrected p-values of all are void: they are set to null, and
``family.json`` is removed, before the new tests are written.

Processes that work on different runs of a family write each other's ``results.json``, so whoever
changes one holds it while he reads and writes it, with those of the family (`family_locked`).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cytosurf.compute.lock import one_at_a_time
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls import benjamini_hochberg, holm
from cytosurf.runs.record import (
    RESULTS,
    RunRecord,
    load_run,
    read_json,
    spin_tests_of,
    write_json,
)

FAMILY = "family.json"
RESULTS_LOCK = ".results-lock"
SHARED = ("features", "baseline", "statistic", "rotation")


@contextmanager
def results_locked(directories: Iterable[Path]) -> Iterator[None]:
    """Keep others from writing ``results.json`` of runs while the block runs; wait for them first.

    Parameters
    ----------
    directories : iterable of Path
        Run directories.

    Raises
    ------
    InputError
        If another process does not end in five minutes.
    """
    with ExitStack() as locks:
        # In one order, so that no two processes wait for each other.
        for folder in sorted({directory.resolve() for directory in directories}):
            locks.enter_context(one_at_a_time(folder / RESULTS_LOCK))
        yield


@contextmanager
def family_locked(directories: Sequence[Path]) -> Iterator[None]:
    """Do what `results_locked` does, for runs and all members of their families.

    Parameters
    ----------
    directories : sequence of Path
        Run directories, finished or not.
    """
    while True:
        runs = _with_members(directories)
        with results_locked(runs):
            # While one waited, a run may have joined another family.
            if _with_members(directories) <= runs:
                yield
                return


def correct_family(records: Sequence[RunRecord], directory: Path) -> list[RunRecord]:
    """Correct the p-values of several runs, and write ``family.json``.

    By Holm's method (``p_holm``: the chance of any false rejection) and Benjamini and Hochberg's
    (``p_bh``: the expected share of false ones).

    Tests of the same features, baseline, statistic and rotation make one family over the targets.
    A single run is returned as it is. Families that the runs belonged to before are dissolved.

    Parameters
    ----------
    records : sequence of RunRecord
        Finished runs.
    directory : Path
        Where ``family.json`` goes, with an empty list of tests where no run has spins.

    Returns
    -------
    list of RunRecord
        The same runs, with corrected p-values in their results and on disk.
    """
    if len(records) < 2:
        return list(records)
    folders = [record.directory.resolve() for record in records]
    with family_locked(folders):
        _correct(folders, directory)
    return [load_run(record.directory) for record in records]


def _correct(folders: Sequence[Path], directory: Path) -> None:
    """Do what `correct_family` says with runs whose families are locked."""
    for folder in folders:
        dissolve_family(folder)
    results = [read_json(folder / RESULTS) for folder in folders]
    families: dict[tuple[Any, ...], list[tuple[int, dict[str, Any]]]] = {}
    for i, result in enumerate(results):
        for test in spin_tests_of(result):
            test["p_holm"] = test["p_bh"] = None
            key = tuple(test[name] for name in SHARED)
            families.setdefault(key, []).append((i, test))
    rows = []
    for family in families.values():
        if len(family) < 2:
            continue
        p = [test["p"] for _, test in family]
        corrected = zip(holm(p).tolist(), benjamini_hochberg(p).tolist(), strict=True)
        for (i, test), (p_holm, p_bh) in zip(family, corrected, strict=True):
            test["p_holm"], test["p_bh"] = p_holm, p_bh
            where = {"run": folders[i].name, "target": results[i]["target"]}
            rows.append(where | test)
    write_json(directory / FAMILY, {"schema": 1, "method": "Holm", "tests": rows})
    for folder, result in zip(folders, results, strict=True):
        result["family"] = {
            "file": os.path.relpath(directory.resolve() / FAMILY, folder),
            "runs": [os.path.relpath(member, folder) for member in folders],
        }
        write_json(folder / RESULTS, result)


def family_members(directory: Path) -> list[Path]:
    """Return the run directories of the family that a run belongs to, itself included.

    Runs that are gone, or have joined another family since, are left out; the list is empty for a
    run without a family, or that is not finished.

    Parameters
    ----------
    directory : Path
        A run directory.
    """
    runs = _runs_of(directory)
    return [folder for folder in runs if _runs_of(folder) == runs]


def suspend_family(directory: Path) -> dict[str, Any] | None:
    """Void the corrected p-values of the family of a run whose tests are about to change.

    Sets ``p_holm`` and ``p_bh`` to null in all its runs and removes ``family.json``. The runs still
    know each other, so that `regain_family` can correct them again. The caller holds them by
    `family_locked`, until he has written the new tests.

    Parameters
    ----------
    directory : Path
        A run directory, or where one will be.

    Returns
    -------
    dict or None
        The entry ``family`` of ``results.json``, to be kept.
    """
    members = family_members(directory)
    if not members:
        return None
    _void(members, keep=True)
    family: dict[str, Any] = read_json(directory / RESULTS)["family"]
    return family


def dissolve_family(directory: Path) -> None:
    """Void the corrected p-values of the family of a run for good; the caller holds it.

    Parameters
    ----------
    directory : Path
        A run directory.
    """
    _void(family_members(directory), keep=False)


def regain_family(record: RunRecord) -> list[RunRecord]:
    """Correct the family of a run again after its tests have changed.

    Parameters
    ----------
    record : RunRecord
        The run, whose family was suspended.

    Returns
    -------
    list of RunRecord
        The run and after it the other members that can be read, see `read_members`; the run alone
        if it has no family any more.
    """
    own = record.directory.resolve()
    with family_locked([own]):
        members = family_members(own)
        others = [folder for folder in members if folder != own]
        if others:
            file = read_json(own / RESULTS)["family"]["file"]
            _correct(members, (own / file).resolve().parent)
        else:
            dissolve_family(own)
    return [load_run(record.directory), *read_members(others)] if members else [record]


def read_members(directories: Sequence[Path]) -> list[RunRecord]:
    """Read runs whose corrected p-values have changed, to write their reports again.

    Parameters
    ----------
    directories : sequence of Path
        Run directories.

    Returns
    -------
    list of RunRecord
        Without runs that cannot be read whole, which have their p-values already.

    Warns
    -----
    CytosurfWarning
        Naming the runs that are left out: their spins are missing or damaged, say.
    """
    records = []
    for directory in directories:
        try:
            records.append(load_run(directory))
        except InputError as error:
            message = (
                f"{error} Corrected p-values of its family are in its {RESULTS}; its tables and "
                f"report are the old ones: cytosurf report {directory} writes them again."
            )
            warnings.warn(message, CytosurfWarning, stacklevel=3)
    return records


def _with_members(directories: Iterable[Path]) -> set[Path]:
    runs = {directory.resolve() for directory in directories}
    return runs | {member for run in runs for member in family_members(run)}


def _runs_of(directory: Path) -> list[Path]:
    try:
        family = read_json(directory / RESULTS).get("family")
    except InputError:
        return []
    return [(directory / run).resolve() for run in family["runs"]] if family else []


def _void(members: Iterable[Path], *, keep: bool) -> None:
    for folder in members:
        results = read_json(folder / RESULTS)
        (folder / results["family"]["file"]).unlink(missing_ok=True)
        for test in spin_tests_of(results):
            test["p_holm"] = test["p_bh"] = None
        write_json(folder / RESULTS, results if keep else results | {"family": None})
