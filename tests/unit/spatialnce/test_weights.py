"""Log-weights of a tile."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cytosurf.spatialnce.weights import (
    LOWEST,
    PairWeights,
    log_weights,
    set_self,
    squared_distances,
)

LIKE = torch.zeros(2, 2, dtype=torch.float64)


@settings(max_examples=25)
@given(st.integers(0, 2**16), st.integers(1, 4))
def test_distances_are_those_of_differences(seed, axes):
    """In any number of dimensions, and without cancellation far from the origin."""
    generator = torch.Generator().manual_seed(seed)
    a, b = (torch.rand(5, axes, generator=generator, dtype=torch.float64) for _ in range(2))
    expected = (a[:, None] - b).square().sum(-1)
    torch.testing.assert_close(squared_distances(a, b), expected, rtol=1e-12, atol=0)
    near = (a + 4096).float()
    found = squared_distances(near, near)
    exact = (near.double()[:, None] - near.double()).square().sum(-1)
    torch.testing.assert_close(found.double(), exact, rtol=1e-5, atol=0)


def test_weights_have_a_floor_that_no_sum_notices():
    """Far pairs weigh exp(-80), finite and above the denormal numbers of float32."""
    far = PairWeights(points=torch.tensor([[0.0], [1e4]]), labels=torch.tensor([1, 2]))
    found = log_weights(far, slice(0, 2), slice(0, 2), LIKE.float())
    assert found.tolist() == [[0, LOWEST], [LOWEST, 0]]
    assert 1 + torch.tensor(LOWEST, dtype=torch.float64).exp() * 1e9 == 1
    assert torch.tensor(LOWEST).exp() > torch.finfo(torch.float32).tiny


def test_no_way_along_the_surface_is_no_weight():
    """Infinite distances, as between hemispheres, are the floor."""
    table = torch.tensor([[0.0, torch.inf], [torch.inf, 0.0]])
    weights = PairWeights(torch.zeros(2, 3), None, table, torch.tensor([0, 1]))
    assert log_weights(weights, slice(0, 2), slice(0, 2), LIKE)[0, 1] == LOWEST


def test_a_sample_meets_itself_on_the_global_diagonal():
    """Also in tiles that straddle it."""
    whole = torch.zeros(7, 9)
    for rows in (slice(2, 5), slice(5, 9)):
        for columns in (slice(0, 4), slice(4, 9)):
            set_self(whole[rows.start - 2 : rows.stop - 2, columns], rows, columns, 1.0)
    expected = torch.eye(9)[2:]
    assert torch.equal(whole, expected)
