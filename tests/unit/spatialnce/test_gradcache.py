"""A step in two passes against a step in one."""

from functools import partial

import pytest
import torch
from torch import nn

from cytosurf.errors import InputError
from cytosurf.spatialnce import spatial_nce, two_pass_step

X = 30 * torch.rand(10, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
PATCHES = torch.randn(10, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
LOSS = partial(spatial_nce, coordinates_mm=X)


def network(*middle):
    """Make a small float64 network, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 8), *middle, nn.ReLU(), nn.Linear(8, 4)).double()


def gradients(model):
    """Return those of all parameters."""
    return [p.grad for p in model.parameters()]


@pytest.mark.parametrize("chunk", [1, 3, 5, 10, 100])
def test_without_batch_statistics_it_is_one_pass(chunk):
    """Loss, counts and gradients are equal, whatever the chunks."""
    one, two = network(nn.LayerNorm(8)), network(nn.LayerNorm(8))
    expected = LOSS(one(PATCHES))
    expected.loss.backward()
    found = two_pass_step(two, PATCHES, LOSS, chunk=chunk)
    for some, other in zip(found, expected, strict=True):
        torch.testing.assert_close(some, other.detach(), rtol=1e-12, atol=1e-14)
    for some, other in zip(gradients(two), gradients(one), strict=True):
        torch.testing.assert_close(some, other, rtol=0, atol=1e-12)


def test_with_batch_normalisation_chunks_are_normalised_apart():
    """It equals one pass that normalises by chunk, and statistics are updated once a chunk."""
    one, two = network(nn.BatchNorm1d(8)), network(nn.BatchNorm1d(8))
    expected = LOSS(torch.cat([one(part) for part in PATCHES.split(5)]))
    expected.loss.backward()
    two_pass_step(two, PATCHES, LOSS, chunk=5)
    for some, other in zip(gradients(two), gradients(one), strict=True):
        torch.testing.assert_close(some, other, rtol=0, atol=1e-12)
    assert all(map(torch.equal, two.buffers(), one.buffers()))
    whole = network(nn.BatchNorm1d(8))
    LOSS(whole(PATCHES)).loss.backward()
    assert not torch.allclose(whole[0].weight.grad, two[0].weight.grad, rtol=1e-3)
    assert int(whole[1].num_batches_tracked) == 1
    assert int(two[1].num_batches_tracked) == 2


def test_dropout_is_the_same_in_both_passes():
    """The step equals one pass with the same draws, and leaves the generator where that would."""
    one, two = network(nn.Dropout(0.5)), network(nn.Dropout(0.5))
    torch.manual_seed(5)
    LOSS(torch.cat([one(part) for part in PATCHES.split(4)])).loss.backward()
    after = torch.get_rng_state()
    torch.manual_seed(5)
    two_pass_step(two, PATCHES, LOSS, chunk=4)
    assert torch.equal(torch.get_rng_state(), after)
    for some, other in zip(gradients(two), gradients(one), strict=True):
        torch.testing.assert_close(some, other, rtol=0, atol=1e-12)


def test_half_precision_and_a_scaled_loss():
    """Embedded in bfloat16, with a loss in float32, scaled as float16 needs it."""
    model, patches = network().float(), PATCHES.float()
    seen = []
    model[0].register_forward_hook(lambda *found: seen.append(found[-1].dtype))
    options = {"chunk": 4, "autocast": torch.bfloat16}
    found = two_pass_step(model, patches, LOSS, **options)
    plain = [g.clone() for g in gradients(model)]
    model.zero_grad()
    scaled = two_pass_step(model, patches, LOSS, scale=lambda loss: 1024 * loss, **options)
    assert set(seen) == {torch.bfloat16}
    assert found.loss.dtype == torch.float32
    assert torch.equal(scaled.loss, found.loss)
    for some, other in zip(gradients(model), plain, strict=True):
        torch.testing.assert_close(some / 1024, other, rtol=1e-2, atol=1e-6)


def test_chunks_have_patches():
    """At least one."""
    with pytest.raises(InputError, match="chunk: found 0"):
        two_pass_step(network(), PATCHES, LOSS, chunk=0)
