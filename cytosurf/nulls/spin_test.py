"""The spin test of a decoder: the labels are spun, and everything is fitted anew.

For each spin the labels of the whole surface are rotated, medial wall included; vertices of the
feature mask whose spun label is above 0 are decoded with the same folds, and only confusion
counts and per-vertex sums leave the spin. Spin `k` depends on (seed, k) alone, so any spin can be
redone anywhere and the order of work never matters.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.crossval import UNLABELLED, Decoder, count_labels
from cytosurf.decoding.scores import macro_f1
from cytosurf.errors import InputError
from cytosurf.nulls.quality import distinct_share
from cytosurf.nulls.rotations import Policy, spin_rotations
from cytosurf.nulls.spins import SpinAssigner, spin_labels


@dataclass(frozen=True, eq=False)
class SpinTest:
    """What all spins of a test share.

    Attributes
    ----------
    decoders : tuple of Decoder
        One for each feature set, all on the same vertices and folds.
    label : (n_vertices,) int16
        Observed class index of every vertex of the surface, inside the mask or not; -1 where
        there is none.
    n_classes : int
        Number of classes K.
    assigner : SpinAssigner
        The spheres that the labels are spun on.
    seed : int
        With the index of a spin, all that its rotation depends on.
    run : str
        What tells spins of this test from those of any other; kept beside them.
    """

    decoders: tuple[Decoder, ...]
    label: npt.NDArray[np.int16]
    n_classes: int
    assigner: SpinAssigner
    seed: int
    run: str = ""


@dataclass(frozen=True, eq=False)
class SpinChunk:
    """The outcome of some spins under one rotation policy.

    Attributes
    ----------
    spins : (n,) int64
        Indices of the spins.
    counts : (n, n_sets, n_folds, K, K) int32
        Confusion counts, truth in rows.
    kept : (n,) float64
        Share of the analysed vertices that have a label after the spin.
    distinct : (n,) float64
        Share of vertices that serve as a source.
    evaluated : (n_vertices,) int32
        In how many of the spins each vertex was tested.
    correct : (n_sets, n_vertices) int32
        In how many it was predicted right.
    """

    spins: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int32]
    kept: npt.NDArray[np.float64]
    distinct: npt.NDArray[np.float64]
    evaluated: npt.NDArray[np.int32]
    correct: npt.NDArray[np.int32]


def spin_label(test: SpinTest, k: int, policy: Policy) -> tuple[npt.NDArray[np.int16], float]:
    """Return the labels of spin `k`, and the share of vertices that served as a source."""
    index = test.assigner.assign(spin_rotations(test.seed, k, policy))
    return spin_labels(test.label, index), distinct_share(index)


def run_spins(test: SpinTest, spins: Iterable[int], policy: Policy) -> SpinChunk:
    """Decode the spun labels of each of `spins`.

    Parameters
    ----------
    test : SpinTest
        What all spins share.
    spins : iterable of int
        Indices of the spins to do.
    policy : {"independent", "mirrored"}
        How the rotations of the two hemispheres go together.

    Returns
    -------
    SpinChunk
        Row i is spin ``spins[i]``, whatever other spins are done beside it.

    Raises
    ------
    InputError
        If a spin leaves a fold without a labelled training vertex: the medial wall came to lie
        over a mask that is smaller than itself.
    """
    numbers = np.array(list(spins), dtype=np.int64)
    n_folds = len(test.decoders[0].train)
    shape = (len(numbers), len(test.decoders), n_folds, test.n_classes, test.n_classes)
    counts = np.zeros(shape, np.int32)
    kept, distinct = np.zeros(len(numbers)), np.zeros(len(numbers))
    evaluated = np.zeros(len(test.label), np.int32)
    correct = np.zeros((len(test.decoders), len(test.label)), np.int32)
    rows = test.decoders[0].rows
    for i, k in enumerate(numbers.tolist()):
        label, distinct[i] = spin_label(test, k, policy)
        labelled = label[rows] != UNLABELLED
        if not (test.decoders[0].train & labelled).any(axis=1).all():
            raise InputError(
                f"spin {k}",
                "no label on the training vertices of a fold (the medial wall covers them)",
                "labels in every fold",
                "The mask is too small for a spin test: use a larger one, or no spins.",
            )
        kept[i] = labelled.mean()
        tested = test.decoders[0].test.any(axis=0) & labelled
        evaluated[rows[tested]] += 1
        for j, decoder in enumerate(test.decoders):
            counts[i, j], right = count_labels(decoder, label, test.n_classes)
            correct[j] += right
    return SpinChunk(numbers, counts, kept, distinct, evaluated, correct)


def fold_mean_macro_f1(counts: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return the mean over folds of macro-F1: the statistic, observed and under the null.

    Parameters
    ----------
    counts : (..., n_folds, K, K) ndarray of int
        Confusion counts.

    Returns
    -------
    (...) ndarray of float64
        Folds in which nothing was tested are left out.
    """
    mean: npt.NDArray[np.float64] = np.nanmean(macro_f1(counts), axis=-1)
    return mean
