"""A run directory read back: what a report, a notebook or a later command needs of it."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import arrays_sha256, write_npz, write_text
from cytosurf.errors import InputError
from cytosurf.runs.config import read_config
from cytosurf.surfaces.space import Space

RESULTS, INFO, ARRAYS = "results.json", "run.json", "observed.npz"
AGAIN = "Run the same cytosurf decode command again: it goes on where it stopped."


@dataclass(frozen=True, eq=False)
class NullRecord:
    """One spin test with its null distribution.

    Attributes
    ----------
    features, baseline : str, str or None
        The feature set, and the one subtracted from it.
    statistic : str
        ``"macro_f1"`` or ``"macro_f1 difference"``: means over folds.
    rotation : str
        Rotation policy, "independent" or "mirrored".
    observed : float
        The statistic of the real labels.
    null : (n_spins,) float64
        The statistic of each spin that is looked at; NaN where a spin left too few labels to
        decode, which counts as exceeding.
    exceed, p, p_ci95 : int, float, tuple of float
        As in `cytosurf.nulls.SpinPValue`, or `cytosurf.nulls.SequentialPValue` of a run that may
        stop early.
    primary : bool
        Whether this rotation policy is the one to quote for this statistic.
    p_holm, p_bh : float or None
        Corrected over the targets of one family, by Holm and by Benjamini and Hochberg.
    p_max : float or None
        Corrected over the feature sets of the run, by the maximum of their statistics.
    stopped : bool
        Whether the test stopped at an exceedance, with ``p = exceed / n_spins``.
    complete : bool
        False where a run stopped for other tests and this one would need more spins: p is
        provisional.
    tail : dict or None
        Approximate p with its fit, or the reason why there is none; None if it was not asked for.
    draws : str
        What was counted: "spins", or "surrogates" of features.
    """

    features: str
    baseline: str | None
    statistic: str
    rotation: str
    observed: float
    null: npt.NDArray[np.float64]
    exceed: int
    p: float
    p_ci95: tuple[float, float]
    primary: bool
    p_holm: float | None = None
    p_bh: float | None = None
    p_max: float | None = None
    stopped: bool = False
    complete: bool = True
    tail: dict[str, Any] | None = None
    draws: str = "spins"

    @property
    def tested(self) -> npt.NDArray[np.float64]:
        """The statistic of the spins that could be decoded, (n_tested,)."""
        values = np.asarray(self.null, dtype=np.float64)
        return values[np.isfinite(values)]


@dataclass(frozen=True, eq=False)
class RunRecord:
    """Everything a run directory holds.

    Attributes
    ----------
    directory : Path
        The run directory.
    config, info, results : dict
        ``config.yaml``, ``run.json`` and ``results.json``.
    space, hemispheres : Space, tuple of str
        Where the vertices are.
    labels, label_names : (K,) int32, list of str
        Keys and names of the classes.
    truth : (n_vertices,) int32
        Key of each analysed vertex, 0 elsewhere.
    fold, block : (n_vertices,) int8, (n_vertices,) int32
        Test fold and superblock, -1 outside the mask.
    counts : dict of str to (n_folds, K, K) int64
        Confusion counts of each feature set.
    prediction : dict of str to (n_vertices,) int32
        Held-out prediction (key) of each analysed vertex, 0 elsewhere.
    probability : dict of str to (n_vertices, K) float16
        Held-out probabilities.
    nulls : list of NullRecord
        Spin tests of macro-F1; empty without spins.
    excluded : (n_folds, n_vertices) bool or None
        Vertices that a fold left out of its training: those within the buffer.
    other_nulls : list of NullRecord
        Spin tests of statistics that were asked for besides.
    increment_nulls : list of NullRecord
        Increment tests, with position as the baseline; in the order of ``results.json``.
    feature_nulls : list of NullRecord
        Tests of features on their own, less position, by draws of the features.
    """

    directory: Path
    config: dict[str, Any]
    info: dict[str, Any]
    results: dict[str, Any]
    space: Space
    hemispheres: tuple[str, ...]
    labels: npt.NDArray[np.int32]
    label_names: list[str]
    truth: npt.NDArray[np.int32]
    fold: npt.NDArray[np.int8]
    block: npt.NDArray[np.int32]
    counts: dict[str, npt.NDArray[np.int64]]
    prediction: dict[str, npt.NDArray[np.int32]]
    probability: dict[str, npt.NDArray[np.float16]]
    nulls: list[NullRecord]
    excluded: npt.NDArray[np.bool_] | None = None
    other_nulls: list[NullRecord] = field(default_factory=list)
    increment_nulls: list[NullRecord] = field(default_factory=list)
    feature_nulls: list[NullRecord] = field(default_factory=list)


def spin_tests_of(results: dict[str, Any]) -> list[dict[str, Any]]:
    """Return all spin tests in ``results.json``: of macro-F1, then of other statistics."""
    spin_test = results.get("spin_test") or {}
    return [*spin_test.get("tests", ()), *spin_test.get("other_statistics", ())]


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file through a temporary name; NaN becomes null."""
    plain = _without_nan(content)
    write_text(path, json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run directory.

    Raises
    ------
    InputError
        If it is missing or broken.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(str(path), "no readable file", "that of a finished run", AGAIN) from None
    if not isinstance(content, dict):
        raise InputError(str(path), type(content).__name__, "a JSON object")
    return content


def write_arrays(directory: Path, record: RunRecord) -> None:
    """Write ``observed.npz``: labels, folds, and the results of each feature set in their order."""
    arrays: dict[str, npt.NDArray[Any]] = {
        "labels": record.labels,
        "truth": record.truth,
        "fold": record.fold,
        "block": record.block,
    }
    if record.excluded is not None:
        arrays["excluded"] = record.excluded
    for i, name in enumerate(record.counts):
        arrays[f"counts_{i}"] = record.counts[name]
        arrays[f"prediction_{i}"] = record.prediction[name]
        arrays[f"probability_{i}"] = record.probability[name]
    arrays["sets"] = np.array(list(record.counts))
    write_npz(directory / ARRAYS, **arrays)


def load_run(directory: str | Path, *, with_spins: bool = True) -> RunRecord:
    """Read a run directory.

    Parameters
    ----------
    directory : path-like
        What ``cytosurf decode --out`` wrote.
    with_spins : bool, optional
        Whether the null distributions are read. Without them the record has no tests, and files of
        spins may be missing or damaged.

    Returns
    -------
    RunRecord

    Raises
    ------
    InputError
        If the directory is not a finished run.
    """
    from cytosurf.runs.outcome import read_nulls
    from cytosurf.runs.stored_increment import FEATURE_TESTS, INCREMENT_TESTS, read_increment_nulls

    directory = Path(directory)
    config = read_config(directory)
    info, results = read_json(directory / INFO), read_json(directory / RESULTS)
    try:
        arrays = read_arrays(directory / ARRAYS)
        sets = list(enumerate(str(name) for name in arrays["sets"]))
        nulls, other_nulls = read_nulls(directory, results) if with_spins else ([], [])
        increments, alone = (
            read_increment_nulls(directory, results, key) if with_spins else []
            for key in (INCREMENT_TESTS, FEATURE_TESTS)
        )
        return RunRecord(
            directory=directory,
            config=config.model_dump(mode="json"),
            info=info,
            results=results,
            space=Space.parse(config.space),
            hemispheres=config.hemispheres,
            labels=arrays["labels"],
            label_names=[c["name"] for c in results["classes"]],
            truth=arrays["truth"],
            fold=arrays["fold"],
            block=arrays["block"],
            counts={n: arrays[f"counts_{i}"] for i, n in sets},
            prediction={n: arrays[f"prediction_{i}"] for i, n in sets},
            probability={n: arrays[f"probability_{i}"] for i, n in sets},
            nulls=nulls,
            excluded=arrays.get("excluded"),
            other_nulls=other_nulls,
            increment_nulls=increments,
            feature_nulls=alone,
        )
    except KeyError as missing:
        raise InputError(str(directory), f"no {missing}", "a finished run", AGAIN) from None


def read_whole(path: Path) -> dict[str, npt.NDArray[Any]] | None:
    """Read what was written with `cytosurf.compute.files.with_checksum`, but for the checksum.

    Returns
    -------
    dict or None
        None if the file is missing, broken, or other than it was written.
    """
    try:
        arrays = read_arrays(path)
    except InputError:
        return None
    checksum = str(arrays.pop("sha256", ""))
    return arrays if checksum == arrays_sha256(arrays) else None


def read_arrays(path: Path, names: Sequence[str] | None = None) -> dict[str, npt.NDArray[Any]]:
    """Read an ``.npz`` file of a run directory.

    Parameters
    ----------
    path : Path
        The file.
    names : sequence of str, optional
        Arrays to read; all if left out.

    Raises
    ------
    InputError
        If the file is missing or broken, or lacks one of the arrays.
    """
    try:
        # Opened here: numpy leaves a file that is no zip archive open.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            return {name: stored[name] for name in (stored.files if names is None else names)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        raise InputError(
            str(path),
            "a missing or broken file",
            "the arrays that cytosurf wrote",
            f"Delete it if it is there. {AGAIN}",
        ) from None


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
