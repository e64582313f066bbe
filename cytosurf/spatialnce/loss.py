"""SpatialNCE, supervised contrastive and SimCLR losses: three weights, one operator.

    >>> import torch
    >>> from cytosurf.spatialnce import spatial_nce
    >>> embeddings = torch.eye(4, requires_grad=True)
    >>> coordinates_mm = torch.tensor([[0.0, 0, 0], [5, 0, 0], [0, 5, 0], [90, 0, 0]])
    >>> result = spatial_nce(embeddings, coordinates_mm, sigma_mm=10.0)
    >>> result.loss.backward()
    >>> int(result.isolated)
    1

With torch.distributed running, all ranks of the group must call together, each with its samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from cytosurf.errors import InputError
from cytosurf.spatialnce import checks
from cytosurf.spatialnce.gather import Ranks, check_rows, gather_rows, ranks_of
from cytosurf.spatialnce.operator import anchor_sums, anchor_terms
from cytosurf.spatialnce.surface import SurfaceTable
from cytosurf.spatialnce.tiles import AnchorSums
from cytosurf.spatialnce.weights import PairWeights

SIGMA_MM = 10.0  # assumption: the published bandwidth is not known
TEMPERATURE = 0.07
MIN_MASS = 0.01  # a single neighbour at three sigma
TILE_CPU, TILE_GPU = 256, 2048  # blocks that stay in the cache; blocks that fill the device


class LossResult(NamedTuple):
    """A contrastive loss over the samples of all ranks, and how well it was fed.

    Attributes
    ----------
    loss : torch.Tensor
        Mean over the anchors that are not isolated; the same number on every rank. Its gradient on
        a rank is scaled by the number of ranks, so that the mean over ranks that
        DistributedDataParallel takes is the gradient of this number.
    isolated : torch.Tensor
        Number of anchors, of all ranks, that were left out because they have (almost) no positives.
    effective_positives : torch.Tensor
        Mean over the other anchors of the exponential of the entropy of their weights: by how many
        equal positives an anchor is drawn.
    per_anchor : torch.Tensor
        (n,) loss of each sample of this rank, without a gradient; 0 where isolated.
    """

    loss: Tensor
    isolated: Tensor
    effective_positives: Tensor
    per_anchor: Tensor


def spatial_nce(
    embeddings: Tensor,
    coordinates_mm: Tensor,
    *,
    sigma_mm: float = SIGMA_MM,
    temperature: float = TEMPERATURE,
    brain: Tensor | None = None,
    surface: SurfaceTable | None = None,
    normalise_weights: bool = True,
    normalise_embeddings: bool = True,
    min_mass: float = MIN_MASS,
    tile: int | None = None,
    group: dist.ProcessGroup | None = None,
) -> LossResult:
    """Return the SpatialNCE loss: samples are alike as far as they are near in the brain.

    For unit embeddings z and positions x, with ``w_ij = exp(-|x_i - x_j|**2 / (2 sigma**2))``,

        L_i = - sum_{j != i} (w_ij / sum_{k != i} w_ik)
                log( exp(z_i . z_j / t) / sum_{k != i} exp(z_i . z_k / t) ).

    Parameters
    ----------
    embeddings : torch.Tensor
        (n, d) of this rank, of any floating type; all arithmetic is float32 (or float64).
    coordinates_mm : torch.Tensor
        (n, D) positions in millimetres, in one space; D is 3, or 2 in a single slice.
    sigma_mm : float
        Bandwidth of the weights.
    temperature : float
        Divides the similarities.
    brain : torch.Tensor, optional
        (n,) whole numbers. If given, only samples of the same brain are positives; those of other
        brains remain negatives.
    surface : SurfaceTable, optional
        Distances along the cortical surface, used in place of straight lines.
    normalise_weights : bool
        Divide the weights of each anchor by their sum. If False, anchors with many near neighbours
        count for more.
    normalise_embeddings : bool
        Scale embeddings to unit length, in float32, before anything else.
    min_mass : float
        Anchors whose weights add up to less are isolated: counted, and left out of the loss.
    tile : int, optional
        Side of the blocks of pairs: memory is about 5 tile**2 numbers. 256 on the CPU and 2,048 on
        other devices if left out. With the same tile, the loss and its gradient do not depend on
        the number of ranks, to the last bit.
    group : torch.distributed.ProcessGroup, optional
        Ranks that hold the samples of a batch; the default group if torch.distributed is running.

    Returns
    -------
    LossResult

    Raises
    ------
    InputError
        Shapes that do not fit, coordinates that cannot be in millimetres, all anchors isolated,
        ranks with different numbers of samples. (Inside torch.compile, values are not looked at.)

    Examples
    --------
    >>> z = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    >>> result = spatial_nce(z, 4 * torch.arange(18.0).reshape(6, 3), sigma_mm=10)
    >>> round(float(result.effective_positives), 1)
    1.7
    """
    checks.samples(embeddings, coordinates_mm, "coordinates_mm", 2)
    tile = _tile(tile, embeddings)
    checks.positive(sigma_mm=sigma_mm, temperature=temperature, min_mass=min_mass, tile=tile)
    if brain is not None:
        checks.samples(embeddings, brain, "brain", 1)
    ranks = ranks_of(group)
    check_rows(embeddings, ranks)
    positions = gather_rows(coordinates_mm.double(), ranks)
    checks.spread(positions, sigma_mm)
    own = _unit(embeddings, normalise_embeddings)
    scale = 1 / (2**0.5 * sigma_mm)
    weights = PairWeights(
        # Centred before float32: rounding is that of the brain's size, wherever its origin is.
        points=((positions - positions.mean(0)) * scale).to(own.dtype),
        labels=None if brain is None else gather_rows(brain.long(), ranks),
        table=None if surface is None else (surface.distances_mm * scale).to(own),
        vertices=None if surface is None else surface.nearest(positions),
    )
    return _contrast([own], weights, temperature, min_mass, tile, ranks, normalise_weights)


def sup_con(
    embeddings: Tensor,
    labels: Tensor,
    *,
    temperature: float = TEMPERATURE,
    normalise_embeddings: bool = True,
    tile: int | None = None,
    group: dist.ProcessGroup | None = None,
) -> LossResult:
    """Return the supervised contrastive loss (Khosla et al. 2020, L_out): labels make positives.

    Parameters
    ----------
    embeddings : torch.Tensor
        (n, d) of this rank.
    labels : torch.Tensor
        (n,) whole numbers; samples of one label are positives. A sample whose label no other has is
        isolated.
    temperature, normalise_embeddings, tile, group
        As of `spatial_nce`.

    Returns
    -------
    LossResult

    Examples
    --------
    >>> result = sup_con(torch.eye(3), torch.tensor([1, 1, 2]), temperature=1.0)
    >>> round(float(result.loss), 4), int(result.isolated)
    (0.6931, 1)
    """
    checks.samples(embeddings, labels, "labels", 1)
    tile = _tile(tile, embeddings)
    checks.positive(temperature=temperature, tile=tile)
    ranks = ranks_of(group)
    check_rows(embeddings, ranks)
    own = _unit(embeddings, normalise_embeddings)
    weights = PairWeights(labels=gather_rows(labels.long(), ranks))
    return _contrast([own], weights, temperature, MIN_MASS, tile, ranks, True)


def nt_xent(
    first: Tensor,
    second: Tensor,
    *,
    temperature: float = TEMPERATURE,
    normalise_embeddings: bool = True,
    tile: int | None = None,
    group: dist.ProcessGroup | None = None,
) -> LossResult:
    """Return the SimCLR loss (NT-Xent, Chen et al. 2020): two views of an image are positives.

    Parameters
    ----------
    first, second : torch.Tensor
        (n, d) embeddings of two views of the same n images, row by row.
    temperature, normalise_embeddings, tile, group
        As of `spatial_nce`.

    Returns
    -------
    LossResult
        `per_anchor` has 2n entries, those of the first views before those of the second.

    Examples
    --------
    >>> z = torch.eye(2)
    >>> round(float(nt_xent(z, z, temperature=1.0).loss), 4)
    0.5514
    """
    if first.shape != second.shape:
        raise InputError(
            "second",
            f"shape {tuple(second.shape)}",
            f"that of the first views, {tuple(first.shape)}",
        )
    checks.vectors(first)
    tile = _tile(tile, first)
    checks.positive(temperature=temperature, tile=tile)
    ranks = ranks_of(group)
    both = torch.cat([first, second])
    check_rows(both, ranks)
    own = _unit(both, normalise_embeddings)
    # All first views before all second ones, whichever ranks hold them.
    views = [own] if ranks.size == 1 else own.chunk(2)
    images = torch.arange(len(first) * ranks.size, device=first.device)
    weights = PairWeights(labels=images.repeat(2))
    return _contrast(views, weights, temperature, MIN_MASS, tile, ranks, True)


def _tile(tile: int | None, embeddings: Tensor) -> int:
    if tile is not None:
        return tile
    return TILE_CPU if embeddings.device.type == "cpu" else TILE_GPU


def _unit(embeddings: Tensor, normalise: bool) -> Tensor:
    """Return embeddings as float32 (or float64), and then of unit length if asked for."""
    wide = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
    return torch.nn.functional.normalize(wide, dim=1) if normalise else wide


def _contrast(
    parts: Sequence[Tensor],
    weights: PairWeights,
    temperature: float,
    min_mass: float,
    tile: int,
    ranks: Ranks,
    normalise_weights: bool,
) -> LossResult:
    """Work out the sums of this rank's anchors, gather them, and join them to the gradient.

    The samples of all ranks stand part by part, and in each part rank by rank.
    """
    z = torch.cat([gather_rows(part, ranks) for part in parts])
    starts = [(i * ranks.size + ranks.index) * len(part) for i, part in enumerate(parts)]
    spans = [(start, start + len(part)) for start, part in zip(starts, parts, strict=True)]
    found = [anchor_sums(z, *weights, temperature, start, tile, stop) for start, stop in spans]
    gathered = [gather_rows(torch.stack(mine, 1), ranks) for mine in found]
    sums = AnchorSums(*torch.cat(gathered).unbind(1))
    anchors = sums.log_partition - sums.attraction
    for part, start in zip(parts, starts, strict=True):
        terms = anchor_terms(part, z, *sums[:3], *weights, temperature, start, tile)
        anchors = _with_gradient(anchors, terms[0] - terms[1])
    kept = sums.mass >= min_mass
    checks.not_all_isolated(kept, min_mass)
    anchors = torch.where(kept, anchors if normalise_weights else sums.mass * anchors, 0)
    count = kept.sum().clamp(min=1)
    loss = anchors.sum() / count
    if ranks.size > 1:
        loss = _with_gradient(loss, (ranks.size - 1) * loss)
    return LossResult(
        loss=loss,
        isolated=(~kept).sum(),
        effective_positives=torch.where(kept, sums.entropy.exp(), 0).sum() / count,
        per_anchor=torch.cat([anchors.detach()[start:stop] for start, stop in spans]),
    )


def _with_gradient(value: Tensor, other: Tensor) -> Tensor:
    """Return the value with the gradient of another added to its own."""
    return value + (other - other.detach())
