"""Activation checkpointing and running statistics."""

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from cytosurf.spatialnce.recompute import frozen_statistics, recomputed


def network(momentum=0.1):
    """Make two layers with normalisation and dropout."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 8), nn.BatchNorm1d(8, momentum=momentum), nn.ReLU(), nn.Dropout(0.5)
    )


def run(forward, momentum):
    """Return gradients and buffers after two batches."""
    model = network(momentum)
    torch.manual_seed(1)
    x = torch.randn(6, 4, requires_grad=True)
    for _ in range(2):
        forward(model, x).square().sum().backward()
    return [x.grad, *(p.grad for p in model.parameters())], list(model.buffers())


@pytest.mark.parametrize("momentum", [0.1, None])
def test_statistics_are_those_without_checkpoints(momentum):
    """So are gradients, to the bit, with dropout; plain checkpointing counts batches twice."""
    gradients, buffers = run(lambda model, x: model(x), momentum)
    found, found_buffers = run(recomputed, momentum)
    assert all(map(torch.equal, found, gradients))
    assert all(map(torch.equal, found_buffers, buffers))
    _, plain = run(lambda model, x: checkpoint(model, x, use_reentrant=False), momentum)
    assert int(plain[2]) == 2 * int(buffers[2])


def test_frozen_statistics_are_thawed_after_an_error():
    """The very buffers are back, with the values that they had."""
    model = nn.Sequential(nn.BatchNorm1d(2), nn.BatchNorm1d(2, track_running_stats=False))
    buffers = list(model.buffers())
    before = [buffer.clone() for buffer in buffers]
    with frozen_statistics(model):
        model(torch.randn(3, 2))
    with pytest.raises(ValueError, match="Expected more than 1"), frozen_statistics(model):
        model(torch.zeros(1, 2))
    assert all(a is b for a, b in zip(model.buffers(), buffers, strict=True))
    assert all(map(torch.equal, buffers, before))
