"""How much one sample is a positive of another: the weights of all contrastive losses here.

A pair of samples has a log-weight of at most 0: 0 for the same place (or the same label), far below
0 for far apart. The three losses differ in nothing else:

* SpatialNCE: ``-d**2 / (2 sigma**2)`` for the distance d between two samples;
* supervised contrastive: 0 for the same label, `LOWEST` otherwise;
* SimCLR: 0 for two views of one image, `LOWEST` otherwise.

Weights are symmetric, which is what lets every rank work out its gradient alone, and they are made
one tile at a time and never kept.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

# In the place of minus infinity: exp(-80) is 2e-35, which no sum of weights that counts can notice,
# even in float64. Finite, so that products are never NaN; and well above the denormal numbers, with
# which exp takes ten times as long.
LOWEST = -80.0


class PairWeights(NamedTuple):
    """What the log-weights of all pairs of N samples are made of; each part may be left out.

    Attributes
    ----------
    points : torch.Tensor or None
        (N, D) coordinates divided by ``sqrt(2) * sigma``, so that a log-weight is minus a squared
        distance.
    labels : torch.Tensor or None
        (N,) int64. Samples with different labels are never positives of each other.
    table : torch.Tensor or None
        (V, V) distances along the surface between the vertices of a table, divided by
        ``sqrt(2) * sigma``; infinite where there is no way.
    vertices : torch.Tensor or None
        (N,) int64: vertex of the table that stands for each sample.
    """

    points: Tensor | None = None
    labels: Tensor | None = None
    table: Tensor | None = None
    vertices: Tensor | None = None


def log_weights(weights: PairWeights, rows: slice, columns: slice, like: Tensor) -> Tensor:
    """Return the log-weights of a tile, (R, C), of the dtype and device of `like`.

    Parameters
    ----------
    weights : PairWeights
        What they are made of.
    rows, columns : slice
        Samples of the tile. A sample's weight with itself is not treated here.
    like : torch.Tensor
        (R, C) tensor of the dtype and device wanted.

    Examples
    --------
    >>> pair = PairWeights(points=torch.tensor([[0.0], [2.0]]))
    >>> log_weights(pair, slice(0, 2), slice(0, 2), torch.zeros(2, 2)).tolist()
    [[-0.0, -4.0], [-4.0, -0.0]]
    """
    if weights.points is None:
        found = torch.zeros_like(like)
    else:
        found = squared_distances(weights.points[rows], weights.points[columns])
        if weights.table is not None and weights.vertices is not None:
            along = weights.table[weights.vertices[rows][:, None], weights.vertices[columns]]
            # A way along the surface is never shorter than the straight line: what the table
            # cannot resolve (two samples at one of its vertices) is taken from the coordinates.
            found = torch.maximum(found, along.to(found.dtype).square_())
        found = found.neg_().clamp_(min=LOWEST)
    if weights.labels is not None:
        others = weights.labels[rows][:, None] != weights.labels[columns]
        found.masked_fill_(others, LOWEST)
    return found


def squared_distances(a: Tensor, b: Tensor) -> Tensor:
    """Return the (R, C) squared distances between (R, D) and (C, D) points.

    From the differences themselves: the expansion ``a**2 - 2ab + b**2`` loses near pairs of
    coordinates that lie far from the origin.

    Examples
    --------
    >>> squared_distances(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]])).item()
    25.0
    """
    total = (a[:, :1] - b[:, 0]).square_()
    for axis in range(1, a.shape[1]):
        total.add_((a[:, axis : axis + 1] - b[:, axis]).square_())
    return total


def set_self(tile: Tensor, rows: slice, columns: slice, value: float) -> None:
    """Set in place the pairs of a tile in which a sample meets itself."""
    first, last = max(rows.start, columns.start), min(rows.stop, columns.stop)
    if first < last:
        there = tile[first - rows.start : last - rows.start, first - columns.start :]
        there.diagonal()[: last - first].fill_(value)
