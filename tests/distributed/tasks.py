"""What ranks do in a test, given how many of them take part; the others return None."""

from contextlib import contextmanager
from functools import cache, partial
from unittest import mock

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from cytosurf.errors import InputError
from cytosurf.spatialnce import loss as loss_module
from cytosurf.spatialnce import nt_xent, spatial_nce, sup_con
from cytosurf.spatialnce.batchnorm import SyncBatchNorm, synchronise
from cytosurf.spatialnce.encoders import SmallEncoder
from cytosurf.spatialnce.gather import Ranks, gather_rows
from cytosurf.spatialnce.gradcache import two_pass_step
from cytosurf.spatialnce.projection import projection_head
from cytosurf.spatialnce.recompute import recomputed
from tests.unit.spatialnce import dense


@cache
def group_of(size):
    """Return the group of the first `size` ranks; all ranks call this in the same order."""
    return dist.new_group(list(range(size)))


@contextmanager
def taking_part(size):
    """Give the group and the slice of samples of this rank: None where it does not take part."""
    group = group_of(size)
    yield group if dist.get_rank() < size else None


def mine(tensor, size):
    """Return the rows of this rank."""
    n = len(tensor) // size
    return tensor[dist.get_rank() * n : (dist.get_rank() + 1) * n].detach().clone()


def _reversed(rows, ranks):
    return gather_rows(rows, ranks).view(ranks.size, *rows.shape).flip(0).flatten(0, 1)


def _forgetful(rows, ranks):
    return torch.cat([rows.detach()] * ranks.size)


class _Through(torch.autograd.Function):
    """Gather as public code does: gradients of all ranks for the own slice summed, or the own."""

    @staticmethod
    def forward(ctx, rows, ranks, summed):
        ctx.ranks, ctx.summed = ranks, summed
        return gather_rows(rows, ranks)

    @staticmethod
    def backward(ctx, gradient):
        if ctx.summed:
            gradient = gradient.clone()
            dist.all_reduce(gradient, group=ctx.ranks.group)
        return gradient.chunk(ctx.ranks.size)[ctx.ranks.index], None, None


GATHERS = {"right": gather_rows, "reversed": _reversed, "forgetful": _forgetful}


def loss_and_gradient(size, kind, n, tile, dtype, gather="right"):
    """Return the loss, this rank's gradient over the number of ranks, and what was counted."""
    with taking_part(size) as group:
        if group is None:
            return None
        z, x = dense.samples(n, dtype=getattr(torch, dtype))
        z = mine(z, size).requires_grad_()
        options = {"tile": tile, "group": group}
        with mock.patch.object(loss_module, "gather_rows", GATHERS[gather]):
            if kind == "spatial_nce":
                found = spatial_nce(z, mine(x, size), sigma_mm=10, **options)
            elif kind == "within brains":
                brain = mine(torch.arange(n) % 3, size)
                found = spatial_nce(z, mine(x, size), sigma_mm=20, brain=brain, **options)
            elif kind == "sup_con":
                found = sup_con(z, mine(torch.arange(n) % 5, size), **options)
            else:
                found = nt_xent(z, 1 - z.roll(1, 1), **options)
        found.loss.backward()
        counted = [float(found.isolated), float(found.effective_positives)]
        return found.loss.item(), (z.grad / size).numpy(), counted


def public_gather(size, n, backward, rows):
    """Return loss and gradient as public code has them: averaged over ranks, as DDP does it.

    Each rank has the loss of all rows or of its own, over all samples.
    """
    with taking_part(size) as group:
        if group is None:
            return None
        z, x = dense.samples(n)
        z = mine(z, size).requires_grad_()
        ranks = Ranks(size, dist.get_rank(), group)
        together = _Through.apply(z, ranks, backward == "summed")
        own = slice(ranks.index * len(z), (ranks.index + 1) * len(z))
        chosen = own if rows == "own" else slice(None)
        loss = dense.contrastive(together, dense.rbf(x, 30), 0.07, rows=chosen)
        loss.backward()
        total = loss.detach().clone()
        dist.all_reduce(total, group=group)
        return total.item() / size, (z.grad / size).numpy(), []


