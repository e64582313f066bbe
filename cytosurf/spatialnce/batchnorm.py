"""Batch normalisation over the samples of all ranks, also on the CPU.

Every rank normalises by the mean and variance of the whole batch, as one process with all samples
would. torch's own layer does this on GPUs alone (on the CPU, DistributedDataParallel refuses it),
so `synchronise` uses it for layers that are there, and ours for the others: the CPU is where tests
and small trainings run. Names of parameters stay the same.
"""

from __future__ import annotations

from typing import Any, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cytosurf.errors import InputError
from cytosurf.spatialnce.gather import Ranks, gather_rows, ranks_of


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over the samples of all ranks, of any number of axes.

    Parameters
    ----------
    num_features, eps, momentum, affine, track_running_stats
        As of torch.nn.BatchNorm2d.
    process_group : torch.distributed.ProcessGroup, optional
        The default group if left out.

    Examples
    --------
    >>> SyncBatchNorm(3)(torch.zeros(4, 3, 5, 5)).shape  # one process: plain batch normalisation
    torch.Size([4, 3, 5, 5])
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: dist.ProcessGroup | None = None,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        self.process_group = process_group

    def _check_input_dim(self, x: Tensor) -> None:
        if x.ndim < 2 or x.shape[1] != self.num_features:
            raise InputError(
                "x", f"shape {tuple(x.shape)}", f"shape (samples, {self.num_features}, ...)"
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` normalised over all ranks in training, by running statistics otherwise."""
        ranks = ranks_of(self.process_group) if self.training else Ranks()
        if ranks.size == 1:
            return super().forward(x)
        self._check_input_dim(x)
        y, mean, variance, count = _Normalise.apply(  # type: ignore[no-untyped-call]
            x, self.weight, self.bias, self.eps, ranks
        )
        if self.track_running_stats:
            self._track(mean, variance, float(count))
        return cast(Tensor, y)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: float) -> None:
        """Move running statistics towards those of the batch, as torch does."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean), share)
        unbiased = variance * (count / max(count - 1, 1))
        self.running_var.lerp_(unbiased.to(self.running_var), share)


class _Normalise(torch.autograd.Function):
    """``(x - mean) / sqrt(variance + eps) * weight + bias`` with moments over all ranks."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float, ranks: Ranks
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        wide = _wide(x)
        mean, variance, count = _moments(wide, ranks)
        scale = (variance + eps).rsqrt()
        normal = (wide - _along(mean, x)) * _along(scale, x)
        y = normal if weight is None else normal * _along(weight, x)
        y = y if bias is None else y + _along(bias, x)
        ctx.save_for_backward(x, mean, scale, weight)
        ctx.ranks, ctx.count = ranks, count
        ctx.mark_non_differentiable(mean, variance, count)
        return y.to(x.dtype), mean, variance, count

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, mean, scale, weight = ctx.saved_tensors
        dy = _wide(gradients[0])
        normal = (_wide(x) - _along(mean, x)) * _along(scale, x)
        own = torch.stack([_over_samples(dy), _over_samples(dy * normal)])
        total = own.clone()
        dist.all_reduce(total, group=ctx.ranks.group)
        by_mean, by_slope = total / ctx.count
        dx = (dy - _along(by_mean, x) - normal * _along(by_slope, x)) * _along(scale, x)
        if weight is None:
            return dx.to(x.dtype), None, None, None, None
        dx = dx * _along(weight, x)
        return dx.to(x.dtype), own[1].to(weight.dtype), own[0].to(weight.dtype), None, None


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype == torch.float64 else x.float()


def _over_samples(x: Tensor) -> Tensor:
    """Sum over all axes but that of channels."""
    return x.sum([axis for axis in range(x.ndim) if axis != 1])


def _along(channels: Tensor, like: Tensor) -> Tensor:
    """Put one number for each channel along the axis of channels."""
    return channels.view(1, -1, *[1] * (like.ndim - 2))


def _moments(x: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean, variance and count over all ranks: each about its own mean, then put together.

    Sums of squares about 0 would cancel where the mean is far from it.
    """
    count = x.new_tensor(x.numel() // x.shape[1])
    mean = _over_samples(x) / count
    squares = _over_samples((x - _along(mean, x)).square())
    found = gather_rows(torch.stack([count.expand_as(mean), mean, squares])[None], ranks)
    counts, means, all_squares = found.unbind(1)
    total = counts.sum(0)
    overall = (counts * means).sum(0) / total
    between = counts * (means - overall).square()
    return overall, (all_squares + between).sum(0) / total, total[0]


def synchronise(model: nn.Module, group: dist.ProcessGroup | None = None) -> nn.Module:
    """Return a model whose batch normalisations are over all ranks.

    Parameters
    ----------
    model : torch.nn.Module
        On its device already. Changed in place where its parts are batch normalisations; other
        normalisations stay.
    group : torch.distributed.ProcessGroup, optional
        The default group if left out.

    Examples
    --------
    >>> type(synchronise(nn.Sequential(nn.BatchNorm1d(3)))[0]).__name__
    'SyncBatchNorm'
    """
    if isinstance(model, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
        return _like(model, group)
    for name, part in model.named_children():
        model.add_module(name, synchronise(part, group))
    return model


def _like(
    norm: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d, group: dist.ProcessGroup | None
) -> _BatchNorm:
    """Return a synchronised layer that has the very parameters and buffers of `norm`."""
    used = next(iter([*norm.parameters(), *norm.buffers()]), torch.empty(0))
    kind = nn.SyncBatchNorm if used.is_cuda else SyncBatchNorm
    found = kind(
        norm.num_features,
        norm.eps,
        norm.momentum,
        affine=False,
        track_running_stats=norm.track_running_stats,
        process_group=group,
    )
    found.affine, found.weight, found.bias = norm.affine, norm.weight, norm.bias
    found.running_mean, found.running_var = norm.running_mean, norm.running_var
    found.num_batches_tracked = norm.num_batches_tracked
    return found.train(norm.training)
