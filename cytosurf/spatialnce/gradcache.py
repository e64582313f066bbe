"""One training step in two passes, for batches whose activations do not fit (GradCache).

A contrastive loss needs the embeddings of all samples at once, but not their activations. The first
pass embeds the batch in chunks and keeps embeddings alone; the loss gives the gradient of each
embedding; the second pass embeds each chunk again, with activations, and sends its part of the
gradient back. Memory is that of one chunk.

Without batch normalisation the step equals one in a single pass. With it, each chunk is normalised
by its own statistics (over all ranks, if synchronised) in both passes; running statistics are
updated once, in the first. Group normalisation avoids the difference.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cytosurf.spatialnce.checks import positive
from cytosurf.spatialnce.loss import LossResult
from cytosurf.spatialnce.recompute import frozen_statistics


def two_pass_step(
    model: nn.Module,
    patches: Tensor,
    loss: Callable[[Tensor], LossResult],
    *,
    chunk: int,
    autocast: torch.dtype | None = None,
    scale: Callable[[Tensor], Tensor] | None = None,
) -> LossResult:
    """Add the gradient of a batch to the parameters of a model, chunk by chunk.

    Parameters
    ----------
    model : torch.nn.Module
        From patches to embeddings; DistributedDataParallel averages once, in the last chunk.
    patches : torch.Tensor
        (n, channels, H, W) of this rank.
    loss : callable
        From the (n, d) embeddings of this rank to a `LossResult`, such as a `spatial_nce` that
        knows the coordinates.
    chunk : int
        Patches that are embedded at a time.
    autocast : torch.dtype, optional
        Embed in this type, as torch.bfloat16; the loss is float32 in any case.
    scale : callable, optional
        ``GradScaler.scale``, for float16.

    Returns
    -------
    LossResult
        Without a gradient.

    Examples
    --------
    >>> from functools import partial
    >>> from cytosurf.spatialnce import spatial_nce
    >>> model, patches = nn.Linear(3, 2), torch.randn(8, 3)
    >>> loss = partial(spatial_nce, coordinates_mm=torch.rand(8, 3) * 20)
    >>> result = two_pass_step(model, patches, loss, chunk=3)
    >>> model.weight.grad.shape
    torch.Size([2, 3])
    """
    positive(chunk=chunk)
    chunks = torch.split(patches, chunk)
    states: list[tuple[Tensor, Tensor | None]] = []
    embeddings = []
    with torch.no_grad():
        for part in chunks:
            states.append(_random_state(patches.device))
            with _autocast(patches.device, autocast):
                embeddings.append(model(part))
    after = _random_state(patches.device)
    found = torch.cat(embeddings)
    found = (found if found.dtype == torch.float64 else found.float()).requires_grad_()
    result = loss(found)
    scaled = result.loss if scale is None else scale(result.loss)
    (gradient,) = torch.autograd.grad(scaled, found)
    for i, (part, state) in enumerate(zip(chunks, states, strict=True)):
        _set_random_state(patches.device, state)
        with _no_sync(model, i < len(chunks) - 1):
            with frozen_statistics(model), _autocast(patches.device, autocast):
                again = model(part)
            again.backward(gradient[i * chunk : (i + 1) * chunk].to(again.dtype))
    _set_random_state(patches.device, after)
    return LossResult(*(value.detach() for value in result))


def _autocast(device: torch.device, dtype: torch.dtype | None) -> AbstractContextManager[object]:
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)


def _no_sync(model: nn.Module, wanted: bool) -> AbstractContextManager[None]:
    if wanted and isinstance(model, DistributedDataParallel):
        return model.no_sync()
    return nullcontext()


def _random_state(device: torch.device) -> tuple[Tensor, Tensor | None]:
    """Return the states of the generators that dropout draws from."""
    here = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return torch.get_rng_state(), here


def _set_random_state(device: torch.device, state: tuple[Tensor, Tensor | None]) -> None:
    torch.set_rng_state(state[0])
    if state[1] is not None:
        torch.cuda.set_rng_state(state[1], device)
