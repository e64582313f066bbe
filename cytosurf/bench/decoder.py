"""How close our refits are to scikit-learn's logistic regression, run to convergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from cytosurf.bench.agreement import Agreement, compare, hold_out
from cytosurf.bench.conditions import Conditions, check_at_least, conditions, load_average
from cytosurf.bench.problem import BenchProblem, load_problem
from cytosurf.bench.shares import POLICY, split
from cytosurf.compute.pool import resolve_jobs, run_tasks
from cytosurf.errors import CytosurfError
from cytosurf.nulls import SpinTest, can_be_decoded
from cytosurf.nulls.spin_test import spin_label

GAP = "gap of probabilities"
REFERENCE_TOLERANCE, REFERENCE_ITERATIONS = 1e-8, 10_000
# With more classes than this a fold has classes of some dozen vertices: one of them that is
# predicted otherwise changes macro-F1 by more.
FEW_CLASSES, LARGEST_OF_FEW, LARGEST_OF_MANY = 20, 5e-4, 3e-3


@dataclass(frozen=True)
class Tolerances:
    """How far our refits may be from the reference.

    Attributes
    ----------
    mean_f1, max_f1 : float
        Difference in macro-F1 of a fold: mean over folds and spins, and largest; the latter is
        5e-4 for up to 20 classes and 3e-3 for more if None.
    equal : float
        Smallest share of predictions that are equal.
    gap : float
        Largest difference between the reference's two highest probabilities at a vertex that is
        predicted otherwise.
    """

    mean_f1: float = 5e-4
    max_f1: float | None = None
    equal: float = 0.999
    gap: float = 1e-3

    def of(self, n_classes: int) -> Tolerances:
        """Return the tolerances for so many classes, all of them numbers."""
        largest = LARGEST_OF_FEW if n_classes <= FEW_CLASSES else LARGEST_OF_MANY
        return self if self.max_f1 is not None else replace(self, max_f1=largest)


@dataclass(frozen=True)
class Criterion:
    """One promise about the refits, and whether it is kept.

    Attributes
    ----------
    what : str
        What was measured.
    value, limit : float
        As measured, and the largest or smallest that is allowed.
    at_most : bool
        Whether `limit` is the largest.
    """

    what: str
    value: float
    limit: float
    at_most: bool = True

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit


@dataclass(frozen=True)
class SetAccuracy:
    """One feature set, all spins and folds.

    Attributes
    ----------
    features : str
        The feature set.
    n_features : int
        Its columns.
    n_fits : int
        Folds that were compared, over all spins.
    f1_mean, f1_max : float
        Difference in macro-F1 of a fold, in absolute value.
    n_tested, n_different : int
        Predictions, and those that differ.
    equal : float
        Share of predictions that are equal.
    gap_max : float
        Largest difference between the reference's two highest probabilities where predictions
        differ; 0 where none do.
    n_unconverged, n_reference_unconverged : int
        Fits of ours, and of the reference, that did not meet their stopping rule.
    cpu_ms, reference_cpu_ms : float
        CPU milliseconds of the refits of one spin, mean.
    """

    features: str
    n_features: int
    n_fits: int
    f1_mean: float
    f1_max: float
    n_tested: int
    n_different: int
    equal: float
    gap_max: float
    n_unconverged: int
    n_reference_unconverged: int
    cpu_ms: float
    reference_cpu_ms: float

    def criteria(self, allowed: Tolerances) -> tuple[Criterion, ...]:
        """Return what is asked of the refits, beside what was measured."""
        largest = LARGEST_OF_MANY if allowed.max_f1 is None else allowed.max_f1
        return (
            Criterion("mean macro-F1 difference", self.f1_mean, allowed.mean_f1),
            Criterion("largest macro-F1 difference", self.f1_max, largest),
            Criterion("share of equal predictions", self.equal, allowed.equal, at_most=False),
            Criterion(GAP, self.gap_max, allowed.gap),
        )

    def beyond(self, allowed: Tolerances) -> list[str]:
        """Return a sentence for each tolerance that is not kept."""
        return [
            f"{self.features}: {criterion.what} of {criterion.value:.5g}"
            for criterion in self.criteria(allowed)
            if not criterion.met
        ]


@dataclass(frozen=True)
class DecoderBench:
    """What `bench_decoder` measured.

    Attributes
    ----------
    target : str
        What was decoded.
    n_vertices, n_classes, n_folds, n_spins, seed : int
        Vertices of the mask, classes, folds, spun label vectors, seed of folds and spins.
    sets : tuple of SetAccuracy
        One for each feature set.
    tolerances : Tolerances
        What is allowed.
    conditions : Conditions
        When, where and at what load.
    """

    target: str
    n_vertices: int
    n_classes: int
    n_folds: int
    n_spins: int
    seed: int
    sets: tuple[SetAccuracy, ...]
    tolerances: Tolerances
    conditions: Conditions

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong: tolerances that are not kept, and fits that did not converge."""
        found = [sentence for s in self.sets for sentence in s.beyond(self.tolerances)]
        for s in self.sets:
            if s.n_unconverged:
                found.append(f"{s.features}: {s.n_unconverged} fits did not converge")
            if s.n_reference_unconverged:
                n = s.n_reference_unconverged
                found.append(f"{s.features}: {n} fits of the reference did not converge")
        return tuple(found)


