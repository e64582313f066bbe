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
pass. How blocks of pairs are worked out, so that the number of ranks changes no bit, is in `tiles`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cytosurf.spatialnce.tiles import gradient_of_rows, sums_of_rows
from cytosurf.spatialnce.weights import PairWeights

_KERNEL = "Tensor? points, Tensor? labels, Tensor? table, Tensor? vertices"
_SIZES = "float temperature, int start, int tile"


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
        Side of a block of pairs.
    """
    weights = PairWeights(points, labels, table, vertices)
    log_partition, attraction, mass, entropy = sums_of_rows(
        z, weights, temperature, start, stop, tile
    )
    return log_partition, attraction, mass, entropy


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
    return gradient_of_rows(z, numbers, weights, temperature, start, stop, tile)


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
    numbers = torch.stack([log_partition, push, pull / mass])
    return (anchor_gradient(z, numbers, *kernel, *ctx.sizes), *[None] * 11)


anchor_terms.register_autograd(_backward, setup_context=_keep)
