"""How good each spin of a run is, and which of them count.

``spin_quality.tsv`` of a run directory has a row for every spin: what it keeps of the cortex and of
the classes, how many vertices serve as a source, and how much it changes distances along the cortex
(`cytosurf.nulls.distortion`). All of it follows from the run and the number of the spin, so the
table is the same however the work was split, and rows that are there are not computed again.

With ``max_distortion`` in the configuration, spins above it are left out of every test, those of
features too (`cytosurf.runs.stored_increment`). The rule
looks at rotations alone, and is settled before the first score of a spin: the limit belongs to the
identity of a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import write_text
from cytosurf.compute.pool import resolve_jobs, run_tasks
from cytosurf.decoding.marginals import Marginals
from cytosurf.errors import InputError
from cytosurf.nulls import (
    DistancePairs,
    SpinAssigner,
    distance_pairs,
    spin_distortion,
    spin_rotations,
    undistorted,
)
from cytosurf.nulls.rotations import Policy
from cytosurf.runs.config import RunConfig
from cytosurf.runs.inputs import Inputs, surface_meshes
from cytosurf.runs.record import RunRecord
from cytosurf.surfaces.space import Space

Float64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Arrays = Mapping[str, Float64]

FILE_NAME = "spin_quality.tsv"
COLUMNS = ("rotation", "spin", "kept", "distinct", "n_classes", "distortion", "used")
N_CLASSES = "n_classes"
TRIAL_SPINS = 100
_LANDMARKS = 100
_CHUNK = 250
_DECIMALS = 6


@dataclass(frozen=True, eq=False)
class SpinQualities:
    """The spins of one rotation policy.

    Attributes
    ----------
    kept, distinct : (n_spins,) float64
        Share of the analysed vertices with a label after the spin; share of vertices that serve as
        a source.
    n_classes : (n_spins,) float64
        Classes on the analysed vertices after the spin; 0 where nothing was left to decode.
    distortion : (n_spins,) float64
        Mean relative change of distances; NaN where it cannot be measured.
    used : (n_spins,) bool
        Whether the spin counts.
    """

    kept: Float64
    distinct: Float64
    n_classes: Float64
    distortion: Float64
    used: Mask

    def summary(self) -> dict[str, dict[str, float]]:
        """Return mean, least and largest value of each measure, over all spins."""
        return {
            name: {"mean": float(v.mean()), "min": float(v.min()), "max": float(v.max())}
            for name in ("kept", "distinct", N_CLASSES, "distortion")
            for v in (getattr(self, name),)
        }

    def selected(self, spins: Arrays) -> dict[str, Float64]:
        """Return arrays of all spins cut down to those that count."""
        return {name: values[self.used] for name, values in spins.items()}


def classes_present(of: Marginals) -> Float64:
    """Return how many classes were tested in any fold, (..., n_sets)."""
    n: Float64 = (of.of_truth.sum(axis=-2) > 0).sum(axis=-1).astype(np.float64)
    return n


def judge_spins(record: RunRecord, spins: Mapping[Policy, Arrays]) -> dict[Policy, SpinQualities]:
    """Measure every spin, decide which count, and write the table of the run directory.

    Parameters
    ----------
    record : RunRecord
        The observed part of the run, with its configuration.
    spins : mapping of policy to mapping
        From `cytosurf.runs.chunks.read_spins`, with `classes_present` under ``"n_classes"``.

    Returns
    -------
    dict of policy to SpinQualities

    Raises
    ------
    InputError
        If no spin is as little distorted as the configuration asks for.

    Warns
    -----
    CytosurfWarning
        If fewer than 19 are.
    """
    limit = record.config.get("max_distortion")
    n_spins = {policy: len(arrays["kept"]) for policy, arrays in spins.items()}
    distortion = _distortions(record, n_spins)
    found = {
        policy: SpinQualities(
            arrays["kept"],
            arrays["distinct"],
            arrays[N_CLASSES][:, 0],
            distortion[policy],
            np.ones(n_spins[policy], bool) if limit is None else _within(distortion[policy], limit),
        )
        for policy, arrays in spins.items()
    }
    _write(record.directory, found)
    return found


def counted_draws(record: RunRecord, policy: Policy, n_draws: int) -> Mask | None:
    """Return which spins of the features of a run count; None without a filter.

    Parameters
    ----------
    record : RunRecord
        The run.
    policy : {"independent", "mirrored"}
        How the rotations of the hemispheres go together.
    n_draws : int
        Spins in all: the rotations 0, 1, ... of the run.

    Raises
    ------
    InputError
        If no spin is as little distorted as the configuration asks for.

    Warns
    -----
    CytosurfWarning
        If fewer than 19 are.
    """
    limit = record.config.get("max_distortion")
    if limit is None:
        return None
    distortion = _distortions(record, {policy: n_draws})[policy]
    if not (distortion <= limit).any():
        found = f"{n_draws} {policy} spins, all more distorted than the {limit} of the run"
        raise InputError("--spins", found, "one that is not", "Ask for more spins.")
    return _within(distortion, limit)


def filter_summary(
    config: Mapping[str, Any], found: Mapping[Policy, SpinQualities]
) -> dict[str, Any] | None:
    """Return what ``results.json`` says of the filter; None without one."""
    if config.get("max_distortion") is None:
        return None
    return {
        "max_distortion": config["max_distortion"],
        "rule": "spins with a larger mean relative change of distances are left out of every test",
        "n_used": {policy: int(quality.used.sum()) for policy, quality in found.items()},
        "n_left_out": {policy: int((~quality.used).sum()) for policy, quality in found.items()},
    }


def counted_spins(
    directory: Path, spin_test: Mapping[str, Any], policy: Policy, spins: Arrays
) -> dict[str, Float64]:
    """Return arrays of all spins of a finished run cut down to those that count.

    Parameters
    ----------
    directory : Path
        The run directory.
    spin_test : mapping
        Of its ``results.json``.
    policy : {"independent", "mirrored"}
        Rotation policy.
    spins : mapping
        From `cytosurf.runs.chunks.read_spins`.

    Raises
    ------
    InputError
        If a filter was used and the table of spins does not fit the run.
    """
    if spin_test.get("filter") is None:
        return dict(spins)
    rows = read_quality(directory).get(policy)
    n_spins = len(next(iter(spins.values())))
    if rows is None or len(rows.used) < n_spins:
        found = "no table" if rows is None else f"{len(rows.used)} {policy} spins"
        way_out = "Run the same cytosurf command again: it is written anew."
        raise InputError(str(directory / FILE_NAME), found, f"{n_spins} {policy} spins", way_out)
    return {name: values[rows.used[:n_spins]] for name, values in spins.items()}


def read_quality(directory: Path) -> dict[Policy, SpinQualities]:
    """Read the table of a run directory; nothing where there is none, or a broken one."""
    try:
        lines = (directory / FILE_NAME).read_text(encoding="utf-8").splitlines()
        rows = [dict(zip(COLUMNS, line.split("\t"), strict=True)) for line in lines[1:]]
        by_policy: dict[Policy, list[dict[str, str]]] = {}
        for row in rows:
            policy: Policy = "independent" if row["rotation"] == "independent" else "mirrored"
            by_policy.setdefault(policy, []).append(row)
            if int(row["spin"]) != len(by_policy[policy]) - 1:
                return {}
        return {policy: _qualities(of_policy) for policy, of_policy in by_policy.items()}
    except (OSError, ValueError):
        return {}


def check_filter(config: RunConfig, inputs: Inputs, policies: Sequence[Policy]) -> None:
    """Raise `InputError`, before anything is computed, for a filter that cannot work.

    That is one that leaves nothing of some trial spins, or stands beside a stopping rule, which
    counts spins one after the other.

    Parameters
    ----------
    config : RunConfig
        The run.
    inputs : Inputs
        Its inputs.
    policies : sequence of {"independent", "mirrored"}
        Rotation policies.
    """
    if config.max_distortion is None:
        return
    if config.stop_after_exceedances is not None:
        found = "a filter of spins, and a rule that stops them early"
        raise InputError("max_distortion", found, "one of the two")
    region = config.mask is not None
    measure = _Measure.of(
        inputs.space, inputs.hemispheres, inputs.mask, region=region, seed=config.seed
    )
    for policy in policies:
        trial = np.array([measure(k, policy) for k in range(min(TRIAL_SPINS, config.spins))])
        least = np.nan_to_num(trial, nan=np.inf).min()
        if least > config.max_distortion:
            raise InputError(
                "max_distortion",
                f"{config.max_distortion}, which none of {len(trial)} {policy} spins meets",
                f"at least {least:.3g}, the least of them",
            )


@dataclass(frozen=True, eq=False)
class _Measure:
    """What the distortion of any spin needs; nothing where it cannot be measured."""

    pairs: DistancePairs | None
    assigner: SpinAssigner
    seed: int

    @cached_property
    def ends(self) -> npt.NDArray[np.int64]:
        """The vertices of all pairs: nothing else of a spin is looked at."""
        return np.unique(np.zeros(0, np.int64) if self.pairs is None else self.pairs.pairs)

    @classmethod
    def of(
        cls,
        space: Space,
        hemispheres: Sequence[str],
        mask: Mask,
        *,
        region: bool,
        seed: int,
    ) -> _Measure:
        """Choose pairs of analysed vertices in the hemispheres that have enough of them."""
        spheres = surface_meshes(space, hemispheres, "sphere")
        ends = np.cumsum([spheres[h].n_vertices for h in hemispheres])
        parts = dict(zip(hemispheres, np.split(mask, ends[:-1]), strict=True))
        large = [h for h in hemispheres if parts[h].sum() >= _LANDMARKS]
        if not large:
            return cls(None, SpinAssigner(spheres), seed)
        surfaces = surface_meshes(space, large, "midthickness")
        inside = np.concatenate([parts[h] for h in large])
        pairs = distance_pairs(surfaces, inside, n_landmarks=_LANDMARKS)
        if region:
            # Values come into a region from all over the surface.
            everywhere = np.ones_like(inside)
            pairs = DistancePairs(pairs.pairs, pairs.distance_mm, pairs.landmarks_mm, everywhere)
        return cls(pairs, SpinAssigner({h: spheres[h] for h in large}), seed)

    def __call__(self, k: int, policy: Policy) -> float:
        """Return the distortion of a spin, rounded as it is written."""
        if self.pairs is None:
            return np.nan
        index = np.zeros(len(self.pairs.mask), np.int32)
        rotations = spin_rotations(self.seed, k, policy)
        index[self.ends] = self.assigner.assign(rotations, self.ends)
        if not self.pairs.mask[index[self.pairs.pairs]].all(axis=1).any():
            return np.nan
        return round(spin_distortion(self.pairs, index), _DECIMALS)


def _distortions(record: RunRecord, n_spins: Mapping[Policy, int]) -> dict[Policy, Float64]:
    """Return the distortion of every spin, measured for those that the table does not hold."""
    stored = read_quality(record.directory)
    found, tasks = {}, []
    for policy, n in n_spins.items():
        known = stored[policy].distortion[:n] if policy in stored else np.zeros(0)
        found[policy] = np.append(known, np.full(n - len(known), np.nan))
        tasks += [(policy, range(k, min(k + _CHUNK, n))) for k in range(len(known), n, _CHUNK)]
    if not tasks:
        return found
    measure = _Measure.of(
        record.space,
        record.hemispheres,
        record.block >= 0,
        region=record.config["mask"] is not None,
        seed=record.config["seed"],
    )
    # Few chunks take less time than processes take to start.
    jobs = resolve_jobs(record.config["jobs"]) if len(tasks) > 8 else 1
    for policy, numbers, values in run_tasks(
        partial(_measured, measure=measure), tasks, jobs=jobs, label="Spin quality"
    ):
        found[policy][numbers.start : numbers.stop] = values
    return found


def _within(distortion: Float64, limit: float) -> Mask:
    return undistorted(np.nan_to_num(distortion, nan=np.inf), limit)


def _measured(task: tuple[Policy, range], measure: _Measure) -> tuple[Policy, range, list[float]]:
    policy, numbers = task
    return policy, numbers, [measure(k, policy) for k in numbers]


def _write(directory: Path, found: Mapping[Policy, SpinQualities]) -> None:
    lines = ["\t".join(COLUMNS)]
    for policy, quality in found.items():
        columns = (quality.kept, quality.distinct, quality.n_classes, quality.distortion)
        for k, (kept, distinct, n_classes, distortion) in enumerate(zip(*columns, strict=True)):
            measures = (f"{v:.{_DECIMALS}f}" for v in (kept, distinct))
            rest = (f"{n_classes:.0f}", f"{distortion:.{_DECIMALS}f}", str(int(quality.used[k])))
            lines.append("\t".join((policy, str(k), *measures, *rest)))
    write_text(directory / FILE_NAME, "\n".join(lines) + "\n")


def _qualities(rows: Sequence[Mapping[str, str]]) -> SpinQualities:
    numbers = {
        name: np.array([float(row[name]) for row in rows])
        for name in ("kept", "distinct", N_CLASSES, "distortion")
    }
    return SpinQualities(**numbers, used=np.array([row["used"] == "1" for row in rows], bool))
