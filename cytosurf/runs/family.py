"""Families of tests: Holm's correction over the targets of a command, or the runs of a report.

A run belongs to one family at a time, and says in ``results.json`` which runs that are. When the
tests of one member change, the corrected p-values of all are void: they are set to null, and
``family.json`` is removed, before the new tests are written.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cytosurf.errors import InputError
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
SHARED = ("features", "baseline", "statistic", "rotation")


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
    for record in records:
        dissolve_family(record.directory)
    results = [read_json(record.directory / RESULTS) for record in records]
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
            where = {"run": records[i].directory.name, "target": results[i]["target"]}
            rows.append(where | test)
    write_json(directory / FAMILY, {"schema": 1, "method": "Holm", "tests": rows})
    folders = [record.directory.resolve() for record in records]
    for folder, result in zip(folders, results, strict=True):
        result["family"] = {
            "file": os.path.relpath(directory.resolve() / FAMILY, folder),
            "runs": [os.path.relpath(member, folder) for member in folders],
        }
        write_json(folder / RESULTS, result)
    return [load_run(record.directory) for record in records]


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
    know each other, so that `regain_family` can correct them again.

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
    """Void the corrected p-values of the family of a run for good.

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
        The run and after it the other members; the run alone if it has no family any more.
    """
    members = family_members(record.directory)
    others = [folder for folder in members if folder != record.directory.resolve()]
    if not others:
        dissolve_family(record.directory)
        return [load_run(record.directory)] if members else [record]
    place = (record.directory / record.results["family"]["file"]).resolve().parent
    corrected = correct_family([load_run(folder) for folder in members], place)
    own = [load_run(record.directory)]
    return own + [run for run in corrected if run.directory in others]


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
