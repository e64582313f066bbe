"""Calibrate the spin tests on the user's own mesh, mask, folds and labels; resumable.

A folder of a calibration holds one small file for each finished feature set (``sets/000017.npz``,
written to a temporary name and renamed, with the SHA-256 of its arrays), ``calibration.json``
(settings, and rates once all sets are there) and ``calibration.tsv`` (rates). A set depends on the
settings and its number alone, so a killed calibration goes on where it was, and more sets can be
added.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from cytosurf._version import __version__
from cytosurf.compute.files import atomic_path, check_writable
from cytosurf.compute.pool import resolve_jobs, run_tasks
from cytosurf.errors import InputError, unknown_name
from cytosurf.features.position import MAX_HARMONICS
from cytosurf.nulls import SpinAssigner, check_spin_count
from cytosurf.nulls.calibrate import (
    LABELS,
    STATISTICS,
    SURROGATES,
    CalibrationPlan,
    RejectionRate,
    attainable_rate,
    calibrate_sets,
    rejection_rates,
)
from cytosurf.nulls.eigenmodes import cortex_modes
from cytosurf.nulls.random_fields import SYMMETRIES
from cytosurf.runs.config import FoldConfig, RunConfig
from cytosurf.runs.inputs import Inputs, TargetLike, labels_to_spin, surface_meshes
from cytosurf.runs.names import name_of
from cytosurf.runs.options import config_of, inputs_of
from cytosurf.runs.policies import rotation_policies
from cytosurf.runs.record import write_json
from cytosurf.runs.stored_calibration import JSON, finished_sets, keep_set

if TYPE_CHECKING:
    import pandas as pd

SURFACES = ("midthickness", "sphere")
TSV = "calibration.tsv"
LARGEST_CHUNK = 10

Keep = Callable[[int, npt.NDArray[np.float64]], None]


@dataclass(frozen=True, eq=False)
class Calibration:
    """How often spin tests reject on one mesh, mask, folds and target.

    Attributes
    ----------
    settings : dict
        What was asked for, and the largest rate that a valid test of so many spins can have.
    rates : tuple of RejectionRate
        False-positive rates (kind "random") and power (kind "planted").
    """

    settings: dict[str, Any]
    rates: tuple[RejectionRate, ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row for each test, as in ``calibration.tsv``."""
        import pandas as pd

        rows = [dataclasses.asdict(rate) for rate in self.rates]
        for row in rows:
            row["ci95_low"], row["ci95_high"] = row.pop("ci95")
        return pd.DataFrame(rows)


