"""Activation checkpointing that leaves the statistics of batch normalisation as they were.

Checkpointing runs a block a second time in the backward pass, to save memory of its activations.
Plain checkpointing lets batch normalisation count that second pass as another batch, so running
statistics drift from those of a run without checkpoints. Here they are updated once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Normalise by the batch, as in training, without touching running statistics.

    Parameters
    ----------
    module : torch.nn.Module
        Its batch normalisations, and those of its parts.

    Examples
    --------
    >>> import torch
    >>> norm = nn.BatchNorm1d(2)
    >>> with frozen_statistics(norm):
    ...     y = norm(torch.tensor([[0.0, 1.0], [2.0, 5.0]]))
    >>> norm.running_mean.tolist(), int(norm.num_batches_tracked)
    ([0.0, 0.0], 0)
    """
    # Copies take the update. (Without any statistics to update, torch would keep fewer tensors for
    # the backward pass than in the first run, which checkpointing refuses.)
    kept = [(m, dict(m.named_buffers(recurse=False))) for m in _norms(module)]
    try:
        for norm, buffers in kept:
            for name, buffer in buffers.items():
                setattr(norm, name, buffer.clone())
        yield
    finally:
        for norm, buffers in kept:
            for name, buffer in buffers.items():
                setattr(norm, name, buffer)


def _norms(module: nn.Module) -> list[_NormBase]:
    return [m for m in module.modules() if isinstance(m, _NormBase)]


def recomputed(block: nn.Module, x: Tensor) -> Tensor:
    """Return ``block(x)``, keeping `x` alone for the backward pass.

    Values, gradients and running statistics are those of ``block(x)``.

    Examples
    --------
    >>> import torch
    >>> recomputed(nn.Linear(3, 2), torch.ones(1, 3)).shape
    torch.Size([1, 2])
    """

    def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        return nullcontext(), frozen_statistics(block)

    found: Tensor = checkpoint(block, x, use_reentrant=False, context_fn=contexts)
    return found
