"""What a spin costs: our engine against the same loop with scikit-learn's logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cytosurf.bench.conditions import Conditions, check_at_least, conditions, load_average
from cytosurf.bench.problem import BenchProblem, load_problem
from cytosurf.bench.shares import (
    EngineCost,
    Float64,
    Share,
    by_spin,
    cost_of,
    joined,
    longest_start_s,
    peak_bytes,
    time_spins,
    total_peak_mb,
)
from cytosurf.compute.pool import resolve_jobs
from cytosurf.nulls import SpinTest

PREDICTED_SPINS = 10_000
OURS, PEER = "cytosurf", "scikit-learn"
# scikit-learn at its own tolerance is up to 1.3e-3 off in a fold; a mean over folds further away
# than this is of another model.
LARGEST_DIFFERENCE = 5e-3


@dataclass(frozen=True)
class SpinsBench:
    """What `bench_spins` measured.

    Attributes
    ----------
    target : str
        What was decoded.
    feature_sets : dict of str to int
        Columns of each set; every spin refits all of them.
    n_vertices, n_classes, n_folds, seed : int
        Vertices of the mask, classes, folds, seed of folds and spins.
    ours : EngineCost
        Our refits in all processes.
    single : EngineCost or None
        The same spins in one process; None if there was only one.
    peer : EngineCost or None
        scikit-learn's ``LogisticRegression``, lbfgs at its default tolerance, in the same pool on
        the first spins; None if not asked for.
    beside_peer : EngineCost or None
        Our refits of the same spins in the same processes, half right before the peer's and half
        right after: on a machine that others use, CPU time itself changes from minute to minute.
    ratio : float or None
        CPU time of the peer over ours beside it.
    score_difference : float or None
        Largest difference between the two in the fold mean of macro-F1, over spins and sets.
    same_scores : bool
        Whether our scores were the same to the bit every time, in one process or in all.
    start_cpu_s : float or None
        CPU seconds to start a process of the pool, imports mostly; None without one.
    scaling_wall, scaling_cpu : float or None
        Speed of all processes over that of one: by the clock, which other users of the machine
        slow down, and by CPU time per spin, which they hardly change.
    seconds_10000 : float
        10,000 spins at the speed measured by the clock.
    seconds_10000_free : float
        10,000 spins where every process has a core of its own, by CPU time.
    peak_memory_mb : float or None
        Sum over this process and the others of each one's largest resident memory, our refits
        alone; None where the system does not tell.
    conditions : Conditions
        When, where and at what load.
    """

    target: str
    feature_sets: dict[str, int]
    n_vertices: int
    n_classes: int
    n_folds: int
    seed: int
    ours: EngineCost
    single: EngineCost | None
    peer: EngineCost | None
    beside_peer: EngineCost | None
    ratio: float | None
    score_difference: float | None
    same_scores: bool
    start_cpu_s: float | None
    scaling_wall: float | None
    scaling_cpu: float | None
    seconds_10000: float
    seconds_10000_free: float
    peak_memory_mb: float | None
    conditions: Conditions

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong: scores that depend on the number of processes, or are not the peer's."""
        found = []
        if not self.same_scores:
            found.append("the same spins gave other scores the second time")
        if self.score_difference is not None and self.score_difference > LARGEST_DIFFERENCE:
            found.append(
                f"macro-F1 of a spin is {self.score_difference:.2g} from that of {PEER}, more than "
                f"{LARGEST_DIFFERENCE:g}: the two did not do the same work"
            )
        return tuple(found)


def bench_spins(
    features: str | Sequence[str] = "microstructure",
    target: str = "schaefer400-7networks",
    *,
    baseline: str | Sequence[str] = "coordinates",
    space: str = "fsLR-32k",
    spins: int = 20,
    peer_spins: int = 4,
    jobs: int | None = None,
    seed: int = 0,
) -> SpinsBench:
    """Time the spins of a run against the same loop with scikit-learn's LogisticRegression.

    Times are CPU seconds inside the processes, one BLAS thread each; start-up, and the first spin
    of a process, which loads or compiles kernels, are told apart.

    Parameters
    ----------
    features, baseline : str or sequence of str
        Feature sets, all refitted in every spin.
    target : str
        What is decoded.
    space : str
        Space of the analysis.
    spins, peer_spins : int
        Spins that are timed, with our refits and with scikit-learn's; 0 leaves scikit-learn out.
    jobs : int, optional
        Processes; one for each core if left out.
    seed : int
        Seed of folds and spins.

    Returns
    -------
    SpinsBench

    Raises
    ------
    InputError
        As from `cytosurf.decode`; if `spins` is below 1 or `peer_spins` below 0.

    Examples
    --------
    >>> from cytosurf.bench import bench_spins
    >>> outcome = bench_spins("neighbourhood:pca32", "yeo7")  # doctest: +SKIP
    >>> outcome.ratio  # doctest: +SKIP
    28.1
    """
    check_at_least("spins", spins, 1)
    check_at_least("peer_spins", peer_spins, 0)
    jobs = resolve_jobs(jobs)
    problem = load_problem(features, target, baseline=baseline, space=space, seed=seed)
    return measure_spins(problem, spins=spins, peer_spins=peer_spins, jobs=jobs)


