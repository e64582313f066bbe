"""Blocks of pairs: each once, and the same numbers whoever asks."""

import pytest
import torch

from cytosurf.spatialnce import tiles
from cytosurf.spatialnce.tiles import gradient_of_rows, sums_of_rows
from cytosurf.spatialnce.weights import PairWeights
from tests.unit.spatialnce import dense


@pytest.mark.parametrize("temperature", [0.07, 0.01])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_row_has_the_same_bits_whoever_works_it_out(temperature, dtype):
    """Any range of rows gives what all rows together give, also across blocks."""
    z, x = dense.samples(23, dtype=dtype)
    z = torch.nn.functional.normalize(z.detach(), dim=1)
    weights, numbers = PairWeights(points=(x / 14).to(dtype)), torch.rand(3, 23, dtype=dtype)
    numbers[0] += 1 / temperature
    whole = sums_of_rows(z, weights, temperature, 0, 23, 5)
    gradient = gradient_of_rows(z, numbers, weights, temperature, 0, 23, 5)
    for start, stop in ((0, 7), (7, 8), (5, 10), (8, 23)):
        part = sums_of_rows(z, weights, temperature, start, stop, 5)
        assert all(torch.equal(a, b[start:stop]) for a, b in zip(part, whole, strict=True))
        found = gradient_of_rows(z, numbers, weights, temperature, start, stop, 5)
        assert torch.equal(found, gradient[start:stop])


def test_half_of_the_blocks_is_made(monkeypatch):
    """And none that holds no row that is wanted."""
    made = []
    similarities = tiles._similarities

    def spy(z, rows, columns, temperature):
        made.append((rows.start // 5, columns.start // 5))
        return similarities(z, rows, columns, temperature)

    monkeypatch.setattr(tiles, "_similarities", spy)
    z, x = dense.samples(20)
    sums_of_rows(z.detach(), PairWeights(points=x), 1.0, 0, 20, 5)
    assert made == [(i, j) for i in range(4) for j in range(i, 4)]
    made.clear()
    sums_of_rows(z.detach(), PairWeights(points=x), 1.0, 6, 9, 5)
    assert made == [(0, 1), (1, 1), (1, 2), (1, 3)]


def test_sums_are_their_definitions():
    """Log-partition, mean similarity, mass and entropy of a few samples."""
    z, x = dense.samples(9)
    z, w = z.detach(), dense.rbf(x, 20)
    found = sums_of_rows(z, PairWeights(points=x / (20 * 2**0.5)), 0.5, 0, 9, 4)
    s = z @ z.T / 0.5
    p = w / w.sum(1, keepdim=True)
    expected = (
        s.clone().fill_diagonal_(-torch.inf).logsumexp(1),
        (p * s).sum(1),
        w.sum(1),
        -torch.xlogy(p, p).sum(1),
    )
    for some, other in zip(found, expected, strict=True):
        torch.testing.assert_close(some, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("temperature", [0.5, 0.01])
def test_any_upstream_gradient_comes_through(temperature):
    """Another one for each anchor and each sum, as autograd takes it through the dense sums."""
    z, x = dense.samples(14, width=4)
    z = torch.nn.functional.normalize(z.detach(), dim=1).requires_grad_()
    w = dense.rbf(x, 20)
    push, pull = torch.randn(2, 14, generator=torch.Generator().manual_seed(2), dtype=z.dtype)
    s = z @ z.T / temperature
    log_partition = s.masked_fill(torch.eye(14, dtype=torch.bool), -torch.inf).logsumexp(1)
    attraction = (w * s).sum(1) / w.sum(1)
    (expected,) = torch.autograd.grad((push * log_partition + pull * attraction).sum(), z)
    numbers = torch.stack([log_partition.detach(), push, pull / w.sum(1)])
    weights = PairWeights(points=x / (20 * 2**0.5))
    found = gradient_of_rows(z.detach(), numbers, weights, temperature, 0, 14, 4)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12 * float(expected.abs().max()))
