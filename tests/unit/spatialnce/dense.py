"""The loss as the equation says it, with (N, N) matrices: what the operator must equal."""

import torch

DTYPE = torch.float64


def rbf(points_mm, sigma_mm):
    """Return w_ij = exp(-|x_i - x_j|^2 / 2 sigma^2), 0 for a sample with itself."""
    apart = (points_mm[:, None] - points_mm[None]).square().sum(-1)
    return (-apart / (2 * sigma_mm**2)).exp().fill_diagonal_(0)


def contrastive(
    z, weights, temperature, *, normalise_weights=True, min_mass=0.01, rows=slice(None)
):
    """Return the mean over anchors (of some rows) with enough weight of the soft cross-entropy."""
    z = torch.nn.functional.normalize(z, dim=1)
    never = torch.eye(len(z), dtype=torch.bool)
    s = (z @ z.T / temperature).masked_fill(never, -torch.inf)
    log_p = torch.log_softmax(s, dim=1).masked_fill(never, 0)
    mass = weights.sum(1)
    targets = weights / mass[:, None].clamp(min=1e-300) if normalise_weights else weights
    kept = mass >= min_mass
    return -(targets * log_p).sum(1)[rows][kept[rows]].mean()


def samples(n, width=16, *, seed=0, dtype=DTYPE, extent_mm=60.0):
    """Return embeddings that need a gradient, and positions in a cube."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, width, generator=generator, dtype=DTYPE).to(dtype).requires_grad_()
    return z, torch.rand(n, 3, generator=generator, dtype=DTYPE) * extent_mm