def measure_spins(problem: BenchProblem, *, spins: int, peer_spins: int, jobs: int) -> SpinsBench:
    """Time the spins of a problem: see `bench_spins`.

    Parameters
    ----------
    problem : BenchProblem
        What is decoded from what.
    spins, peer_spins, jobs : int
        As for `bench_spins`.
    """
    before = load_average()
    test = problem.spin_test()
    (shares,) = time_spins([test], spins, jobs, f"{OURS}, {jobs} processes")
    peak_memory_mb = total_peak_mb(shares, peak_bytes())  # before anything else adds to it
    ours = cost_of(OURS, shares)
    single: list[Share] = []
    if ours.processes > 1:
        single = time_spins([test], spins, 1, f"{OURS}, 1 process")[0]
    before_it, theirs, after_it = _with_peer(problem, test, min(spins, peer_spins), jobs)
    beside = [joined(*pair) for pair in zip(before_it, after_it, strict=True)]
    alone = cost_of(OURS, single) if single else None
    beside_peer, peer = (cost_of(OURS, beside), cost_of(PEER, theirs)) if theirs else (None, None)
    repeated = [again for again in (single, before_it, after_it) if again]
    return SpinsBench(
        target=problem.target,
        feature_sets={n: v.shape[1] for n, v in zip(problem.names, problem.values, strict=True)},
        n_vertices=len(test.decoders[0].rows),
        n_classes=problem.n_classes,
        n_folds=problem.folds.n_folds,
        seed=problem.seed,
        ours=ours,
        single=alone,
        peer=peer,
        beside_peer=beside_peer,
        ratio=peer.cpu_ms_mean / beside_peer.cpu_ms_mean if peer and beside_peer else None,
        score_difference=_difference(before_it, theirs) if theirs else None,
        same_scores=all(_same_scores(shares, again) for again in repeated),
        start_cpu_s=longest_start_s(shares),
        scaling_wall=ours.spins_per_s / alone.spins_per_s if alone else None,
        scaling_cpu=ours.processes * alone.cpu_ms_mean / ours.cpu_ms_mean if alone else None,
        seconds_10000=PREDICTED_SPINS / ours.spins_per_s,
        seconds_10000_free=PREDICTED_SPINS * ours.cpu_ms_mean / 1000 / ours.processes,
        peak_memory_mb=peak_memory_mb,
        conditions=conditions(before),
    )


def peer_classifier() -> object:
    """Return what our refits are compared with: scikit-learn's solver at its default tolerance."""
    from sklearn.linear_model import LogisticRegression

    # More iterations than by default, so that its tolerance alone says when to stop.
    return LogisticRegression(class_weight="balanced", max_iter=10_000)


def _with_peer(problem: BenchProblem, test: SpinTest, n_spins: int, jobs: int) -> list[list[Share]]:
    """Do our spins, the peer's and ours again; nothing if none are asked for."""
    if n_spins == 0:
        return [[], [], []]
    tests = [test, problem.spin_test(peer_classifier()), test]
    return time_spins(tests, n_spins, jobs, f"{OURS} and {PEER}")


def _difference(ours: Sequence[Share], theirs: Sequence[Share]) -> float:
    return largest_difference(by_spin(ours)[1], by_spin(theirs)[1])


def _same_scores(shares: Sequence[Share], again: Sequence[Share]) -> bool:
    """Return whether the spins of `again` gave what the same ones of `shares` did, to the bit."""
    repeated = by_spin(again)[1]
    return np.array_equal(by_spin(shares)[1][: len(repeated)], repeated, equal_nan=True)


def largest_difference(ours: Float64, theirs: Float64) -> float:
    """Return the largest difference of two arrays of scores.

    It is 1, more than which scores cannot differ, where only one of them has a number.

    Examples
    --------
    >>> largest_difference(np.array([0.5, np.nan]), np.array([0.25, np.nan]))
    0.25
    """
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        return 1.0
    return float(np.nan_to_num(np.abs(ours - theirs)).max(initial=0.0))
