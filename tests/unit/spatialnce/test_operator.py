"""The tiled operator as a library operator: registered, frugal, and opaque to compilers."""

import shutil

import pytest
import torch

from cytosurf.spatialnce import spatial_nce
from cytosurf.spatialnce.operator import anchor_gradient, anchor_sums, anchor_terms
from cytosurf.spatialnce.weights import PairWeights
from tests.unit.spatialnce import dense


def kernels():
    """Give the kinds of weights that the operator knows."""
    _, x = dense.samples(9)
    table = torch.rand(4, 4, dtype=torch.float64)
    return [
        PairWeights(points=x / 14),
        PairWeights(labels=torch.arange(9) % 3),
        PairWeights(x / 14, torch.arange(9) % 2, table + table.T, torch.arange(9) % 4),
    ]


@pytest.mark.parametrize("weights", kernels(), ids=["points", "labels", "surface"])
def test_the_operators_keep_their_promises_to_torch(weights):
    """Schemas, shapes without data, autograd and tracing pass torch's own checks."""
    z, _ = dense.samples(9, width=4)
    sums = anchor_sums(z.detach(), *weights, 0.1, 0, 4, 9)
    torch.library.opcheck(anchor_sums, (z.detach(), *weights, 0.1, 3, 4, 7))
    numbers = torch.rand(3, 9, dtype=torch.float64)
    torch.library.opcheck(anchor_gradient, (z.detach(), numbers, *weights, 0.1, 3, 4, 7))
    own = z.detach()[3:7].clone().requires_grad_()
    torch.library.opcheck(anchor_terms, (own, z.detach(), *sums[:3], *weights, 0.1, 3, 4))


def saved_bytes(n, loss):
    """Return the bytes that autograd keeps for the backward pass, each storage once."""
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    z, x = dense.samples(n, dtype=torch.float32)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        alive = loss(z, x.float())
    assert alive.requires_grad
    return sum(kept.values())


def test_what_is_kept_for_the_backward_pass_grows_with_n():
    """Not with its square, as the dense form's does."""

    def tiled(z, x):
        return spatial_nce(z, x, tile=64).loss

    def whole(z, x):
        return dense.contrastive(z, dense.rbf(x, 10), 0.07)

    small, large = saved_bytes(256, tiled), saved_bytes(1024, tiled)
    assert large == pytest.approx(4 * small, rel=0.05)
    assert large < 1024 * 500  # a few numbers of each sample, and its embedding three times
    assert saved_bytes(1024, whole) > 12 * saved_bytes(256, whole)


def compiled(backend):
    """Compare the compiled loss with the eager one, in one graph."""
    torch._dynamo.reset()
    z, x = dense.samples(40)
    expected = spatial_nce(z, x, tile=16)
    (wanted,) = torch.autograd.grad(expected.loss, z)
    function = torch.compile(
        lambda z, x: spatial_nce(z, x, tile=16), backend=backend, fullgraph=True
    )
    found = function(z, x)
    (gradient,) = torch.autograd.grad(found.loss, z)
    for some, other in zip(found, expected, strict=True):
        torch.testing.assert_close(some, other, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(gradient, wanted, rtol=0, atol=1e-12)


def test_compiled_as_one_graph():
    """torch.compile finds no break in the loss, and gives the same numbers."""
    compiled("aot_eager")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_compiled_to_machine_code():
    """Also with inductor, where a compiler is found: pytest -m slow."""
    compiled("inductor")
