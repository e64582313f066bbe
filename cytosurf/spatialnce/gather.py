"""Putting the samples of all ranks of a training job together.

No gradient goes through anything here. The loss is symmetric in its samples, so each rank works out
the complete gradient of its own embeddings from gathered numbers (see `operator`). Public code lets
gradients pass through a gather: of six forms in use, four are wrong by a factor or in direction.
Here there is no such choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from cytosurf.errors import InputError


@dataclass(frozen=True)
class Ranks:
    """The processes that train together.

    Attributes
    ----------
    size : int
        Number of processes.
    index : int
        This process, from 0.
    group : torch.distributed.ProcessGroup or None
        None is the default group of torch.distributed.
    """

    size: int = 1
    index: int = 0
    group: dist.ProcessGroup | None = None


def ranks_of(group: dist.ProcessGroup | None = None) -> Ranks:
    """Return the ranks of a group; of the default group, or this process alone, if None.

    Examples
    --------
    >>> ranks_of()
    Ranks(size=1, index=0, group=None)
    """
    if not (dist.is_available() and dist.is_initialized()):
        return Ranks()
    return Ranks(dist.get_world_size(group), dist.get_rank(group), group)


def gather_rows(rows: Tensor, ranks: Ranks) -> Tensor:
    """Return the rows of all ranks, in the order of ranks, without a gradient.

    Parameters
    ----------
    rows : torch.Tensor
        (n, ...) of this rank, of the same shape on each; see `check_rows`.
    ranks : Ranks
        The processes that take part.

    Returns
    -------
    torch.Tensor
        (n * ranks.size, ...); `rows` itself where there is one rank.

    Examples
    --------
    >>> gather_rows(torch.ones(2, 1, requires_grad=True), Ranks()).requires_grad
    False
    """
    mine = rows.detach()
    if ranks.size == 1:
        return mine
    mine = mine.contiguous()
    found = [torch.empty_like(mine) for _ in range(ranks.size)]
    dist.all_gather(found, mine, group=ranks.group)
    return torch.cat(found)


def check_rows(rows: Tensor, ranks: Ranks) -> None:
    """Raise on every rank, before anything hangs, where ranks hold different shapes or too little.

    Parameters
    ----------
    rows : torch.Tensor
        (n, d) embeddings of this rank.
    ranks : Ranks
        The processes that take part.

    Raises
    ------
    InputError
        With the shapes that were found; or if there are fewer than two rows on all ranks together.
    """
    if ranks.size > 1:
        _check_same(rows, ranks)
    if len(rows) * ranks.size < 2:
        found = f"shape {tuple(rows.shape)}" + (" on every rank" if ranks.size > 1 else "")
        raise InputError("embeddings", found, "two samples or more in all")


def _check_same(rows: Tensor, ranks: Ranks) -> None:
    mine = torch.tensor([*rows.shape, rows.element_size()], device=rows.device)
    found = gather_rows(mine[None], ranks).tolist()
    if any(shape != found[0] for shape in found):
        shapes = ", ".join(
            f"{n} x {d} ({8 * size} bits) on rank {i}" for i, (n, d, size) in enumerate(found)
        )
        raise InputError(
            "embeddings",
            shapes,
            "the same number of samples, width and precision on every rank",
            "Choose a batch that the number of ranks divides; leave out an incomplete last one.",
        )
