"""Confusion counts of many spins, kept by the cells that are not empty.

A spin of 1,000 classes in 5 folds has 5 million cells per feature set, of which at most one for
each vertex holds anything. Cells and their counts are kept in flat arrays, spin after spin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.marginals import Marginals


@dataclass(frozen=True, eq=False)
class SpinCounts:
    """Confusion counts of n spins.

    Attributes
    ----------
    shape : (4,) int64
        Feature sets, folds, classes, classes.
    start : (n + 1,) int64
        Spin i has the entries ``start[i]`` to ``start[i + 1] - 1`` of `cell` and `count`.
    cell : (n_entries,) int64
        Flat index of each cell that is not empty into an array of `shape`, in increasing order
        within a spin.
    count : (n_entries,) int32
        Vertices counted there.
    """

    shape: npt.NDArray[np.int64]
    start: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    count: npt.NDArray[np.int32]

    def dense(self) -> npt.NDArray[np.int32]:
        """Return all cells, (n, n_sets, n_folds, K, K), truth in rows."""
        shape = tuple(self.shape.tolist())
        counts = np.zeros((len(self.start) - 1, int(np.prod(shape))), np.int32)
        counts[self._spin(), self.cell] = self.count
        return counts.reshape(-1, *shape)

    def marginals(self) -> Marginals:
        """Return the marginals, (n, n_sets, n_folds, K), without making all cells."""
        n_sets, n_folds, n_classes, _ = self.shape.tolist()
        table, pair = np.divmod(self.cell, n_classes**2)
        truth, prediction = np.divmod(pair, n_classes)
        row = (self._spin() * (n_sets * n_folds) + table) * n_classes
        shape = (len(self.start) - 1, n_sets, n_folds, n_classes)

        def total(cell: npt.NDArray[np.int64], n: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
            sums = np.bincount(cell, weights=n, minlength=int(np.prod(shape)))
            return sums.astype(np.float64, copy=False).reshape(shape)

        right = truth == prediction
        return Marginals(
            total((row + truth)[right], self.count[right]),
            total(row + truth, self.count),
            total(row + prediction, self.count),
        )

    def _spin(self) -> npt.NDArray[np.int64]:
        """Return the number of the spin that each entry belongs to."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))


def pack_counts(
    spins: Iterable[Iterable[npt.NDArray[np.integer]]], n_sets: int, n_folds: int, n_classes: int
) -> SpinCounts:
    """Keep the cells that are not empty.

    Parameters
    ----------
    spins : iterable of iterable of (n_folds, n_classes, n_classes) ndarray of int
        For each spin the counts of each feature set, taken one after the other; nothing for a
        spin without counts.
    n_sets, n_folds, n_classes : int
        Shape of a spin.

    Examples
    --------
    >>> counts = pack_counts([[np.array([[[2, 0], [1, 0]]])]], 1, 1, 2)
    >>> counts.cell.tolist(), counts.count.tolist(), counts.dense().shape
    ([0, 2], [2, 1], (1, 1, 1, 2, 2))
    """
    start, n_entries = [0], 0
    cells, numbers = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
    for of_sets in spins:
        for i, counts in enumerate(of_sets):
            flat = counts.ravel()
            filled = np.flatnonzero(flat)
            cells.append(filled + i * flat.size)
            numbers.append(flat[filled].astype(np.int32))
            n_entries += len(filled)
        start.append(n_entries)
    return SpinCounts(
        np.array([n_sets, n_folds, n_classes, n_classes], np.int64),
        np.array(start, np.int64),
        np.concatenate(cells).astype(np.int64, copy=False),
        np.concatenate(numbers),
    )
