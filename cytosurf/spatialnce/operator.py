"""The one tiled operator behind SpatialNCE, supervised contrastive learning and SimCLR.

For embeddings z_1 .. z_N with similarities ``s_ij = z_i . z_j / temperature`` and symmetric weights
``w_ij`` (see `weights`), every anchor i needs three sums over all other samples j:

* ``log_partition_i = log sum_j exp(s_ij)``;
* ``mass_i = sum_j w_ij``, and the entropy of ``w_ij / mass_i``;
* ``attraction_i = sum_j w_ij s_ij / mass_i``, the mean similarity to its positives.

The loss of an anchor is ``log_partition_i - attraction_i``. The (N, N) matrices are made in tiles,
once in the forward and once again in the backward pass, so memory grows with N and not with its
square.

With upstream gradients p_i of log_partition_i and a_i of attraction_i, s and w being symmetric,

    dL/dz_i = 1/temperature sum_j z_j [ p_i exp(s_ij - log_partition_i)
                                      + p_j exp(s_ij - log_partition_j)
                                      + (a_i / mass_i + a_j / mass_j) w_ij ].

Of the other samples this needs z, log_partition and mass alone. So a rank that holds some of the
rows works out their complete gradient from gathered numbers, without a collective in the backward
pass. Tiles lie on a grid of global rows: where their height divides the rows of a rank, every rank
does the very arithmetic that one process would do.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from cytosurf.spatialnce.precision import full_precision
from cytosurf.spatialnce.weights import LOWEST, PairWeights, log_weights, set_self

COLUMNS_PER_ROW = 4  # a tile is four times as wide as high: it stays in the cache, with few calls

_FAR_BELOW = -1e30  # any similarity; finite, so that a difference of two of them is 0

_KERNEL = "Tensor? points, Tensor? labels, Tensor? table, Tensor? vertices"
_SIZES = "float temperature, int start, int tile"


class AnchorSums(NamedTuple):
    """Sums over all other samples, one for each anchor.

    Attributes
    ----------
    log_partition : torch.Tensor
        Log of the sum of exponentiated similarities.
    attraction : torch.Tensor
        Weighted mean similarity to the positives; 0 where there is no mass.
    mass : torch.Tensor
        Sum of the weights.
    entropy : torch.Tensor
        Entropy of the normalised weights, in nats; its exponential is the effective number of
        positives.
    """

    log_partition: Tensor
    attraction: Tensor
    mass: Tensor
    entropy: Tensor


def _spans(start: int, stop: int, step: int) -> Iterator[slice]:
    """Cut [start, stop) at the multiples of `step`."""
    while start < stop:
        end = min(stop, (start // step + 1) * step)
        yield slice(start, end)
        start = end


def _similarities(z: Tensor, rows: slice, columns: slice, temperature: float) -> Tensor:
    return (z[rows] / temperature) @ z[columns].T


@torch.library.custom_op(
    "cytosurf::anchor_sums",
    mutates_args=(),
    schema=f"(Tensor z, {_KERNEL}, {_SIZES}, int stop) -> (Tensor, Tensor, Tensor, Tensor)",
)
def anchor_sums(
    z: Tensor,
    points: Tensor | None,
    labels: Tensor | None,
    table: Tensor | None,
    vertices: Tensor | None,
    temperature: float,
    start: int,
    tile: int,
    stop: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the `AnchorSums` of rows ``start`` to ``stop``, each of shape (stop - start,).

    Parameters
    ----------
    z : torch.Tensor
        (N, d) embeddings of all samples, float32 or float64.
    points, labels, table, vertices : torch.Tensor or None
        See `PairWeights`.
    temperature : float
        Divides the similarities.
    start, stop : int
        Rows to work on.
    tile : int
        Height of a tile.
    """
    weights = PairWeights(points, labels, table, vertices)
    found = [
        _sums_of_rows(z, weights, rows, temperature, tile) for rows in _spans(start, stop, tile)
    ]
    log_partition, attraction, mass, entropy = (
        torch.cat(part) for part in zip(*found, strict=True)
    )
    return log_partition, attraction, mass, entropy


def _sums_of_rows(
    z: Tensor, weights: PairWeights, rows: slice, temperature: float, tile: int
) -> AnchorSums:
    """Go once over all columns: a running maximum for the similarities; weights are at most 1."""
    highest = z.new_full((rows.stop - rows.start,), _FAR_BELOW)
    total, mass, attraction, log_weight = (torch.zeros_like(highest) for _ in range(4))
    with full_precision(z.device.type):
        for columns in _spans(0, z.shape[0], COLUMNS_PER_ROW * tile):
            s = _similarities(z, rows, columns, temperature)
            k = log_weights(weights, rows, columns, s)
            set_self(k, rows, columns, LOWEST)
            w = k.exp()
            mass += w.sum(1)
            log_weight += k.mul_(w).sum(1)
            attraction += w.mul_(s).sum(1)
            set_self(s, rows, columns, _FAR_BELOW)
            higher = torch.maximum(highest, s.amax(1))
            total = total * (highest - higher).exp_() + s.sub_(higher[:, None]).exp_().sum(1)
            highest = higher
    known = mass > 0
    one = torch.where(known, mass, 1)
    return AnchorSums(
        highest + total.log(),
        torch.where(known, attraction / one, 0),
        mass,
        torch.where(known, one.log() - log_weight / one, 0),
    )


