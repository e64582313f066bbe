"""Whether a region is large enough for spins, found out before a run writes anything.

A spin brings a patch of labels from anywhere on the sphere into the analysed region. Into a small
one it may bring the medial wall, or a single class, and then there is nothing to decode.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.crossval import UNLABELLED
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.nulls import SpinAssigner, can_be_decoded, spin_labels, spin_rotations
from cytosurf.nulls.rotations import Policy
from cytosurf.runs.inputs import Inputs, labels_to_spin

N_TRIALS = 200
# Below a tenth of the cortex, about the size of the medial wall, a spin can hide a region.
SMALL_SHARE = 0.1
LARGEST_UNTESTABLE_SHARE = 0.2


@dataclass(frozen=True)
class RegionTrial:
    """What trial spins brought into a region.

    Attributes
    ----------
    untestable : float
        Share of spins that left nothing to decode; the larger one of the rotation policies.
    n_classes : float
        Median number of classes in the region after a spin.
    """

    untestable: float
    n_classes: float


def check_region(
    inputs: Inputs, assigner: SpinAssigner, policies: Sequence[Policy], *, seed: int
) -> None:
    """Refuse spins of a region that most often leave nothing to decode; warn of a small region.

    Parameters
    ----------
    inputs : Inputs
        The inputs of a run.
    assigner : SpinAssigner
        The spheres.
    policies : sequence of {"independent", "mirrored"}
        Rotation policies of the run.
    seed : int
        Seed of the spins.

    Raises
    ------
    InputError
        If more than 20 % of 200 trial spins (the first ones of the run) leave fewer than two
        classes in the region or a fold without a labelled training vertex.

    Warns
    -----
    CytosurfWarning
        If the region is smaller than a tenth of the labelled cortex, or more than 5 % of the
        trial spins leave nothing to decode, so that no p can be 0.05 or less.
    """
    label, _ = labels_to_spin(inputs)
    n_region, share = int(inputs.mask.sum()), _share_of_cortex(inputs, label)
    n_train = min(int(inputs.folds.train(k).sum()) for k in range(inputs.folds.n_folds))
    if share >= SMALL_SHARE and n_train > 2 * (label == UNLABELLED).sum():
        return  # no rotation can lay the vertices without a label over all of a fold
    trial = try_spins(inputs, label, assigner, policies, seed=seed)
    where = f"target {inputs.target.name}"
    if trial.untestable > LARGEST_UNTESTABLE_SHARE:
        raise InputError(
            where,
            f"{trial.untestable:.0%} of {N_TRIALS} trial spins that leave fewer than two classes, "
            f"or a fold without a label, on the {n_region:,} analysed vertices",
            f"at most {LARGEST_UNTESTABLE_SHARE:.0%}",
            "Use a larger --mask, a finer parcellation, or --spins 0.",
        )
    messages = []
    if share < SMALL_SHARE:
        messages.append(
            f"the analysed region has {n_region:,} vertices, {share:.1%} of the labelled cortex. "
            f"Spins bring other numbers of classes into so small a region (half of them "
            f"{trial.n_classes:.0f} or fewer; it has {len(inputs.keys)} itself), so their scores "
            "compare badly with the observed one."
        )
    if trial.untestable > 0.05:
        messages.append(
            f"{trial.untestable:.0%} of {N_TRIALS} trial spins leave nothing to decode in the "
            "region and count as exceeding: no p can be 0.05 or less."
        )
    if messages:
        text = f"{inputs.target.name}: {' '.join(m[0].upper() + m[1:] for m in messages)}"
        warnings.warn(text, CytosurfWarning, stacklevel=2)


def try_spins(
    inputs: Inputs,
    label: npt.NDArray[np.int16],
    assigner: SpinAssigner,
    policies: Sequence[Policy],
    *,
    seed: int,
    n_trials: int = N_TRIALS,
) -> RegionTrial:
    """Spin labels into the analysed region without decoding them.

    Parameters
    ----------
    inputs : Inputs
        The inputs of a run.
    label : (n_vertices,) int16
        Class index of every vertex of the surface, -1 where there is none.
    assigner : SpinAssigner
        The spheres.
    policies : sequence of {"independent", "mirrored"}
        Rotation policies to try.
    seed : int
        Seed of the spins.
    n_trials : int, optional
        Spins of each policy: the first ones.
    """
    folds, rows = inputs.folds, np.flatnonzero(inputs.mask)
    train = np.stack([folds.train(k)[rows] for k in range(folds.n_folds)])
    test = np.stack([folds.test(k)[rows] for k in range(folds.n_folds)])
    lost, n_classes = [], []
    for policy in policies:
        n_lost = 0
        for k in range(n_trials):
            spun = spin_labels(label, assigner.assign(spin_rotations(seed, k, policy)))[rows]
            n_lost += not can_be_decoded(spun, train, test)
            n_classes.append(len(np.unique(spun[spun != UNLABELLED])))
        lost.append(n_lost / n_trials)
    return RegionTrial(max(lost), float(np.median(n_classes)))


def _share_of_cortex(inputs: Inputs, label: npt.NDArray[np.int16]) -> float:
    """Return analysed vertices over labelled ones, in the hemispheres that the region is in."""
    mask, labelled = (
        np.split(array, len(inputs.hemispheres)) for array in (inputs.mask, label != UNLABELLED)
    )
    n_labelled = sum(cortex.sum() for m, cortex in zip(mask, labelled, strict=True) if m.any())
    return float(inputs.mask.sum() / n_labelled) if n_labelled else 1.0
