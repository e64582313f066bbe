"""Families of tests: Holm's correction over the targets of a command, or the runs of a report."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from cytosurf.nulls import holm
from cytosurf.runs.record import RESULTS, RunRecord, load_run, write_json

FAMILY = "family.json"
SHARED = ("features", "baseline", "statistic", "rotation")


def correct_family(records: list[RunRecord], directory: Path) -> list[RunRecord]:
    """Correct the p-values of several runs by Holm's method, and write ``family.json``.

    Tests of the same features, baseline, statistic and rotation make one family over the targets.
    A single run is returned as it is.

    Parameters
    ----------
    records : list of RunRecord
        Finished runs.
    directory : Path
        Where ``family.json`` goes.

    Returns
    -------
    list of RunRecord
        The same runs, with ``p_holm`` in their results and on disk.
    """
    if len(records) < 2:
        return records
    results = [copy.deepcopy(record.results) for record in records]
    families: dict[tuple[Any, ...], list[tuple[int, dict[str, Any]]]] = {}
    for i, result in enumerate(results):
        for test in (result["spin_test"] or {"tests": []})["tests"]:
            test["p_holm"] = None
            key = tuple(test[name] for name in SHARED)
            families.setdefault(key, []).append((i, test))
    rows = []
    for family in families.values():
        if len(family) < 2:
            continue
        corrected = holm([test["p"] for _, test in family]).tolist()
        for (i, test), p_holm in zip(family, corrected, strict=True):
            test["p_holm"] = p_holm
            where = {"run": records[i].directory.name, "target": results[i]["target"]}
            rows.append(where | test)
    write_json(directory / FAMILY, {"schema": 1, "method": "Holm", "tests": rows})
    for record, result in zip(records, results, strict=True):
        write_json(record.directory / RESULTS, result)
    return [load_run(record.directory) for record in records]
