"""Calibration: how often a spin test rejects when nothing is there, and when something is.

Random feature sets that know nothing of the labels are tested like real ones, on the real mesh,
mask, folds and labels. A valid test has p <= 0.05 for at most 5 % of them. The same features with
a part of the labels mixed in show the power.

Each feature set is tested with spins of its own (set s with the spins s n to s n + n - 1). With
the same spins for all sets their p-values would go up and down together (the false-positive rate
of 99 given spins is itself random, with a standard deviation of up to 0.02), and the interval of
the rate would be too narrow. What is left in common is the labels: the rates are those for this
parcellation.

A test is drawn no further once so many draws exceed that p must be above 0.05: its decision, all
that is counted here, is then known. Most tests of unrelated features are decided by a few draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.crossval import UNLABELLED, Decoder, make_decoder
from cytosurf.decoding.folds import Folds
from cytosurf.nulls.eigenmodes import Eigenmodes
from cytosurf.nulls.feature_nulls import FeatureNull, SpunFeatures, SurrogateFeatures
from cytosurf.nulls.increment import mean_macro_f1
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
DECIDED = -2.0  # below any statistic: stands for draws that were not needed
RANDOM, PLANTED = "random", "planted"
SCORE, DIFFERENCE, INCREMENT = "macro_f1", "macro_f1 difference", "increment"
LABELS, FEATURES, SURROGATES = "labels", "features", "surrogates"
# What can be tested with each null: labels that are spun, features that are spun or made anew.
STATISTICS: dict[str, tuple[str, ...]] = {
    LABELS: (SCORE, DIFFERENCE),
    FEATURES: (DIFFERENCE, INCREMENT),
    SURROGATES: (DIFFERENCE, INCREMENT),
}


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
    position : (n_vertices, n) float
        Position for the increment test.
    assigner : SpinAssigner
        The spheres.
    policies : tuple of {"independent", "mirrored"}
        Rotation policies.
    nulls : tuple of {"labels", "features", "surrogates"}
        What is spun, or made anew.
    symmetries : tuple of {"independent", "correlated", "symmetric"}
        How alike the hemispheres of the features are.
    modes : dict of str to Eigenmodes or None
        For surrogates.
    smoothness_mm : float
        FWHM of the kernel that makes the random features smooth.
    n_columns : int
        Columns of a feature set.
    effect : float
        Correlation of each column of a planted feature set with the smoothed indicator of one
        class; 0 for none.
    n_spins : int
        Spins, or surrogates, for each feature set.
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
    position: npt.NDArray[np.floating]
    assigner: SpinAssigner
    policies: tuple[Policy, ...]
    nulls: tuple[str, ...]
    symmetries: tuple[str, ...]
    modes: dict[str, Eigenmodes] | None
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
        chosen = self.symmetries if self.assigner.mirrored else ("independent",)
        kinds = (RANDOM, PLANTED) if self.effect else (RANDOM,)
        return [(kind, symmetry) for kind in kinds for symmetry in SYMMETRIES if symmetry in chosen]

    @property
    def tests(self) -> list[tuple[str, str]]:
        """(null, statistic) of everything that is tested."""
        return [(null, s) for null in STATISTICS if null in self.nulls for s in STATISTICS[null]]


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
    null : {"labels", "features", "surrogates"}
        Whether labels or features were spun, or features made anew.
    statistic : {"macro_f1", "macro_f1 difference", "increment"}
        What was tested.
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
    null: str
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
    statistic : (n_cases, n_policies, n_tests, 1 + n_spins) float64
        Observed, and then of each draw; NaN where a draw left nothing to decode, -2 where the
        test was decided before. Ordered as ``plan.cases``, ``plan.policies`` and ``plan.tests``.
    """
    smoothers = {h: SurfaceSmoother(m, plan.smoothness_mm) for h, m in plan.surfaces.items()}
    fixed = {
        DIFFERENCE: make_decoder(plan.baseline, plan.folds, C=plan.C),
        INCREMENT: make_decoder(plan.position, plan.folds, C=plan.C),
    }
    for number in numbers:
        features = case_features(plan, smoothers, number)
        yield number, np.stack([_case_statistics(plan, x, fixed, number) for x in features])


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
        One for each case, test and rotation policy.
    """
    table = np.stack(list(statistics))
    rates = []
    for i, (kind, symmetry) in enumerate(plan.cases):
        for j, (null, statistic) in enumerate(plan.tests):
            for r, policy in enumerate(plan.policies):
                of_test = table[:, i, r, j]
                p = [SpinPValue.from_null(row[0], row[1:]).p for row in of_test]
                n_rejected = int((np.array(p) <= ALPHA + 1e-12).sum())
                rates.append(
                    RejectionRate(
                        kind,
                        symmetry,
                        null,
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


def _case_statistics(
    plan: CalibrationPlan, features: Float64, fixed: dict[str, Decoder], number: int
) -> Float64:
    """Return (n_policies, n_tests, 1 + n_spins) statistics of one feature set."""
    shape = (len(plan.policies), len(plan.tests), 1 + plan.n_spins)
    statistics = np.full(shape, DECIDED)
    start = 0
    for null, tested in STATISTICS.items():
        if null not in plan.nulls:
            continue
        test = _test_of(null, plan, features, fixed)
        part = slice(start, start + len(tested))
        statistics[:, part, 0] = test(None, (True,) * len(tested))
        for r, policy in enumerate(plan.policies):
            _draw_until_decided(statistics[r, part], test, number * plan.n_spins, policy)
        start = part.stop
    return statistics


def _draw_until_decided(statistics: Float64, test: Test, first: int, policy: Policy) -> None:
    """Fill in the draws of (n_tests, 1 + n_spins) statistics, each test until it is decided."""
    n_spins = statistics.shape[1] - 1
    most = round(attainable_rate(n_spins) * (n_spins + 1)) - 1  # may exceed with p <= 0.05
    exceed = np.zeros(len(statistics), np.int64)
    for k in range(n_spins):
        open_tests = exceed <= most
        if not open_tests.any():
            return
        statistics[:, 1 + k] = test((first + k, policy), tuple(open_tests.tolist()))
        exceed += [SpinPValue.from_null(row[0], row[1 + k : 2 + k]).exceed for row in statistics]


Draw = tuple[int, Policy] | None  # None: nothing is drawn, as observed
Test = Callable[[Draw, tuple[bool, ...]], list[float]]


def _test_of(
    null: str, plan: CalibrationPlan, features: Float64, fixed: dict[str, Decoder]
) -> Test:
    """Return a function from a draw to those of ``STATISTICS[null]`` that are asked for."""
    if null == LABELS:
        decoder = make_decoder(features, plan.folds, C=plan.C)
        return partial(_label_statistics, plan=plan, decoder=decoder, fixed=fixed)
    family: FeatureNull
    if null == FEATURES:
        family = SpunFeatures(features, plan.valid, plan.assigner)
    else:
        assert plan.modes is not None
        family = SurrogateFeatures.of(features, plan.modes, plan.assigner)
    return partial(_feature_statistics, plan=plan, family=family, fixed=fixed)


def _label_statistics(
    draw: Draw,
    wanted: tuple[bool, ...],
    plan: CalibrationPlan,
    decoder: Decoder,
    fixed: dict[str, Decoder],
) -> list[float]:
    """Return macro-F1 of spun labels, and its difference to the baseline."""
    label = plan.label
    if draw is not None:
        index = plan.assigner.assign(spin_rotations(plan.seed, *draw))
        label = spin_labels(plan.label, index)
    score = mean_macro_f1(decoder, label, plan.n_classes)
    difference = DECIDED
    if wanted[1]:
        difference = score - mean_macro_f1(fixed[DIFFERENCE], label, plan.n_classes)
    return [score if wanted[0] else DECIDED, difference]


def _feature_statistics(
    draw: Draw,
    wanted: tuple[bool, ...],
    plan: CalibrationPlan,
    family: FeatureNull,
    fixed: dict[str, Decoder],
) -> list[float]:
    """Return differences of macro-F1 of drawn features: to the baseline, and beside position."""
    x, valid = family.observed() if draw is None else family.draw(plan.seed, *draw)
    label = np.where(valid, plan.label, UNLABELLED)
    values = []
    for statistic, is_wanted in zip(STATISTICS[FEATURES], wanted, strict=True):
        if not is_wanted:
            values.append(DECIDED)
            continue
        design = x if statistic == DIFFERENCE else np.concatenate([plan.position, x], axis=1)
        decoder = make_decoder(design, plan.folds, C=plan.C)
        score = mean_macro_f1(decoder, label, plan.n_classes)
        values.append(score - mean_macro_f1(fixed[statistic], label, plan.n_classes))
    return values