def bench_decoder(
    features: str | Sequence[str] = "microstructure,coordinates",
    target: str = "schaefer400-7networks",
    *,
    space: str = "fsLR-32k",
    spins: int = 3,
    jobs: int | None = None,
    seed: int = 0,
    tolerances: Tolerances | None = None,
) -> DecoderBench:
    """Compare our refits of spun labels with scikit-learn's LogisticRegression, converged.

    The reference has a tolerance of 1e-8 and up to 10,000 iterations; features, folds,
    standardisation and class weights are the same. It takes seconds to minutes per spin.

    Parameters
    ----------
    features : str or sequence of str
        Feature sets, each compared on its own.
    target : str
        What is decoded.
    space : str
        Space of the analysis.
    spins : int
        Spun label vectors.
    jobs : int, optional
        Processes; one for each core if left out.
    seed : int
        Seed of folds and spins.
    tolerances : Tolerances, optional
        What is allowed.

    Returns
    -------
    DecoderBench

    Raises
    ------
    InputError
        As from `cytosurf.decode`; if `spins` is below 1.
    CytosurfError
        If no spin left anything to decode.

    Examples
    --------
    >>> from cytosurf.bench import bench_decoder
    >>> outcome = bench_decoder("neighbourhood:pca32", "yeo7", spins=50)  # doctest: +SKIP
    >>> outcome.sets[0].equal  # doctest: +SKIP
    0.99995
    """
    check_at_least("spins", spins, 1)
    jobs = resolve_jobs(jobs)
    problem = load_problem(features, target, space=space, seed=seed)
    return measure_decoder(problem, spins=spins, jobs=jobs, tolerances=tolerances or Tolerances())


def measure_decoder(
    problem: BenchProblem, *, spins: int, jobs: int, tolerances: Tolerances
) -> DecoderBench:
    """Compare the refits of a problem: see `bench_decoder`.

    Parameters
    ----------
    problem : BenchProblem
        What is decoded from what.
    spins, jobs, tolerances
        As for `bench_decoder`.
    """
    before = load_average()
    ours, reference = problem.spin_test(), problem.spin_test(converged_classifier())
    work = partial(_compare_spins, ours=ours, reference=reference)
    shares = run_tasks(work, split(spins, jobs), jobs=jobs, label="Refits")
    compared = [spin for share in shares for spin in share]
    if not compared:
        raise CytosurfError("No spin left anything to decode: the region is too small.")
    sets = tuple(
        _accuracy(name, values.shape[1], [spin[i] for spin in compared])
        for i, (name, values) in enumerate(zip(problem.names, problem.values, strict=True))
    )
    return DecoderBench(
        target=problem.target,
        n_vertices=len(ours.decoders[0].rows),
        n_classes=problem.n_classes,
        n_folds=problem.folds.n_folds,
        n_spins=len(compared),
        seed=problem.seed,
        sets=sets,
        tolerances=tolerances.of(problem.n_classes),
        conditions=conditions(before),
    )


def converged_classifier() -> object:
    """Return the reference: scikit-learn's logistic regression, run to convergence."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(
        class_weight="balanced", tol=REFERENCE_TOLERANCE, max_iter=REFERENCE_ITERATIONS
    )


def _compare_spins(
    spins: Sequence[int], ours: SpinTest, reference: SpinTest
) -> list[list[Agreement]]:
    """Return, for each spin that can be decoded, how each feature set agrees."""
    first = ours.decoders[0]
    found: list[list[Agreement]] = []
    for k in spins:
        label, _ = spin_label(ours, k, POLICY)
        if not can_be_decoded(label[first.rows], first.train, first.test):
            continue
        if not found:  # loads or compiles the kernels, which is not to be in the times
            for decoder in ours.decoders:
                hold_out(decoder, label, ours.n_classes)
        of_sets = []
        for mine, theirs in zip(ours.decoders, reference.decoders, strict=True):
            held, expected = (hold_out(d, label, ours.n_classes) for d in (mine, theirs))
            of_sets.append(compare(label, held, expected, len(mine.train), ours.n_classes))
        found.append(of_sets)
    return found


def _accuracy(name: str, n_features: int, spins: Sequence[Agreement]) -> SetAccuracy:
    """Summarise what all spins gave for one feature set."""
    f1 = np.concatenate([spin.f1_difference for spin in spins])
    f1 = f1[~np.isnan(f1)]
    gaps = np.concatenate([spin.gaps for spin in spins])
    n_tested = sum(spin.n_tested for spin in spins)
    return SetAccuracy(
        features=name,
        n_features=n_features,
        n_fits=len(f1),
        f1_mean=float(f1.mean()),
        f1_max=float(f1.max()),
        n_tested=n_tested,
        n_different=len(gaps),
        equal=1 - len(gaps) / n_tested,
        gap_max=float(gaps.max(initial=0.0)),
        n_unconverged=sum(spin.n_unconverged for spin in spins),
        n_reference_unconverged=sum(spin.n_reference_unconverged for spin in spins),
        cpu_ms=float(np.mean([spin.cpu_s for spin in spins])) * 1000,
        reference_cpu_ms=float(np.mean([spin.reference_cpu_s for spin in spins])) * 1000,
    )