def calibrate(
    target: TargetLike | Path = "schaefer400-7networks",
    *,
    sets: int = 200,
    spins: int = 99,
    smoothness_mm: float = 20.0,
    columns: int = 4,
    effect: float = 0.3,
    nulls: Sequence[str] = (LABELS,),
    symmetries: Sequence[str] = tuple(SYMMETRIES),
    surface: str = "midthickness",
    baseline: str | None = None,
    space: str = "fsLR-32k",
    hemispheres: Sequence[str] = ("L", "R"),
    folds: FoldConfig | dict[str, Any] | None = None,
    mask: str | Path | None = None,
    min_class_vertices: int = 1,
    C: float = 1.0,
    seed: int = 0,
    jobs: int | None = None,
    out: str | Path | None = None,
) -> Calibration:
    """Measure the false-positive rate and the power of the spin tests for your data.

    Random feature sets that know nothing of the labels are tested as real ones are, with every
    null that is asked for and under both rotation policies. The hemispheres of the features are
    independent, correlated (0.8) or mirror images.

    Parameters
    ----------
    target : str, Path, Target or Parcellation
        What is decoded.
    sets : int
        Random feature sets.
    spins : int
        Spins, or surrogates, for each feature set and rotation policy; every set has its own.
    smoothness_mm : float
        FWHM in mm of the kernel that white noise on the surface is smoothed with.
    columns : int
        Columns of a feature set.
    effect : float
        For the power: correlation, 0 to 1, of each column with the smoothed indicator of one class
        (the classes in turn); the rest is random. 0 leaves the power out.
    nulls : sequence of {"labels", "features", "surrogates"}
        ``"labels"``: spins of the labels, for macro-F1 and its difference to the baseline.
        ``"features"``: spins of the features, for the difference to the baseline and for the
        increment over position (``harmonics:COLUMNS``). ``"surrogates"``: the same two with
        features made anew. The last two take several times as long as the first.
    symmetries : sequence of {"independent", "correlated", "symmetric"}
        How alike the hemispheres of the random features are.
    surface : {"midthickness", "sphere"}
        Where features are equally smooth everywhere. On the sphere a rotation does not distort
        them: the ideal case.
    baseline : str, optional
        Baseline of the difference; as for `decode` if left out.
    space, hemispheres, folds, mask, min_class_vertices, C
        As for `decode`.
    seed : int
        Seed of folds, features and spins.
    jobs : int, optional
        Processes; all cores if left out.
    out : path-like, optional
        Folder of the calibration; one that holds the same calibration is continued.

    Returns
    -------
    Calibration
        Rates with their Clopper-Pearson intervals.

    Raises
    ------
    InputError
        If an option or input is bad, or the folder holds another calibration.

    Warns
    -----
    CytosurfWarning
        If there are too few spins for p <= 0.05, or a file is damaged; its set is tested again.

    Examples
    --------
    >>> import cytosurf
    >>> calibration = cytosurf.calibrate("yeo7", sets=40, spins=39)  # doctest: +SKIP
    >>> calibration.table[["symmetry", "statistic", "rotation", "rate"]]  # doctest: +SKIP
    """
    _check_numbers(sets, spins, columns, effect)
    _check_chosen("--nulls", nulls, STATISTICS)
    _check_chosen("--symmetries", symmetries, SYMMETRIES)
    if surface not in SURFACES:
        raise unknown_name("--surface", surface, SURFACES)
    folder = None if out is None else Path(out)
    if folder is not None:
        check_writable(folder)
    config = config_of(
        [f"harmonics:{columns}"],
        name_of(target, "target"),
        baseline=None if baseline is None else [baseline],
        space=space,
        hemispheres=hemispheres,
        spins=spins,
        seed=seed,
        folds=folds,
        mask=mask,
        min_class_vertices=min_class_vertices,
        C=C,
        matched_position=False,
    )
    inputs = inputs_of(config, None, target)
    chosen = (tuple(nulls), tuple(symmetries))
    plan = _plan(config, inputs, surface, smoothness_mm, effect, columns, chosen)
    run = _identity(config, inputs, plan, surface)
    settings = _settings(config, inputs, plan, surface, sets)
    finished = {} if folder is None else finished_sets(folder, run, settings)
    keep = None if folder is None else partial(keep_set, folder, run, settings)
    statistics = _all_sets(plan, sets, finished, keep, resolve_jobs(jobs))
    result = Calibration(settings, tuple(rejection_rates(plan, statistics)))
    if folder is not None:
        _write(folder, result)
    return result


def _check_numbers(sets: int, spins: int, columns: int, effect: float) -> None:
    for option, value in (("--sets", sets), ("--spins", spins)):
        if value < 1:
            raise InputError(option, str(value), "a whole number of at least 1")
    if not 1 <= columns <= MAX_HARMONICS:
        raise InputError("--columns", str(columns), f"1 to {MAX_HARMONICS}")
    if not 0 <= effect <= 1:
        raise InputError("--effect", str(effect), "a correlation from 0 to 1")
    check_spin_count(spins)


def _check_chosen(option: str, chosen: Sequence[str], known: Iterable[str]) -> None:
    if isinstance(chosen, str) or not len(chosen):
        raise InputError(option, repr(chosen), f"one or several of {', '.join(known)}")
    for name in chosen:
        if name not in known:
            raise unknown_name(option, str(name), list(known))


