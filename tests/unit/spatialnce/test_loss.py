"""The public losses against the dense equation, in float64."""

import pytest
import torch

from cytosurf.spatialnce import spatial_nce
from tests.unit.spatialnce import dense


@pytest.mark.parametrize(("n", "tile"), [(37, 8), (37, 64), (5, 1), (64, 16), (2, 1)])
@pytest.mark.parametrize("normalise_weights", [True, False])
def test_the_tiled_loss_is_the_dense_one(n, tile, normalise_weights):
    """Value and gradient equal the equation, for tiles that fit, do not fit, or are single rows."""
    z, x = dense.samples(n)
    expected = dense.contrastive(z, dense.rbf(x, 30), 0.07, normalise_weights=normalise_weights)
    found = spatial_nce(z, x, sigma_mm=30, tile=tile, normalise_weights=normalise_weights).loss
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-14)
    (wanted,), (gradient,) = torch.autograd.grad(expected, z), torch.autograd.grad(found, z)
    torch.testing.assert_close(
        gradient, wanted, rtol=0, atol=1e-12 * float(wanted.abs().max()) + 1e-15
    )
