"""The arithmetic of the contrastive operator, one tile of pairs at a time.

The (N, N) pairs are cut into square blocks of a fixed grid. Similarities and weights are symmetric,
so block (I, J) with I <= J serves the rows of I and, transposed, those of J; block (J, I) is never
made. A block is always made whole and in this orientation, also where a process needs a few of its
rows only, and every row adds its blocks up in the order of the grid. So a number does not depend,
to the last bit, on which process works it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from cytosurf.spatialnce.precision import full_precision
from cytosurf.spatialnce.weights import LOWEST, PairWeights, log_weights, set_self

# Similarities between -40 and 40 are exponentiated with one shift for all: exp of what is between
# -80 and 0 is a normal number of float32. Unit embeddings have them at temperatures of 0.025 and
# above. Others take twice the exponentials, with a shift for each row.
ONE_SHIFT = 40.0
_FAR_BELOW = -1e30  # any similarity; finite, so that a difference of two of them is 0


class AnchorSums(NamedTuple):
    """Sums over all other samples, one for each anchor.

    Attributes
    ----------
    log_partition : torch.Tensor
        Log of the sum of exponentiated similarities.
    attraction : torch.Tensor
        Weighted mean similarity to the positives.
    mass : torch.Tensor
        Sum of the weights; above 0, if only by 1e-34, also where there is no positive.
    entropy : torch.Tensor
        Entropy of the normalised weights, in nats; its exponential is the effective number of
        positives.
    """

    log_partition: Tensor
    attraction: Tensor
    mass: Tensor
    entropy: Tensor


class _Part(NamedTuple):
    """Rows of a block that are wanted: where in the block, and where in the answer."""

    axis: int
    of_block: slice
    of_answer: slice


def sums_of_rows(
    z: Tensor, weights: PairWeights, temperature: float, start: int, stop: int, tile: int
) -> AnchorSums:
    """Return the sums of rows ``start`` to ``stop``.

    Parameters
    ----------
    z : torch.Tensor
        (N, d) embeddings of all samples, float32 or float64.
    weights : PairWeights
        Of all samples.
    temperature : float
        Divides the similarities.
    start, stop : int
        Rows that are wanted.
    tile : int
        Side of a block.

    Examples
    --------
    >>> pairs = PairWeights(labels=torch.tensor([0, 0, 1]))
    >>> sums_of_rows(torch.eye(3), pairs, 1.0, 0, 3, 2).mass.round().tolist()
    [1.0, 1.0, 0.0]
    """
    shift = z.new_full((stop - start,), _FAR_BELOW)
    total, mass, attraction, log_weight = (torch.zeros_like(shift) for _ in range(4))
    bound = _bound(z, temperature)
    with full_precision(z.device.type):
        for rows, columns, parts in _blocks(z.shape[0], start, stop, tile):
            s = _similarities(z, rows, columns, temperature)
            k = log_weights(weights, rows, columns, s)
            set_self(k, rows, columns, LOWEST)
            w = k.exp()
            wk, ws = k.mul_(w), w * s
            set_self(s, rows, columns, _FAR_BELOW)
            shared = (s - bound).exp_() if bound <= ONE_SHIFT else None
            for axis, block, answer in parts:
                mass[answer] += w.sum(1 - axis)[block]
                log_weight[answer] += wk.sum(1 - axis)[block]
                attraction[answer] += ws.sum(1 - axis)[block]
                top, more = _exponentials(s, shared, bound, axis)
                _add(shift[answer], total[answer], top[block], more[block])
    # No weight is 0 (see LOWEST), so mass is not.
    return AnchorSums(shift + total.log(), attraction / mass, mass, mass.log() - log_weight / mass)


def gradient_of_rows(
    z: Tensor,
    numbers: Tensor,
    weights: PairWeights,
    temperature: float,
    start: int,
    stop: int,
    tile: int,
) -> Tensor:
    """Return dL/dz of rows ``start`` to ``stop``, (stop - start, d).

    Parameters
    ----------
    z : torch.Tensor
        (N, d) embeddings of all samples.
    numbers : torch.Tensor
        (3, N): log_partition, its upstream gradient, and that of attraction divided by mass.
    weights, temperature, start, stop, tile
        As of `sums_of_rows`.

    Examples
    --------
    >>> pairs = PairWeights(labels=torch.tensor([0, 0, 1]))
    >>> gradient_of_rows(torch.eye(3), torch.zeros(3, 3), pairs, 1.0, 1, 3, 2).tolist()
    [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
    """
    gradient = z.new_zeros((stop - start, z.shape[1]))
    bound = _bound(z, temperature)
    log_partition, push, pull = numbers
    if (
        bound <= ONE_SHIFT
    ):  # exp(s - log_partition) as a product, so that rows and columns share exp
        push = push * (bound - log_partition).exp()
    with full_precision(z.device.type):
        for rows, columns, parts in _blocks(z.shape[0], start, stop, tile):
            s = _similarities(z, rows, columns, temperature)
            force = log_weights(weights, rows, columns, s).exp_()
            force *= pull[rows, None] + pull[columns]
            if bound <= ONE_SHIFT:
                force += s.sub_(bound).exp_().mul_(push[rows, None] + push[columns])
            else:
                force += (s - log_partition[rows, None]).exp_().mul_(push[rows, None])
                force += s.sub_(log_partition[columns]).exp_().mul_(push[columns])
            set_self(force, rows, columns, 0.0)
            for axis, block, answer in parts:
                others = force @ z[columns] if axis == 0 else force.T @ z[rows]
                gradient[answer] += others[block]
    return gradient.div_(temperature)


def _blocks(n: int, start: int, stop: int, tile: int) -> Iterator[tuple[slice, slice, list[_Part]]]:
    """Yield the blocks on or above the diagonal that hold wanted rows, in the order of the grid."""
    spans = [slice(i, min(i + tile, n)) for i in range(0, n, tile)]
    for i, rows in enumerate(spans):
        of_rows = _wanted(0, rows, start, stop)
        for columns in spans[i:]:
            parts = of_rows if columns is rows else of_rows + _wanted(1, columns, start, stop)
            if parts:
                yield rows, columns, parts


def _wanted(axis: int, span: slice, start: int, stop: int) -> list[_Part]:
    first, last = max(span.start, start), min(span.stop, stop)
    if first >= last:
        return []
    of_block = slice(first - span.start, last - span.start)
    return [_Part(axis, of_block, slice(first - start, last - start))]


def _similarities(z: Tensor, rows: slice, columns: slice, temperature: float) -> Tensor:
    return (z[rows] / temperature) @ z[columns].T


def _bound(z: Tensor, temperature: float) -> float:
    """Return a number that no similarity exceeds, in either direction."""
    return float(z.square().sum(1).max()) / temperature


def _exponentials(
    s: Tensor, shared: Tensor | None, bound: float, axis: int
) -> tuple[Tensor, Tensor]:
    """Return a shift and the sum of ``exp(s - shift)`` of each row (axis 0) or column (axis 1)."""
    if shared is not None:
        more = shared.sum(1 - axis)
        return torch.full_like(more, bound), more
    top = s.amax(1 - axis)
    return top, (s - top.unsqueeze(1 - axis)).exp_().sum(1 - axis)


def _add(shift: Tensor, total: Tensor, top: Tensor, more: Tensor) -> None:
    """Add ``more * exp(top)`` to ``total * exp(shift)``, in place."""
    higher = torch.maximum(shift, top)
    total.mul_((shift - higher).exp_()).add_(more * (top - higher).exp_())
    shift.copy_(higher)
