"""The design matrix of the softmax regression, laid out once for all fits.

The kernels want the rows in tiles of one size, features first (see `cytosurf.decoding.kernels`).
Rows of one group share tiles with no other group, so that a fold's test rows, and nothing else,
are skipped when the other folds train.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.decoding.blocks import TILE
from cytosurf.decoding.kernels import aligned


@dataclass(frozen=True, eq=False)
class Design:
    """A design matrix in tiles, ready for many fits.

    Built by `make_design`. Slots are vertices in an order that keeps groups (folds) in tiles of
    their own; the last tile of a group is padded with empty slots.

    Attributes
    ----------
    x : (n_tiles, n_features, TILE) float32
        Features, each column standardised over all rows; 0 in empty slots.
    slot_row : (n_tiles * TILE,) int64
        Row of the original matrix in each slot, or -1.
    row_slot : (n_rows,) int64
        Slot of each row.
    """

    x: npt.NDArray[np.float32]
    slot_row: npt.NDArray[np.int64]
    row_slot: npt.NDArray[np.int64]


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view that cannot be written to.

    Workers get large arrays as read-only maps of one file, small ones as copies. To a kernel these
    are two types, each compiled for itself; read-only views are one.
    """
    view = array.view()
    view.flags.writeable = False
    return view


def make_design(features: npt.NDArray[np.floating], group: npt.NDArray[np.integer]) -> Design:
    """Arrange a design matrix in tiles, the rows of each group in tiles of their own.

    Parameters
    ----------
    features : (n_rows, n_features) array
        Finite values. A constant column becomes 0.
    group : (n_rows,) array of int
        Group of each row, usually the test fold: tiles without training rows are skipped.

    Returns
    -------
    Design
        With columns standardised over all rows in float64 and kept as float32.

    Examples
    --------
    >>> import numpy as np
    >>> design = make_design(np.array([[1.0], [3.0], [1.0], [3.0]]), np.array([0, 1, 0, 1]))
    >>> design.x.shape, design.row_slot.tolist()
    ((2, 1, 512), [0, 512, 1, 513])
    >>> design.x.ravel()[design.row_slot].tolist()
    [-1.0, 1.0, -1.0, 1.0]
    """
    wide = np.asarray(features, dtype=np.float64)
    wide = wide - wide[0]  # a constant column is exactly 0 from here on
    spread = wide.std(axis=0)
    wide = (wide - wide.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    rows = [np.flatnonzero(group == g) for g in np.unique(group)]
    slot_row = np.concatenate([np.pad(r, (0, -len(r) % TILE), constant_values=-1) for r in rows])
    filled = np.flatnonzero(slot_row >= 0)
    row_slot = np.empty(len(wide), np.int64)
    row_slot[slot_row[filled]] = filled
    x = np.zeros((len(slot_row), wide.shape[1]), np.float32)
    x[filled] = wide[slot_row[filled]]
    tiles = aligned(x.size).reshape(-1, wide.shape[1], TILE)
    tiles[:] = x.reshape(-1, TILE, wide.shape[1]).transpose(0, 2, 1)
    return Design(tiles, slot_row, row_slot)