def _plan(
    config: RunConfig,
    inputs: Inputs,
    surface: str,
    smoothness_mm: float,
    effect: float,
    columns: int,
    chosen: tuple[tuple[str, ...], tuple[str, ...]],
) -> CalibrationPlan:
    """Collect what all feature sets share."""
    assigner = SpinAssigner(surface_meshes(inputs.space, config.hemispheres, "sphere"))
    label, n_classes = labels_to_spin(inputs)
    position = inputs.sets[config.features[0]].map
    nulls, symmetries = chosen
    modes = None
    if SURROGATES in nulls:
        midthickness = surface_meshes(inputs.space, config.hemispheres, "midthickness")
        modes = cortex_modes(midthickness, position.valid, mirrored=assigner.mirrored)
    return CalibrationPlan(
        surfaces=surface_meshes(inputs.space, config.hemispheres, surface),
        valid=position.valid,
        label=label,
        n_classes=n_classes,
        n_planted=len(inputs.keys),
        folds=inputs.folds,
        baseline=inputs.sets[config.baseline[0]].map.values,
        position=position.values,
        assigner=assigner,
        policies=rotation_policies(assigner),
        nulls=nulls,
        symmetries=symmetries,
        modes=modes,
        smoothness_mm=smoothness_mm,
        n_columns=columns,
        effect=effect,
        n_spins=config.spins,
        seed=config.seed,
        C=config.C,
    )


def _settings(
    config: RunConfig, inputs: Inputs, plan: CalibrationPlan, surface: str, sets: int
) -> dict[str, Any]:
    """Return what ``calibration.json`` says of how the rates were made."""
    return {
        "target": config.target,
        "space": config.space,
        "hemispheres": list(config.hemispheres),
        "n_vertices": int(inputs.analysed.sum()),
        "folds": config.folds.model_dump(mode="json"),
        "mask": config.mask,
        "min_class_vertices": config.min_class_vertices,
        "C": config.C,
        "baseline": config.baseline[0],
        "position": config.features[0],
        "nulls": [null for null in STATISTICS if null in plan.nulls],
        "symmetries": list(dict.fromkeys(symmetry for _, symmetry in plan.cases)),
        "surface": surface,
        "smoothness_mm": plan.smoothness_mm,
        "columns": plan.n_columns,
        "effect": plan.effect,
        "sets": sets,
        "spins": plan.n_spins,
        "attainable_rate": attainable_rate(plan.n_spins),
        "seed": plan.seed,
        "version": __version__,
    }


def _identity(config: RunConfig, inputs: Inputs, plan: CalibrationPlan, surface: str) -> str:
    """Return what tells the feature sets of this calibration from those of any other."""
    settings = _settings(config, inputs, plan, surface, sets=0)
    parts = [settings, inputs.hashes()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _all_sets(
    plan: CalibrationPlan,
    n_sets: int,
    finished: Mapping[int, npt.NDArray[np.float64]],
    keep: Keep | None,
    jobs: int,
) -> list[npt.NDArray[np.float64]]:
    """Return the statistics of each feature set, testing those that are not finished."""
    statistics = dict(finished)
    missing = [number for number in range(n_sets) if number not in statistics]
    work = partial(_sets, plan=plan, keep=keep)
    for done in run_tasks(work, _chunks(missing, jobs), jobs=jobs, label="Feature sets"):
        statistics |= done
    return [statistics[number] for number in range(n_sets)]


def _chunks(numbers: Sequence[int], jobs: int) -> list[list[int]]:
    size = int(np.clip(len(numbers) // (4 * jobs), 1, LARGEST_CHUNK))
    return [list(numbers[start : start + size]) for start in range(0, len(numbers), size)]


def _sets(
    numbers: list[int], plan: CalibrationPlan, keep: Keep | None
) -> dict[int, npt.NDArray[np.float64]]:
    """Test some feature sets, keeping each as soon as it is finished."""
    finished = {}
    for number, statistic in calibrate_sets(plan, numbers):
        finished[number] = statistic
        if keep is not None:
            keep(number, statistic)
    return finished


def _write(folder: Path, result: Calibration) -> None:
    rates = [dataclasses.asdict(rate) for rate in result.rates]
    write_json(folder / JSON, {"schema": 1, "settings": result.settings, "rates": rates})
    with atomic_path(folder / TSV) as path:
        result.table.to_csv(path, sep="\t", index=False)
