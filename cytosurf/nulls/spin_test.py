"""The spin test of a decoder: the labels are spun, and everything is fitted anew.

For each spin the labels of the whole surface are rotated, medial wall included; vertices of the
feature mask whose spun label is above 0 are decoded with the same folds, and only confusion
counts and per-vertex sums leave the spin. Spin `k` depends on (seed, k) alone, so any spin can be
redone anywhere and the order of work never matters.

In a small region a spin may leave nothing to decode: the medial wall covers the training vertices
of a fold, or a single class covers the whole region. Such a spin has no counts and the statistic
NaN, which counts as exceeding in every test: it can make a p-value larger, never smaller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from cytosurf.compute.pool import resolve_jobs
from cytosurf.decoding.crossval import UNLABELLED, Decoder, count_many
from cytosurf.decoding.fitters import BatchFitter
from cytosurf.nulls.quality import distinct_share
from cytosurf.nulls.rotations import Policy, spin_rotations
from cytosurf.nulls.spin_counts import SpinCounts, pack_counts
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
    counts : SpinCounts
        Confusion counts of n_sets feature sets in n_folds folds; none of a spin that left nothing
        to decode.
    kept : (n,) float64
        Share of the analysed vertices that have a label after the spin.
    distinct : (n,) float64
        Share of vertices that serve as a source.
    evaluated : (n_vertices,) int32
        In how many of the spins each vertex was tested.
    correct : (n_sets, n_vertices) int32
        In how many it was predicted right.
    unconverged : (n,) int32
        Fits of each spin, over sets and folds, that ended before their stopping rule was met.
    """

    spins: npt.NDArray[np.int64]
    counts: SpinCounts
    kept: npt.NDArray[np.float64]
    distinct: npt.NDArray[np.float64]
    evaluated: npt.NDArray[np.int32]
    correct: npt.NDArray[np.int32]
    unconverged: npt.NDArray[np.int32]


def spin_label(test: SpinTest, k: int, policy: Policy) -> tuple[npt.NDArray[np.int16], float]:
    """Return the labels of spin `k`, and the share of vertices that served as a source."""
    index = test.assigner.assign(spin_rotations(test.seed, k, policy))
    return spin_labels(test.label, index), distinct_share(index)


def can_be_decoded(
    label: npt.NDArray[np.integer], train: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_]
) -> bool:
    """Return whether spun labels leave something to decode.

    As of the real labels, two classes are asked for; and a labelled training vertex in each fold,
    and anything to test.

    Parameters
    ----------
    label : (n_rows,) ndarray of int
        Class index of each analysed vertex, negative where there is none.
    train, test : (n_folds, n_rows) ndarray of bool
        Membership of each analysed vertex in each fold.

    Examples
    --------
    >>> train = np.array([[True, True, False, False], [False, False, True, True]])
    >>> can_be_decoded(np.array([0, 1, 1, -1]), train, ~train)
    True
    >>> can_be_decoded(np.array([0, 1, -1, -1]), train, ~train)
    False
    """
    labelled = label >= 0
    present = label[labelled]
    return bool(
        present.size
        and present.min() != present.max()
        and (train & labelled).any(axis=1).all()
        and (test & labelled).any()
    )


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
    """
    numbers = np.array(list(spins), dtype=np.int64)
    n_sets, n_folds = len(test.decoders), len(test.decoders[0].train)
    kept, distinct = np.zeros(len(numbers)), np.zeros(len(numbers))
    evaluated = np.zeros(len(test.label), np.int32)
    correct = np.zeros((n_sets, len(test.label)), np.int32)
    unconverged = np.zeros(len(numbers), np.int32)
    first = test.decoders[0]
    rows, train, tested = first.rows, first.train, first.test

    labels, can = np.zeros((len(numbers), len(test.label)), np.int16), np.zeros(len(numbers), bool)
    for i, (label, share) in enumerate(_spun_labels(test, numbers.tolist(), policy)):
        labels[i], distinct[i] = label, share
        labelled = labels[i, rows] != UNLABELLED
        kept[i] = labelled.mean()
        can[i] = can_be_decoded(labels[i, rows], train, tested)
        evaluated[rows[tested.any(axis=0) & labelled]] += can[i]
    of_sets = [count_many(decoder, labels[can], test.n_classes) for decoder in test.decoders]

    def decoded(i: int) -> Iterator[npt.NDArray[np.int64]]:
        for j, outcomes in enumerate(of_sets):
            outcome = next(outcomes)
            correct[j] += outcome.correct
            unconverged[i] += outcome.n_unconverged
            yield outcome.counts

    of_spins = (decoded(i) if c else () for i, c in enumerate(can))
    counts = pack_counts(of_spins, n_sets, n_folds, test.n_classes)
    return SpinChunk(numbers, counts, kept, distinct, evaluated, correct, unconverged)


def _spun_labels(
    test: SpinTest, numbers: list[int], policy: Policy
) -> Iterator[tuple[npt.NDArray[np.int16], float]]:
    """Spin the labels one after the other, or in threads where a GPU would wait for them."""
    spin = partial(spin_label, test, policy=policy)
    if not any(isinstance(decoder.fitter, BatchFitter) for decoder in test.decoders):
        yield from map(spin, numbers)
        return
    with ThreadPoolExecutor(resolve_jobs(None)) as threads:
        yield from threads.map(spin, numbers)
