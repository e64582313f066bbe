"""Refits of the softmax regression for many label vectors at once, in torch.

The objective, the starts and the stopping rule are those of `cytosurf.decoding.softmax`; what is
written there holds here. The fits of a batch of label vectors go through the same stages together:

1. the minimum over a sample of the rows of all folds, from zero;
2. the inverse Hessian of that sample there, for all that follows;
3. the minimum over all rows, loosely: the start of the folds;
4. for each fold the minimum over a sample of it, tilted to have the gradient of all its rows;
5. the minimum over all its rows.

A result depends on its own labels alone, not on the batch: every product has one shape and a
matrix for each problem (`cytosurf.decoding.torch_slab`), and problems stop on their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cytosurf.decoding.fitters import FoldFit
from cytosurf.decoding.softmax import (
    MAX_SAMPLE_ITERATIONS,
    SAMPLE_TOLERANCE,
    START_TOLERANCE,
    TILTED_TOLERANCE,
    TOLERANCE,
)
from cytosurf.decoding.torch_curvature import inverse_at, inverse_at_zero
from cytosurf.decoding.torch_device import full_precision, torch_device
from cytosurf.decoding.torch_memory import LARGEST_BATCH, free_bytes, slab_bytes, spin_bytes
from cytosurf.decoding.torch_minimise import Begin, evaluate, minimise
from cytosurf.decoding.torch_problem import (
    NEVER,
    Problems,
    Rows,
    groups,
    make_problems,
    make_rows,
)
from cytosurf.errors import CytosurfError

NO_LABEL = -1
MAX_PASSES = 2000
# Problems that are solved side by side: enough for a GPU to be busy, few for a processor.
PLACES = {"cuda": 64, "cpu": 8}


@dataclass(frozen=True, eq=False)
class Starts:
    """What the folds of some label vectors start from.

    Attributes
    ----------
    problems : Problems
        The rows of all folds.
    theta : (n_spins, K, width) float64
        Parameters.
    inverse : Tensor
        Inverse Hessians, as in `cytosurf.decoding.torch_minimise.Begin`.
    """

    problems: Problems
    theta: Tensor
    inverse: Tensor


@dataclass(frozen=True, eq=False)
class TorchFitter:
    """The softmax regression on a torch device: a `cytosurf.decoding.fitters.BatchFitter`.

    Attributes
    ----------
    features : (n_rows, n_features) float32
        Features, each column standardised over all rows.
    C : float
        Inverse strength of the penalty.
    device : {"cuda", "torch-cpu"}
        Where to compute.
    n_places : int or None
        Problems side by side; as suits the device if None.
    """

    features: npt.NDArray[np.float32]
    C: float
    device: str
    n_places: int | None = None

    def start(self, label: npt.NDArray[np.int64], rows: npt.NDArray[np.bool_]) -> Any:
        """Return what the fits of all folds start from, given the training rows of any fold."""
        with full_precision():
            return self._starts(self._rows(), label[None], rows, int(label.max()) + 1)

    def fit(
        self,
        label: npt.NDArray[np.int64],  # noqa: ARG002
        train: npt.NDArray[np.bool_],
        test: npt.NDArray[np.int64],
        state: Any,
    ) -> FoldFit:
        """Fit on the rows where `train` is true and predict the rows numbered `test`."""
        with full_precision():
            starts: Starts = state
            problems, theta, converged = self._folds(starts, train[None])
            present = problems.present[0].cpu().numpy()
            x = starts.problems.rows.flat[torch.from_numpy(test).to(theta.device)]
            probability = _probability(x[None], theta)[0].cpu().numpy()
        classes = np.flatnonzero(present)
        return FoldFit.of_probability(
            classes, probability[:, classes], converged=bool(converged[0])
        )

    def count_many(
        self,
        labels: npt.NDArray[np.integer],
        train: npt.NDArray[np.bool_],
        test: npt.NDArray[np.bool_],
        n_classes: int,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Cross-validate many label vectors and count on the device.

        Parameters
        ----------
        labels : (n_spins, n_rows) array of int
            Class of each row, -1 where there is none.
        train, test : (n_folds, n_rows) bool
            Membership of each row in each fold; no row is tested twice.
        n_classes : int
            Number of classes K, present or not.

        Returns
        -------
        counts : (n_spins, n_folds, K, K) int64
            Confusion counts; truth in rows, prediction in columns.
        correct : (n_spins, n_rows) bool
            Where the held-out prediction was right.
        n_unconverged : (n_spins,) int64
            Folds whose fit ended before its stopping rule was met.
        """
        counts, correct, unconverged = [], [], []
        for starts, theta, converged in self._solved(labels, train, n_classes):
            n_places = self._n_places(starts.problems.rows)
            of_batch, right = _outcomes(starts.problems, theta, test, n_places)
            counts.append(of_batch.cpu().numpy())
            correct.append(right[:, : labels.shape[1]].cpu().numpy())
            unconverged.append((~converged.reshape(-1, len(train))).sum(1).cpu().numpy())
        return np.concatenate(counts), np.concatenate(correct), np.concatenate(unconverged)

    def solve(
        self,
        labels: npt.NDArray[np.integer],
        train: npt.NDArray[np.bool_],
        n_classes: int,
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Fit every fold of many label vectors.

        Parameters
        ----------
        labels, train, n_classes
            As for `count_many`.

        Returns
        -------
        theta : (n_spins, n_folds, K, n_features + 1) float64
            Coefficients in units of the features, intercepts last; that of a class without a
            training row is far below all others.
        converged : (n_spins, n_folds) bool
            Whether the stopping rule was met.
        """
        solved = list(self._solved(labels, train, n_classes))
        shape = (len(labels), len(train))
        theta = torch.cat([of_batch for _, of_batch, _ in solved]).cpu().numpy()
        converged = torch.cat([of_batch for _, _, of_batch in solved]).cpu().numpy()
        return theta.reshape(*shape, *theta.shape[1:]), converged.reshape(shape)

    def _solved(
        self, labels: npt.NDArray[np.integer], train: npt.NDArray[np.bool_], n_classes: int
    ) -> Iterator[tuple[Starts, Tensor, Tensor]]:
        """Solve as many label vectors at a time as fit into the memory that is free."""
        any_fold = np.asarray(train.any(axis=0))
        with full_precision():
            rows = self._rows()
            for batch in self._batches(rows, len(labels), len(train), n_classes):
                starts = self._starts(rows, labels[batch], any_fold, n_classes)
                _, theta, converged = self._folds(starts, train)
                yield starts, theta, converged

    def _batches(self, rows: Rows, n_spins: int, n_folds: int, n_classes: int) -> Iterator[slice]:
        """Split label vectors as the memory that is free allows."""
        width = rows.x.shape[-1]
        n_places = self._n_places(rows)
        need = slab_bytes(n_places, len(rows.flat), n_classes, width)
        free = free_bytes(rows.device)
        each = spin_bytes(len(rows.flat), n_classes, width, n_folds)
        if need + each > free:
            raise CytosurfError(
                f"--device {self.device}: {free / 1e9:.1f} GB of memory are free, and "
                f"{(need + each) / 1e9:.1f} GB are needed. End what else uses the device, or "
                "leave --device out."
            )
        size = min(LARGEST_BATCH, (free - need) // each)
        for first in range(0, n_spins, size):
            yield slice(first, first + size)

    def _rows(self) -> Rows:
        return make_rows(torch.from_numpy(self.features).to(torch_device(self.device)))

    def _starts(
        self,
        rows: Rows,
        labels: npt.NDArray[np.integer],
        any_fold: npt.NDArray[np.bool_],
        n_classes: int,
    ) -> Starts:
        """Do the stages 1 to 3."""
        n_all = len(rows.flat)
        padded = np.full((len(labels), n_all), NO_LABEL, np.int16)
        padded[:, : labels.shape[1]] = labels
        on_device = torch.from_numpy(padded).to(rows.device)
        spin = torch.arange(len(labels), device=rows.device)
        masks = _masks(any_fold[None], n_all, rows.device)
        n_places = self._n_places(rows)
        problems = make_problems(
            rows, on_device, masks, spin, torch.zeros_like(spin), n_classes, self.C, n_places
        )
        theta = problems.free.new_zeros(problems.free.shape)
        theta[:, :, -1] = torch.where(problems.present, 0.0, NEVER)
        begin = Begin(theta, inverse_at_zero(problems))
        found = minimise(
            problems,
            begin,
            n_places,
            tolerance=SAMPLE_TOLERANCE,
            max_passes=MAX_PASSES,
            sampled=True,
        )
        begin = Begin(found.theta, inverse_at(problems, found.theta))
        start = minimise(
            problems, begin, n_places, tolerance=START_TOLERANCE, max_passes=MAX_PASSES
        )
        return Starts(problems, start.theta, begin.inverse)

    def _folds(
        self, starts: Starts, train: npt.NDArray[np.bool_]
    ) -> tuple[Problems, Tensor, Tensor]:
        """Do the stages 4 and 5 for every label vector and fold, in this order."""
        rows, labels = starts.problems.rows, starts.problems.labels
        masks = _masks(train, labels.shape[1], rows.device)
        spin = torch.arange(len(labels), device=rows.device).repeat_interleave(len(train))
        mask = torch.arange(len(train), device=rows.device).repeat(len(labels))
        n_classes, n_places = starts.theta.shape[1], self._n_places(rows)
        problems = make_problems(rows, labels, masks, spin, mask, n_classes, self.C, n_places)
        theta = _begin_at(starts.theta, problems, n_places)
        gradient, decrement = evaluate(problems, theta, starts.inverse, n_places)
        of_sample, _ = evaluate(problems, theta, starts.inverse, n_places, sampled=True)
        begin = Begin(theta, starts.inverse, tilt=gradient - of_sample)
        found = minimise(
            problems,
            begin,
            n_places,
            tolerance=TILTED_TOLERANCE,
            max_passes=MAX_SAMPLE_ITERATIONS,
            sampled=True,
            keep_memory=True,
        )
        _, found_decrement = evaluate(problems, found.theta, starts.inverse, n_places)
        # The sample can be flat where all rows together are not, and lead far away.
        better = found_decrement < decrement
        assert found.n_held is not None
        begin = replace(
            begin,
            theta=torch.where(better[:, None, None], found.theta, theta),
            tilt=None,
            memory=found.memory,
            n_held=torch.where(better, found.n_held, 0),
        )
        end = minimise(problems, begin, n_places, tolerance=TOLERANCE, max_passes=MAX_PASSES)
        return problems, end.theta, end.converged

    def _n_places(self, rows: Rows) -> int:
        return self.n_places or PLACES[rows.device.type]


def _begin_at(starts: Tensor, problems: Problems, n_places: int) -> Tensor:
    """Return the parameters of each label vector as those of its folds: of other classes, columns.

    Parameters
    ----------
    starts : (n_spins, K, width) float64
        Parameters.
    problems : Problems
        The folds.
    n_places : int
        Problems that are looked at together.
    """
    found = []
    for numbers, n in groups(len(problems), n_places, starts.device):
        present = problems.present[numbers][:, :, None]
        theta = torch.where(present, starts[problems.spin[numbers]], 0.0)
        # A shift that all classes have in common changes nothing.
        theta = theta - theta.sum(dim=1, keepdim=True) / present.sum(dim=1, keepdim=True)
        # From a column that varied and no longer does, only the slight penalty would lead to 0.
        free, constant = problems.free[numbers], problems.constant[numbers]
        intercept = theta[:, :, -1:] + torch.bmm(theta * (1 - free), constant[:, :, None])
        theta = torch.cat([(theta * free)[:, :, :-1], torch.where(present, intercept, NEVER)], 2)
        found.append(theta[:n])
    return torch.cat(found)


def _outcomes(
    problems: Problems, theta: Tensor, test: npt.NDArray[np.bool_], n_places: int
) -> tuple[Tensor, Tensor]:
    """Return confusion counts of all label vectors, and where predictions are right.

    Parameters
    ----------
    problems : Problems
        One for each label vector.
    theta : (n_spins * n_folds, K, width) float64
        Parameters of every fold.
    test : (n_folds, n_rows) bool
        Membership in test sets.
    n_places : int
        Label vectors that are looked at together.
    """
    rows, labels = problems.rows, problems.labels
    n_folds, n_classes = len(test), theta.shape[1]
    masks = _masks(test, labels.shape[1], rows.device)
    tested, fold = masks.any(dim=0), masks.long().argmax(dim=0)
    n_cells = n_folds * n_classes**2
    counts, correct = [], []
    for spins, n in groups(len(labels), n_places, rows.device):
        label = labels[spins].long()
        best = torch.zeros_like(label)
        for k, mask in enumerate(masks):
            at = mask.nonzero()[:, 0]
            x = rows.flat[at].expand(n_places, -1, -1)
            best[:, at] = _probability(x, theta[spins * n_folds + k]).argmax(dim=2)
        counted = tested & (label != NO_LABEL)
        cell = torch.where(counted, (fold * n_classes + label) * n_classes + best, n_cells)
        found = label.new_zeros(n_places, n_cells + 1)
        found.scatter_add_(1, cell, torch.ones_like(cell))
        counts.append(found[:n, :-1].reshape(n, n_folds, n_classes, n_classes))
        correct.append((counted & (best == label))[:n])
    return torch.cat(counts), torch.cat(correct)


def _probability(x: Tensor, theta: Tensor) -> Tensor:
    """Return the probabilities of rows ``(n, n_rows, width)`` under ``theta (n, K, width)``."""
    return torch.softmax(torch.bmm(x, theta.float().transpose(1, 2)), dim=2)


def _masks(masks: npt.NDArray[np.bool_], n_all: int, device: torch.device) -> Tensor:
    padded = np.zeros((len(masks), n_all), bool)
    padded[:, : masks.shape[1]] = masks
    return torch.from_numpy(padded).to(device)