@anchor_sums.register_fake
def _(z: Tensor, *others: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    start, _, stop = others[-3:]
    a, b, c, d = (z.new_empty(stop - start) for _ in range(4))
    return a, b, c, d


@torch.library.custom_op(
    "cytosurf::anchor_gradient",
    mutates_args=(),
    schema=f"(Tensor z, Tensor numbers, {_KERNEL}, {_SIZES}, int stop) -> Tensor",
)
def anchor_gradient(
    z: Tensor,
    numbers: Tensor,
    points: Tensor | None,
    labels: Tensor | None,
    table: Tensor | None,
    vertices: Tensor | None,
    temperature: float,
    start: int,
    tile: int,
    stop: int,
) -> Tensor:
    """Return dL/dz of rows ``start`` to ``stop``, (stop - start, d), complete.

    Parameters
    ----------
    z : torch.Tensor
        (N, d) embeddings of all samples.
    numbers : torch.Tensor
        (3, N): log_partition, its upstream gradient, and that of attraction divided by mass.
    points, labels, table, vertices, temperature, start, tile, stop
        As of `anchor_sums`.
    """
    weights = PairWeights(points, labels, table, vertices)
    gradient = z.new_zeros((stop - start, z.shape[1]))
    with full_precision(z.device.type):
        for rows in _spans(start, stop, tile):
            mine = gradient[rows.start - start : rows.stop - start]
            for columns in _spans(0, z.shape[0], COLUMNS_PER_ROW * tile):
                mine.addmm_(
                    _pull_of_tile(z, numbers, weights, rows, columns, temperature), z[columns]
                )
    return gradient.div_(temperature)


def _pull_of_tile(
    z: Tensor,
    numbers: Tensor,
    weights: PairWeights,
    rows: slice,
    columns: slice,
    temperature: float,
) -> Tensor:
    """Return what multiplies z_j in dL/dz_i, (R, C)."""
    (log_row, push_row, pull_row), (log_column, push_column, pull_column) = (
        numbers[:, rows, None],
        numbers[:, columns],
    )
    s = _similarities(z, rows, columns, temperature)
    pull = log_weights(weights, rows, columns, s).exp_().mul_(pull_row + pull_column)
    pull += (s - log_row).exp_().mul_(push_row)
    pull += s.sub_(log_column).exp_().mul_(push_column)
    set_self(pull, rows, columns, 0.0)
    return pull


@anchor_gradient.register_fake
def _(z: Tensor, *others: Any) -> Tensor:
    start, _, stop = others[-3:]
    return z.new_empty((stop - start, z.shape[1]))


@torch.library.custom_op(
    "cytosurf::anchor_terms",
    mutates_args=(),
    schema=(
        "(Tensor own, Tensor z, Tensor log_partition, Tensor attraction, Tensor mass, "
        f"{_KERNEL}, {_SIZES}) -> (Tensor, Tensor)"
    ),
)
def anchor_terms(
    _own: Tensor, _z: Tensor, log_partition: Tensor, attraction: Tensor, *_others: Any
) -> tuple[Tensor, Tensor]:
    """Return log_partition and attraction of all N anchors, differentiable in `own`.

    The numbers are those that `anchor_sums` found (gathered, where other ranks found some);
    this operator knows how they depend on the rows ``start`` to ``start + len(own)`` of z.

    Parameters
    ----------
    own : torch.Tensor
        (n, d) the rows of `z` that gradients are wanted for.
    z : torch.Tensor
        (N, d) embeddings of all samples, without a gradient.
    log_partition, attraction, mass : torch.Tensor
        (N,) of all samples.
    points, labels, table, vertices, temperature, start, tile
        As of `anchor_sums`.
    """
    return log_partition.clone(), attraction.clone()


@anchor_terms.register_fake
def _(
    _own: Tensor, _z: Tensor, log_partition: Tensor, attraction: Tensor, *_others: Any
) -> tuple[Tensor, Tensor]:
    return torch.empty_like(log_partition), torch.empty_like(attraction)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:  # noqa: ARG001
    own, z, log_partition, _, mass, *kernel, temperature, start, tile = inputs
    ctx.save_for_backward(z, log_partition, mass, *kernel)
    ctx.sizes = temperature, start, tile, start + own.shape[0]


def _backward(ctx: Any, push: Tensor, pull: Tensor) -> tuple[Tensor | None, ...]:
    z, log_partition, mass, *kernel = ctx.saved_tensors
    per_mass = torch.where(mass > 0, pull / torch.where(mass > 0, mass, 1), 0)
    numbers = torch.stack([log_partition, push, per_mass])
    return (anchor_gradient(z, numbers, *kernel, *ctx.sizes), *[None] * 11)


anchor_terms.register_autograd(_backward, setup_context=_keep)
