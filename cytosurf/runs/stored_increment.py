"""Increment tests in a run directory: resumable, and on the vertices and folds of the run.

A test has a folder of its own, ``increments/NAME``, with a file for every few draws that are done:
scores with the features, of position alone, and the share of vertices kept, with the SHA-256 of the
arrays. What a draw gives depends on the run, the test and its number alone, so a killed test goes
on where it was, and more draws can be added. Spins that a filter of the run leaves out are drawn
and not counted, like those of labels. ``results.json`` holds the outcome of each test; those of
features on their own, with position only subtracted, stand apart under ``feature_tests``.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import with_checksum, write_npz
from cytosurf.compute.lock import check_unlocked, locked
from cytosurf.errors import CytosurfWarning, InputError, unknown_name
from cytosurf.nulls import Policy
from cytosurf.nulls.feature_nulls import Family, check_family
from cytosurf.nulls.increment import (
    INCREMENT,
    IncrementTest,
    Row,
    Statistic,
    run_increment_test,
)
from cytosurf.runs.config import RunConfig, read_config
from cytosurf.runs.directory import check_named_inputs, check_same_inputs
from cytosurf.runs.family import results_locked
from cytosurf.runs.increment import increment_data
from cytosurf.runs.inputs import Inputs, load_inputs
from cytosurf.runs.record import (
    INFO,
    RESULTS,
    NullRecord,
    RunRecord,
    load_run,
    read_arrays,
    read_json,
    read_whole,
    write_json,
)
from cytosurf.runs.spin_quality import counted_draws

FOLDER = "increments"
STATISTIC = "macro_f1 increment"
INCREMENT_TESTS, FEATURE_TESTS = "increment_tests", "feature_tests"
DEFAULT_SPINS = 99


def add_increment_test(
    directory: Path,
    features: str | None = None,
    *,
    position: str | None = None,
    spins: int | None = None,
    rotation: Policy = "mirrored",
    null: Family = "spins",
    statistic: Statistic = INCREMENT,
    jobs: int | None = None,
) -> RunRecord:
    """Test whether the features of a run add to position, and keep the outcome in the run.

    Parameters
    ----------
    directory : Path
        A finished run of named inputs.
    features : str, optional
        A feature set of the run; its first one if left out.
    position : str, optional
        What stays; ``harmonics:N`` with as many columns as the features if left out.
    spins : int, optional
        Draws in all, of which those that are there are not done again. If left out as many as the
        run has label spins; 99 where it has none, and at most 99 where its spins stopped early.
    rotation : {"mirrored", "independent"}, optional
        How the draws of the hemispheres go together.
    null : {"spins", "surrogates"}, optional
        Whether features are spun or made anew.
    statistic : {"increment", "difference"}, optional
        Whether features are decoded beside position, or on their own.
    jobs : int, optional
        Processes; as configured if left out.

    Returns
    -------
    RunRecord
        The run with the test.

    Raises
    ------
    InputError
        If the directory is no finished run of named inputs, its inputs have changed, there is no
        such feature set, position has no value on a vertex of the run, or another process works on
        the run.

    Warns
    -----
    CytosurfWarning
        If too few draws count for p <= 0.05, or a file is damaged; its draws are done again.
    """
    check_family(null)
    config = read_config(directory)
    record = load_run(directory, with_spins=False)
    check_named_inputs(directory, config)
    name = config.features[0] if features is None else features
    if name not in config.features:
        raise unknown_name("--features", name, config.features)
    check_unlocked(directory)
    inputs, beside = _inputs(record, config, name, position)
    what = {"features": name, "position": beside, "rotation": rotation, "null": null}
    key = INCREMENT_TESTS
    if statistic != INCREMENT:
        what["statistic"], key = f"macro_f1 {statistic}", FEATURE_TESTS
    folder = directory / FOLDER / _folder_name(what)
    run = _identity(directory, what, inputs)
    with locked(directory):
        done = _finished(folder, run)
        n_spins = _default_spins(record, config) if spins is None else spins
        n_there = next(k for k in range(len(done) + 1) if k not in done)
        n_drawn = max(n_spins, n_there) if n_spins > 0 else n_spins
        counted = None
        if null == "spins" and n_drawn > 0:
            counted = counted_draws(record, rotation, n_drawn)
        outcome = run_increment_test(
            increment_data(inputs, name, beside, family=null, C=config.C),
            n_drawn,
            seed=config.seed,
            rotation=rotation,
            null=null,
            statistic=statistic,
            jobs=config.jobs if jobs is None else jobs,
            names=(name, beside, config.target),
            done=done,
            keep=partial(_keep, folder, run),
            counted=counted,
        )
        kept = {"filter": _filter(config, counted), "folder": folder.name}
        with results_locked([directory]):
            _store(directory, key, what, _entry(outcome) | what | kept)
        return load_run(directory)


def read_increment_nulls(
    directory: Path, results: Mapping[str, Any], key: str = INCREMENT_TESTS
) -> list[NullRecord]:
    """Return the increment tests of a run, or those of features alone, with their nulls.

    Parameters
    ----------
    directory : Path
        The run directory.
    results : mapping
        ``results.json``.
    key : {"increment_tests", "feature_tests"}, optional
        Of ``results.json``.

    Raises
    ------
    InputError
        If draws are missing.
    """
    records = []
    for test in results.get(key, []):
        folder = directory / FOLDER / test["folder"]
        rows = {k: row for path in _files(folder) for k, row in _rows(path).items()}
        numbers = _counted_numbers(test)
        n_there = sum(k in rows for k in numbers)
        if n_there < len(numbers):
            raise InputError(
                str(folder),
                f"{n_there} of {len(numbers)} draws",
                "all of them",
                f"Do them again with: cytosurf increment {directory}",
            )
        table = np.array([rows[k] for k in numbers])
        records.append(
            NullRecord(
                features=test["features"],
                baseline=test["position"],
                statistic=test["statistic"],
                rotation=test["rotation"],
                observed=test["observed"],
                null=table[:, 0] - table[:, 1],
                exceed=test["exceed"],
                p=test["p"],
                p_ci95=(test["p_ci95"][0], test["p_ci95"][1]),
                primary=True,
                draws=test["null"],
            )
        )
    return records


def earlier_increments(
    directory: Path, run: str, key: str = INCREMENT_TESTS
) -> list[dict[str, Any]]:
    """Return the increment tests of a run that is done again; none of another run.

    Parameters
    ----------
    directory : Path
        A run directory, or where one will be.
    run : str
        What tells the spins of the run from those of any other.
    key : {"increment_tests", "feature_tests"}, optional
        Of ``results.json``.
    """
    if not (directory / RESULTS).exists() or read_json(directory / INFO).get("run", run) != run:
        return []
    tests: list[dict[str, Any]] = read_json(directory / RESULTS).get(key, [])
    return tests


def _default_spins(record: RunRecord, config: RunConfig) -> int:
    """Return the draws of a run: those of a run that stopped early are a limit, not a number."""
    stopping = (record.results["spin_test"] or {}).get("stopping")
    n_spins = config.spins or DEFAULT_SPINS
    return min(n_spins, DEFAULT_SPINS) if stopping and stopping["stopped"] else n_spins


def _inputs(
    record: RunRecord, config: RunConfig, features: str, position: str | None
) -> tuple[Inputs, str]:
    """Load the inputs of a run with a position set beside them, on the same vertices."""
    if position == features:
        raise InputError("--position", f"{features!r}, the features", "another set")
    baseline = [*config.baseline, *([] if position is None else [position])]
    update = {"baseline": tuple(dict.fromkeys(baseline)), "matched_position": True}
    wider = config.model_copy(update=update)
    (inputs,) = load_inputs([wider])
    beside = inputs.matched.get(features) if position is None else position
    if beside is None:
        found = f"{features!r} is itself position"
        raise InputError("--position", found, "another set", "Name one: --position NAME")
    analysed = record.block >= 0
    n_lost = int((analysed & ~inputs.sets[beside].map.valid).sum())
    if n_lost:
        found = f"no value on {n_lost:,} of the {analysed.sum():,} vertices of the run"
        way_out = (
            f"Decode with --baseline {beside}: a run has the vertices that all its sets share."
        )
        raise InputError(f"--position {beside}", found, "values on all of them", way_out)
    check_same_inputs(record.directory, inputs.hashes())
    return inputs, beside


def _identity(directory: Path, what: Mapping[str, str], inputs: Inputs) -> str:
    """Return what tells the draws of a test from those of any other."""
    position = inputs.hashes()[f"features {what['position']}"]
    parts = [read_json(directory / INFO).get("run"), dict(what), position]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _folder_name(what: Mapping[str, str]) -> str:
    """Return a name that can be read, and ends so that no two tests share it."""
    digest = hashlib.sha256(json.dumps(dict(what), sort_keys=True).encode()).hexdigest()[:8]
    text = f"{what['features']}_on_{what['position']}_{what['rotation']}_{what['null']}"
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', text)[:80]}_{digest}"


def _keep(folder: Path, run: str, draws: list[int], rows: list[Row]) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {
        "draws": np.array(draws, np.int64),
        "rows": np.array(rows, np.float64),
        "run": np.array(run),
    }
    path = folder / f"{draws[0]:06d}-{draws[-1]:06d}.npz"
    write_npz(path, **with_checksum(arrays))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.npz") if not path.name.startswith("."))


def _finished(folder: Path, run: str) -> dict[int, Row]:
    """Return the draws that are there; damaged files are removed."""
    finished: dict[int, Row] = {}
    for path in _files(folder):
        arrays = read_whole(path)
        if arrays is None:
            message = f"{path}: damaged (its checksum is wrong). Its draws are done again."
            warnings.warn(message, CytosurfWarning, stacklevel=3)
            path.unlink()
            continue
        if str(arrays["run"]) != run:
            found = "draws of another run, of other data or of another version of cytosurf"
            way_out = f"Remove the folder {folder}."
            raise InputError(str(path), found, "draws of this run", way_out)
        finished.update(_rows(path))
    return finished


def _rows(path: Path) -> dict[int, Row]:
    arrays = read_arrays(path, ("draws", "rows"))
    rows = zip(arrays["draws"].tolist(), arrays["rows"].tolist(), strict=True)
    return {k: (row[0], row[1], row[2]) for k, row in rows}


def _filter(config: RunConfig, counted: npt.NDArray[np.bool_] | None) -> dict[str, Any] | None:
    """Return what ``results.json`` says of draws that do not count; None without a filter."""
    if counted is None:
        return None
    left_out = np.flatnonzero(~counted).tolist()
    return {"max_distortion": config.max_distortion, "left_out": left_out}


def _counted_numbers(test: Mapping[str, Any]) -> list[int]:
    """Return the numbers of the draws that an entry of ``results.json`` counts."""
    left_out = set((test.get("filter") or {}).get("left_out", []))
    return [k for k in range(test["n_spins"] + len(left_out)) if k not in left_out]


def _store(directory: Path, key: str, what: Mapping[str, str], entry: dict[str, Any]) -> None:
    """Put a test into ``results.json``, in the place of the one that it continues."""
    results = read_json(directory / RESULTS)
    others = [
        test
        for test in results.get(key, [])
        if any(test[name] != value for name, value in what.items())
    ]
    results[key] = [*others, entry]
    write_json(directory / RESULTS, results)


def _entry(outcome: IncrementTest) -> dict[str, Any]:
    """Return what ``results.json`` says of a test."""
    kept = outcome.kept
    names = ("score", "score_position", "observed", "exceed", "n_spins", "p", "n_features")
    return {
        "statistic": STATISTIC,
        **{name: getattr(outcome, name) for name in (*names, "n_position", "n_vertices", "seed")},
        "p_ci95": list(outcome.p_ci95),
        "untestable": int(np.isnan(outcome.null).sum()),
        "kept": {"mean": float(kept.mean()), "min": float(kept.min())},
        "surrogates": None if outcome.surrogates is None else asdict(outcome.surrogates),
    }
