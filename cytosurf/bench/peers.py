"""Other programs' spin assignments, and the rotations that they draw.

The rotations are drawn again here by the peers' own recipe, so that every index of theirs can be
compared with ours for the same rotation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from cytosurf.nulls.rotations import POLICIES, Policy, mirror_rotation, spin_rotations

Points = Mapping[str, npt.NDArray[np.float64]]
Rotations = list[dict[str, npt.NDArray[np.float64]]]
Index = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Peer:
    """Another program that assigns vertices.

    Attributes
    ----------
    name : str
        Of the program and its function.
    policy : {"independent", "mirrored"}
        How the rotations of the two hemispheres go together.
    spin : callable or None
        Called with a number of spins and a seed; returns the source vertices, (n_spins,
        n_vertices), left hemisphere first. None if the program is not installed.
    rotations : callable
        Called with the same; returns the rotations that `spin` draws, as `SpinAssigner.assign`
        takes them.
    """

    name: str
    policy: Policy
    spin: Callable[[int, int], Index] | None
    rotations: Callable[[int, int], Rotations]


def known_peers(points: Points) -> list[Peer]:
    """Return a cached k-d tree, BrainSpace and neuromaps, with nothing to call where not installed.

    Parameters
    ----------
    points : mapping of str to (n_vertices, 3) ndarray of float64
        Vertices of the left and the right sphere.
    """
    return [
        *(_tree(points, policy) for policy in POLICIES),
        Peer("BrainSpace SpinPermutations", "mirrored", _brainspace(points), _inverse_rotations),
        Peer("neuromaps gen_spinsamples", "mirrored", _neuromaps(points), peer_rotations),
    ]


def our_rotations(n_spins: int, seed: int, policy: Policy) -> Rotations:
    """Return the rotations of the first spins of a seed."""
    return [spin_rotations(seed, k, policy) for k in range(n_spins)]


def peer_rotations(n_spins: int, seed: int) -> Rotations:
    """Draw rotations as neuromaps and BrainSpace do, the right one in the mirror.

    Parameters
    ----------
    n_spins, seed : int
        Number of rotations, and seed of NumPy's old generator.

    Examples
    --------
    >>> (rotation,) = peer_rotations(1, seed=0)
    >>> np.allclose(rotation["L"] @ rotation["L"].T, np.eye(3))
    True
    """
    generator = np.random.RandomState(seed)
    drawn: Rotations = []
    for _ in range(n_spins):
        orthogonal, triangle = np.linalg.qr(generator.normal(size=(3, 3)))
        rotation = orthogonal * np.sign(np.diag(triangle))
        rotation[:, 0] *= np.sign(np.linalg.det(rotation))
        drawn.append({"L": rotation, "R": mirror_rotation(rotation)})
    return drawn


def _inverse_rotations(n_spins: int, seed: int) -> Rotations:
    """Return the rotations of BrainSpace, which looks for the vertex nearest to ``x @ R``."""
    return [{h: r.T for h, r in pair.items()} for pair in peer_rotations(n_spins, seed)]


def _tree(points: Points, policy: Policy) -> Peer:
    """Return the assignment with SciPy's search tree, made once for each hemisphere."""
    from scipy.spatial import cKDTree

    trees = {h: cKDTree(x) for h, x in points.items()}

    def assign(rotations: Mapping[str, npt.NDArray[np.float64]]) -> Index:
        left, right = (trees[h].query(points[h] @ rotations[h].T)[1] for h in ("L", "R"))
        return np.concatenate([left, right + len(points["L"])])

    def spin(n_spins: int, seed: int) -> Index:
        return np.stack([assign(pair) for pair in our_rotations(n_spins, seed, policy)])

    return Peer("cached k-d tree of SciPy", policy, spin, partial(our_rotations, policy=policy))


def _brainspace(points: Points) -> Callable[[int, int], Index] | None:
    try:
        from brainspace.null_models import SpinPermutations
    except ImportError:
        return None

    def spin(n_spins: int, seed: int) -> Index:
        model = SpinPermutations(n_rep=n_spins, random_state=seed).fit(points["L"], points["R"])
        return np.concatenate([model.spin_lh_, model.spin_rh_ + len(points["L"])], axis=1)

    return spin


def _neuromaps(points: Points) -> Callable[[int, int], Index] | None:
    try:
        from neuromaps.nulls.spins import gen_spinsamples
    except ImportError:
        return None
    hemisphere = np.repeat([0, 1], [len(points["L"]), len(points["R"])])
    both = np.concatenate([points["L"], points["R"]])

    def spin(n_spins: int, seed: int) -> Index:
        # The search for duplicates takes longer with every spin: left out, in its favour.
        index: Index = gen_spinsamples(
            both, hemisphere, n_rotate=n_spins, check_duplicates=False, seed=seed
        )
        return index.T

    return spin