def model_of(norm="batch"):
    """Return a small float64 model, the same on every rank."""
    torch.manual_seed(3)
    encoder = SmallEncoder(widths=(4, 8), strides=(1, 2), norm=norm)
    return nn.Sequential(encoder, projection_head(8, out=6, norm=norm)).double()


def batch_of(step, n=16):
    """Return patches and positions of a step."""
    generator = torch.Generator().manual_seed(step)
    patches = torch.randn(n, 1, 6, 6, generator=generator, dtype=torch.float64)
    return patches, torch.rand(n, 3, generator=generator, dtype=torch.float64) * 40


def train(size, steps, norm="batch", chunk=None):
    """Return parameters, running statistics and losses after some steps of SGD."""
    with taking_part(size) as group:
        if group is None:
            return None
        model = synchronise(model_of(norm), group)
        parallel = DistributedDataParallel(model, process_group=group)
        optimiser = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
        losses = []
        for step in range(steps):
            patches, x = (mine(part, size) for part in batch_of(step))
            loss = partial(spatial_nce, coordinates_mm=x, sigma_mm=10, group=group, tile=4)
            optimiser.zero_grad()
            if chunk:
                result = two_pass_step(parallel, patches, loss, chunk=chunk)
            else:
                result = loss(parallel(patches))
                result.loss.backward()
            optimiser.step()
            losses.append(result.loss.item())
        return {name: value.numpy() for name, value in model.state_dict().items()}, losses


def batch_norm(size, shape, momentum, affine, dtype, offset=5):
    """Return what a synchronised layer gives for the rows of this rank."""
    with taking_part(size) as group:
        if group is None:
            return None
        dtype = getattr(torch, dtype)
        layer = SyncBatchNorm(shape[1], momentum=momentum, affine=affine, process_group=group)
        layer = set_affine(layer.to(dtype))
        generator = torch.Generator().manual_seed(0)
        whole, up = (torch.randn(shape, generator=generator).to(dtype) + offset for _ in range(2))
        x = mine(whole, size).requires_grad_()
        for _ in range(2):
            y = layer(x)
        y.backward(mine(up, size))
        weights = [p.grad.numpy() for p in layer.parameters()]
        state = {name: value.numpy() for name, value in layer.state_dict().items()}
        layer.eval()
        return y.detach().numpy(), x.grad.numpy(), weights, state, layer(x).detach().numpy()


def set_affine(layer):
    """Give a normalisation weights that are not those of the start."""
    for i, parameter in enumerate(layer.parameters()):
        parameter.data = torch.linspace(0.5, 2, len(parameter)).to(parameter) + i
    return layer


def recompute_with_synchronised_statistics(size):
    """Return gradients and running statistics with and without activation checkpointing."""
    with taking_part(size) as group:
        if group is None:
            return None
        found = []
        for run in (lambda model, x: model(x), recomputed):
            model = synchronise(model_of(), group)
            patches, _ = batch_of(0)
            x = mine(patches, size).requires_grad_()
            run(model, x).square().sum().backward()
            state = {name: value.numpy().copy() for name, value in model.state_dict().items()}
            found.append((x.grad.numpy(), state))
        return found


def complaint(size, kind):
    """Return the message that this rank gets for bad input."""
    with taking_part(size) as group:
        if group is None:
            return None
        rank = dist.get_rank()
        z, x = dense.samples(8)
        z = z.detach()
        if kind == "uneven ranks":
            z, x = z[: 8 - 2 * rank], x[: 8 - 2 * rank]
        elif kind in ("one sample", "no samples"):
            n = 0 if kind == "no samples" else 8 - 7 * rank
            z, x = z[:n], x[:n]
        elif kind == "another width":
            z = z[:, : 16 - rank]
        elif kind == "isolated":
            x = x * 0 + torch.arange(8)[:, None] * 25.0 + 200 * rank
        try:
            spatial_nce(z, x, sigma_mm=1, group=group)
        except InputError as error:
            return str(error)
    return "no complaint"
