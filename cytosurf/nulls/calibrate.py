"""Calibration: how often a spin test rejects when nothing is there, and when something is.

Random feature sets that know nothing of the labels are tested like real ones, on the real mesh,
mask, folds and labels. A valid test has p <= 0.05 for at most 5 % of them. The same features with
a part of the labels mixed in show the power.

Each feature set is tested with spins of its own (set s with the spins s n to s n + n - 1). With
the same spins for all sets their p-values would go up and down together (the false-positive rate
of 99 given spins is itself random, with a standard deviation of up to 0.02), and the interval of
the rate would be too narrow. What is left in common is the labels: the rates are those for this
parcellation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.crossval import UNLABELLED, Decoder, make_decoder
from cytosurf.decoding.folds import Folds
from cytosurf.nulls.increment import mean_macro_f1, spun_design
from cytosurf.nulls.pvalues import SpinPValue, clopper_pearson
from cytosurf.nulls.random_fields import (
    SYMMETRIES,
    SurfaceSmoother,
    planted_signal,
    random_features,
)
from cytosurf.nulls.rotations import Policy, spin_rotations
from cytosurf.nulls.spins import SpinAssigner, spin_labels
from cytosurf.surfaces.mesh import Mesh

Float64 = npt.NDArray[np.float64]

ALPHA = 0.05
RANDOM, PLANTED = "random", "planted"
SCORE, DIFFERENCE, INCREMENT = "macro_f1", "macro_f1 difference", "increment"


@dataclass(frozen=True, eq=False)
class CalibrationPlan:
    """What all feature sets of a calibration share.

    Attributes
    ----------
    surfaces : dict of str to Mesh
        The surface of each hemisphere on which the random features are equally smooth.
    valid : (n_vertices,) bool
        The cortex: where random features have values.
    label : (n_vertices,) int16
        Class index of every vertex, -1 where there is none.
    n_classes : int
        Classes that a spin may bring into the mask; the first `n_planted` occur in it.
    n_planted : int
        Classes whose indicators are planted, in turn.
    folds : Folds
        Folds of the analysed vertices.
    baseline : (n_vertices, n) float
        The baseline of the difference.
    position : (n_vertices, n) float or None
        Position for the increment test, which is left out if None.
    assigner : SpinAssigner
        The spheres.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies.
    smoothness_mm : float
        FWHM of the kernel that makes the random features smooth.
    n_columns : int
        Columns of a feature set.
    effect : float
        Correlation of each column of a planted feature set with the smoothed indicator of one
        class; 0 for none.
    n_spins : int
        Spins for each feature set.
    seed : int
        Seed of features and spins.
    C : float
        Inverse strength of the penalty.
    """

    surfaces: dict[str, Mesh]
    valid: npt.NDArray[np.bool_]
    label: npt.NDArray[np.int16]
    n_classes: int
    n_planted: int
    folds: Folds
    baseline: npt.NDArray[np.floating]
    position: npt.NDArray[np.floating] | None
    assigner: SpinAssigner
    policies: tuple[Policy, ...]
    smoothness_mm: float
    n_columns: int
    effect: float
    n_spins: int
    seed: int
    C: float = 1.0

    @property
    def cases(self) -> list[tuple[str, str]]:
        """(random or planted, symmetry) of every kind of feature set that is tested."""
        # Random features of two halves that do not match cannot be alike left and right.
        symmetries = list(SYMMETRIES) if self.assigner.mirrored else ["independent"]
        kinds = (RANDOM, PLANTED) if self.effect else (RANDOM,)
        return [(kind, symmetry) for kind in kinds for symmetry in symmetries]

    @property
    def statistics(self) -> tuple[str, ...]:
        """Statistics that are tested."""
        return (SCORE, DIFFERENCE, *((INCREMENT,) if self.position is not None else ()))


@dataclass(frozen=True)
class RejectionRate:
    """How often one test rejected at 0.05.

    Attributes
    ----------
    kind : {"random", "planted"}
        Features unrelated to the labels (the rate is that of false positives) or with an effect
        (the rate is the power).
    symmetry : {"independent", "correlated", "symmetric"}
        How alike the hemispheres of the features are.
    statistic : {"macro_f1", "macro_f1 difference", "increment"}
        What was tested; the increment by spins of the features, the others by spins of the labels.
    rotation : {"mirrored", "independent"}
        How the rotations of the hemispheres went together.
    n_sets, n_rejected : int
        Feature sets, and those with p <= 0.05.
    rate : float
        ``n_rejected / n_sets``.
    ci95 : tuple of float
        Its Clopper-Pearson interval.
    mean_observed : float
        Mean over the feature sets of the observed statistic.
    """

    kind: str
    symmetry: str
    statistic: str
    rotation: str
    n_sets: int
    n_rejected: int
    rate: float
    ci95: tuple[float, float]
    mean_observed: float


def calibrate_sets(plan: CalibrationPlan, numbers: Sequence[int]) -> Iterator[tuple[int, Float64]]:
    """Test some random feature sets.

    Parameters
    ----------
    plan : CalibrationPlan
        What all sets share.
    numbers : sequence of int
        Which sets. Set s depends on the plan and s alone.

    Yields
    ------
    number : int
        The set.
    statistic : (n_cases, n_policies, n_statistics, 1 + n_spins) float64
        Observed, and then of each spin; NaN where a spin left nothing to decode. Ordered as
        ``plan.cases``, ``plan.policies`` and ``plan.statistics``.
    """
    smoothers = {h: SurfaceSmoother(m, plan.smoothness_mm) for h, m in plan.surfaces.items()}
    baseline = make_decoder(plan.baseline, plan.folds, C=plan.C)
    alone = None
    if plan.position is not None:
        alone = make_decoder(plan.position, plan.folds, C=plan.C)
    for number in numbers:
        features = case_features(plan, smoothers, number)
        yield number, _statistics(plan, features, baseline, alone, number)


def case_features(
    plan: CalibrationPlan, smoothers: dict[str, SurfaceSmoother], number: int
) -> list[Float64]:
    """Return the (n_vertices, n_columns) features of one set, in each of ``plan.cases``."""
    random = random_features(smoothers, plan.seed, number, plan.n_columns)
    signal = None
    if plan.effect:
        first = number * plan.n_columns
        classes = [(first + j) % plan.n_planted for j in range(plan.n_columns)]
        rows = np.flatnonzero(plan.folds.mask & (plan.label != UNLABELLED))
        signal = planted_signal(smoothers, plan.label, classes, rows)
    features = []
    for kind, symmetry in plan.cases:
        field = random[symmetry]
        if kind == PLANTED and signal is not None:
            field = plan.effect * signal + math.sqrt(1 - plan.effect**2) * field
        features.append(field)
    return features


def rejection_rates(plan: CalibrationPlan, statistics: Sequence[Float64]) -> list[RejectionRate]:
    """Count how often each test has p <= 0.05.

    Parameters
    ----------
    plan : CalibrationPlan
        What was tested.
    statistics : sequence of ndarray
        Of each feature set, from `calibrate_sets`.

    Returns
    -------
    list of RejectionRate
        One for each case, statistic and rotation policy.
    """
    table = np.stack(list(statistics))
    rates = []
    for i, (kind, symmetry) in enumerate(plan.cases):
        for j, statistic in enumerate(plan.statistics):
            for r, policy in enumerate(plan.policies):
                of_test = table[:, i, r, j]
                p = [SpinPValue.from_null(row[0], row[1:]).p for row in of_test]
                n_rejected = int((np.array(p) <= ALPHA + 1e-12).sum())
                rates.append(
                    RejectionRate(
                        kind,
                        symmetry,
                        statistic,
                        policy,
                        len(p),
                        n_rejected,
                        n_rejected / len(p),
                        clopper_pearson(n_rejected, len(p)),
                        float(of_test[:, 0].mean()),
                    )
                )
    return rates


def attainable_rate(n_spins: int) -> float:
    """Return the largest false-positive rate at 0.05 that a valid test of `n_spins` can have.

    p is a multiple of 1 / (n_spins + 1): exactly 0.05 with 19, 39, 99 or 999 spins.

    Examples
    --------
    >>> attainable_rate(99), round(attainable_rate(50), 3)
    (0.05, 0.039)
    """
    return math.floor(ALPHA * (n_spins + 1) + 1e-9) / (n_spins + 1)


def _statistics(
    plan: CalibrationPlan,
    features: list[Float64],
    baseline: Decoder,
    alone: Decoder | None,
    number: int,
) -> Float64:
    """Return the statistics of one feature set in all cases; see `calibrate_sets`."""
    decoders = [make_decoder(x, plan.folds, C=plan.C) for x in features]
    shape = (len(features), len(plan.policies), len(plan.statistics), 1 + plan.n_spins)
    statistics = np.empty(shape)
    nowhere = np.arange(len(plan.label), dtype=np.int32)
    statistics[..., 0] = _of_spin(plan, features, decoders, baseline, alone, nowhere)[:, None, :]
    first = number * plan.n_spins
    for r, policy in enumerate(plan.policies):
        for k in range(plan.n_spins):
            index = plan.assigner.assign(spin_rotations(plan.seed, first + k, policy))
            scores = _of_spin(plan, features, decoders, baseline, alone, index)
            statistics[:, r, :, 1 + k] = scores
    return statistics


def _of_spin(
    plan: CalibrationPlan,
    features: list[Float64],
    decoders: list[Decoder],
    baseline: Decoder,
    alone: Decoder | None,
    index: npt.NDArray[np.int32],
) -> Float64:
    """Return (n_cases, n_statistics) for one assignment of vertices."""
    n_classes = plan.n_classes
    label = spin_labels(plan.label, index)
    score = np.array([mean_macro_f1(decoder, label, n_classes) for decoder in decoders])
    columns = [score, score - mean_macro_f1(baseline, label, n_classes)]
    if plan.position is not None and alone is not None:
        kept = np.where(plan.valid[index], plan.label, UNLABELLED)
        by_position = mean_macro_f1(alone, kept, n_classes)
        together = [
            mean_macro_f1(
                make_decoder(
                    spun_design(x, plan.position, index, plan.valid), plan.folds, C=plan.C
                ),
                kept,
                n_classes,
            )
            for x in features
        ]
        columns.append(np.array(together) - by_position)
    return np.stack(columns, axis=1)
