"""Training over several processes is training in one."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.distributed import tasks


def parts(world, size, task, *arguments):
    """Return what the ranks that take part return."""
    return world.call(task, size, *arguments)[:size]


def assert_close(found, expected, tolerance):
    """All arrays of two states are equal, relative to the largest number of each."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        scale = max(np.abs(value).max(), 1e-3)
        np.testing.assert_allclose(found[name], value, rtol=0, atol=tolerance * scale, err_msg=name)


@pytest.mark.parametrize("size", [2, 4])
def test_parameters_are_those_of_one_process(world, size):
    """After five steps with momentum, weights, running statistics and losses are equal."""
    ((alone, losses),) = parts(world, 1, tasks.train, 5)
    for state, found in parts(world, size, tasks.train, 5):
        assert_close(state, alone, 1e-12)
        assert found == pytest.approx(losses, rel=1e-12)


@pytest.mark.parametrize("size", [1, 2])
def test_two_passes_equal_one_without_batch_statistics(world, size):
    """Also with DistributedDataParallel, in chunks that do not divide the rows of a rank."""
    one = parts(world, size, tasks.train, 2, "group")
    two = parts(world, size, tasks.train, 2, "group", 3)
    for (state, losses), (found_state, found) in zip(one, two, strict=True):
        assert_close(found_state, state, 1e-12)
        assert found == pytest.approx(losses, rel=1e-12)


def test_two_passes_normalise_chunks_over_all_ranks(world):
    """With synchronised statistics, a chunk is the same chunk of every rank together."""
    (first, losses), (second, other) = parts(world, 2, tasks.train, 1, "batch", 4)
    assert losses == other
    assert_close(second, first, 0)


@pytest.mark.parametrize("shape", [(8, 3), (8, 3, 4), (4, 2, 5, 3)])
@pytest.mark.parametrize(("momentum", "affine"), [(0.1, True), (None, False)])
def test_synchronised_normalisation_is_that_of_the_whole_batch(world, shape, momentum, affine):
    """Output, gradients and running statistics equal torch's layer on all rows together."""
    layers = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
    layer = layers[len(shape)](shape[1], momentum=momentum, affine=affine).double()
    tasks.set_affine(layer)
    generator = torch.Generator().manual_seed(0)
    x, up = (torch.randn(shape, generator=generator).double() + 5 for _ in range(2))
    x.requires_grad_()
    for _ in range(2):
        y = layer(x)
    y.backward(up)
    found = parts(world, 4, tasks.batch_norm, shape, momentum, affine, "float64")
    outputs, gradients, weights, states, evaluated = zip(*found, strict=True)
    close = {"rtol": 1e-10, "atol": 1e-12}
    np.testing.assert_allclose(np.concatenate(outputs), y.detach(), **close)
    np.testing.assert_allclose(np.concatenate(gradients), x.grad, **close)
    for i, parameter in enumerate(layer.parameters()):  # each rank has its part of the sum
        np.testing.assert_allclose(sum(w[i] for w in weights), parameter.grad, **close)
    for state in states:
        assert_close(state, {k: v.numpy() for k, v in layer.state_dict().items()}, 1e-12)
    np.testing.assert_allclose(np.concatenate(evaluated), layer.eval()(x).detach(), **close)


def test_moments_do_not_cancel_in_float32(world):
    """Not even where the mean is a thousand times the standard deviation."""
    shape = (64, 2)
    answers = parts(world, 2, tasks.batch_norm, shape, 0.1, False, "float32", 1000)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 1000
    expected = nn.BatchNorm1d(2, affine=False).double()(x.double()).numpy()
    found = np.concatenate([y for y, *_ in answers])
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)


def test_recomputing_leaves_synchronised_statistics_right(world):
    """Activation checkpointing changes neither gradients nor running statistics, to the bit."""
    for (gradient, state), (found, found_state) in parts(
        world, 2, tasks.recompute_with_synchronised_statistics
    ):
        assert np.array_equal(found, gradient)
        assert all(np.array_equal(found_state[name], state[name]) for name in state)
