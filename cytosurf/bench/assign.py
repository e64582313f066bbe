"""How long the assignment of a spin takes, beside others that give the same indices."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cytosurf.bench.conditions import Conditions, check_at_least, conditions, load_average
from cytosurf.bench.peers import Index, Peer, Rotations, known_peers, our_rotations
from cytosurf.errors import InputError
from cytosurf.nulls.rotations import POLICIES, Policy
from cytosurf.nulls.spins import SpinAssigner
from cytosurf.runs.inputs import surface_meshes
from cytosurf.surfaces import Space

REPEATS = 5
OURS = "cytosurf"
LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True)
class AssignTiming:
    """The assignment of one program.

    Attributes
    ----------
    name : str
        The program.
    policy : {"independent", "mirrored"}
        How the rotations of the two hemispheres go together.
    installed : bool
        Whether it could be run.
    ms_per_spin : float or None
        CPU milliseconds per spin, both hemispheres: median over repeated measurements.
    ratio : float or None
        CPU time over ours under the same policy, measured in turn: median.
    n_different : int or None
        Source vertices, over all spins, that differ from ours for the same rotations.
    """

    name: str
    policy: Policy
    installed: bool
    ms_per_spin: float | None
    ratio: float | None
    n_different: int | None


@dataclass(frozen=True)
class AssignBench:
    """What `bench_assign` measured.

    Attributes
    ----------
    space : str
        Space of the spheres.
    n_vertices, n_spins, seed : int
        Vertices of both spheres, spins of each measurement, seed of the rotations.
    timings : tuple of AssignTiming
        Ours first, one for each policy.
    conditions : Conditions
        When, where and at what load.
    """

    space: str
    n_vertices: int
    n_spins: int
    seed: int
    timings: tuple[AssignTiming, ...]
    conditions: Conditions

    @property
    def failures(self) -> tuple[str, ...]:
        """What is wrong: a sentence for each program whose indices differ from ours."""
        return tuple(
            f"{t.name}, {t.policy} rotations: {t.n_different} source vertices of "
            f"{self.n_spins * self.n_vertices} differ from those of {OURS}"
            for t in self.timings
            if t.n_different
        )


def bench_assign(space: str = "fsLR-32k", *, spins: int = 20, seed: int = 0) -> AssignBench:
    """Time spin assignment against a cached k-d tree, BrainSpace and neuromaps.

    All run in this process with one thread, and the indices of all are compared. Search
    structures that are made once (ours, the tree's) are not in the time; neuromaps makes one per
    rotation and BrainSpace one per call. neuromaps' search for duplicates is switched off.

    Parameters
    ----------
    space : str
        Space with mirrored spheres: the peers know no other spins.
    spins, seed : int
        Spins of each measurement, and seed of the rotations.

    Returns
    -------
    AssignBench

    Raises
    ------
    InputError
        If the space has no spheres, or none that are mirrored; if `spins` is below 1, or the seed
        is none of NumPy's old generator.

    Examples
    --------
    >>> from cytosurf.bench import bench_assign
    >>> outcome = bench_assign(spins=20)  # doctest: +SKIP
    >>> outcome.timings[0].ms_per_spin  # doctest: +SKIP
    1.3
    """
    check_at_least("spins", spins, 1)
    if not 0 <= seed <= LARGEST_SEED:
        raise InputError("seed", str(seed), f"0 to {LARGEST_SEED}, as the other programs take it")
    before = load_average()
    parsed = Space.parse(space)
    spheres = surface_meshes(parsed, ("L", "R"), "sphere")
    assigner = SpinAssigner(spheres)
    if not assigner.mirrored:
        raise InputError(
            "space",
            f"{parsed}, with spheres that are not each other's mirror image",
            "mirrored spheres (fsLR-32k): the programs to compare with know no other spins",
        )
    points = {h: np.asarray(sphere.vertices, np.float64) for h, sphere in spheres.items()}
    timings = compare_assigners(assigner, known_peers(points), n_spins=spins, seed=seed)
    return AssignBench(str(parsed), assigner.n_vertices, spins, seed, timings, conditions(before))


def compare_assigners(
    assigner: SpinAssigner, peers: Sequence[Peer], *, n_spins: int, seed: int
) -> tuple[AssignTiming, ...]:
    """Time an assigner and other programs, and compare all their indices.

    Parameters
    ----------
    assigner : SpinAssigner
        Ours.
    peers : sequence of Peer
        Other programs on the same spheres, installed or not.
    n_spins, seed : int
        Spins of each measurement, and seed of the rotations.

    Returns
    -------
    tuple of AssignTiming
        Ours under both policies, then the peers.
    """
    from threadpoolctl import threadpool_limits

    timings: list[AssignTiming] = []
    our_ms: dict[Policy, list[float]] = {policy: [] for policy in POLICIES}
    with threadpool_limits(1):
        for peer in peers:
            timing, beside_it = _compare(assigner, peer, n_spins, seed)
            timings.append(timing)
            our_ms[peer.policy] += beside_it
    ours = [
        AssignTiming(OURS, p, True, float(np.median(ms)), 1.0, 0) for p, ms in our_ms.items() if ms
    ]
    return (*ours, *timings)


def _compare(
    assigner: SpinAssigner, peer: Peer, n_spins: int, seed: int
) -> tuple[AssignTiming, list[float]]:
    """Return what a peer took and gave, and the milliseconds that we took beside it."""
    spin = peer.spin
    if spin is None:
        return AssignTiming(peer.name, peer.policy, False, None, None, None), []
    # The first calls load kernels and libraries, and are not timed.
    ours = _assign_all(assigner, peer.rotations(n_spins, seed))
    n_different = int((spin(n_spins, seed) != ours).sum())
    their_ms, our_ms = [], []
    # In turn: on a machine that others use, CPU time itself changes from second to second.
    for _ in range(REPEATS):
        their_ms.append(_cpu_ms(partial(spin, n_spins, seed)) / n_spins)
        our_ms.append(_cpu_ms(partial(_spin, assigner, n_spins, seed, peer.policy)) / n_spins)
    ratio = float(np.median(np.divide(their_ms, our_ms)))
    ms = float(np.median(their_ms))
    return AssignTiming(peer.name, peer.policy, True, ms, ratio, n_different), our_ms


def _spin(assigner: SpinAssigner, n_spins: int, seed: int, policy: Policy) -> Index:
    return _assign_all(assigner, our_rotations(n_spins, seed, policy))


def _assign_all(assigner: SpinAssigner, rotations: Rotations) -> Index:
    return np.stack([assigner.assign(pair) for pair in rotations])


def _cpu_ms(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1000
