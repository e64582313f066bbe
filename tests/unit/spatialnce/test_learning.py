"""What SpatialNCE learns on a made-up cortex, beside SimCLR with the same steps."""

import numpy as np
import torch
from torch import nn

from cytosurf.spatialnce import nt_xent, projection_head, spatial_nce
from cytosurf.spatialnce.encoders import SmallEncoder

SIDE, STEPS, BATCH = 12, 120, 128


def cortex(n, seed):
    """Return patches and their places (mm) on a sheet of 60 mm.

    The spacing of a striped texture follows one axis and the strength of grain the other, smoothly.
    Phase, contrast, brightness and a shading of each patch know nothing of its place.
    """
    rng = np.random.default_rng(seed)
    x_mm = rng.uniform(0, 60, (n, 2))
    rows, columns = np.mgrid[:SIDE, :SIDE]
    along = rows + columns * rng.choice([-1, 1], n)[:, None, None]
    frequency = (0.5 + 1.0 * x_mm[:, 0] / 60)[:, None, None]
    stripes = np.sin(frequency * along + rng.uniform(0, 2 * np.pi, n)[:, None, None])
    grain = rng.normal(size=(n, SIDE, SIDE)) * (0.2 + x_mm[:, 1] / 60)[:, None, None]
    slopes = rng.normal(size=(2, n, 1, 1)) * 2 / SIDE
    shading = slopes[0] * (rows - SIDE / 2) + slopes[1] * (columns - SIDE / 2)
    contrast, brightness = rng.uniform(0.8, 1.2, n), rng.normal(size=n)
    patches = contrast[:, None, None] * (stripes + grain + shading) + brightness[:, None, None]
    flat = torch.from_numpy(np.c_[x_mm, np.zeros(n)])
    return torch.from_numpy(patches[:, None]).float(), flat


def augmented(patches, generator):
    """Mirror and scale patches, and add a little noise."""
    gain = 0.9 + 0.2 * torch.rand(len(patches), 1, 1, 1, generator=generator)
    flips = torch.rand(len(patches), 1, 1, 1, generator=generator) < 0.5
    noise = 0.1 * torch.randn(patches.shape, generator=generator)
    return gain * torch.where(flips, patches.flip(3), patches) + noise


def trained(loss, patches, x_mm, seed):
    """Return an encoder after some steps of either loss."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    encoder = SmallEncoder(widths=(8, 16, 32))
    model = nn.Sequential(encoder, projection_head(32, out=16))
    optimiser = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(STEPS):
        batch = torch.randperm(len(patches), generator=generator)[:BATCH]
        first = augmented(patches[batch], generator)
        if loss == "spatialnce":
            result = spatial_nce(model(first), x_mm[batch], sigma_mm=8, temperature=0.2)
        else:
            both = model(torch.cat([first, augmented(patches[batch], generator)]))
            result = nt_xent(*both.chunk(2), temperature=0.2)
        optimiser.zero_grad()
        result.loss.backward()
        optimiser.step()
    return encoder.eval()


@torch.no_grad()
def place_r2(encoder, train, test):
    """Return how much of the variance of places a linear probe explains in patches never seen."""
    (patches, x_mm), (others, places) = train, test
    features = [
        torch.cat([encoder(p), torch.ones(len(p), 1)], 1).double() for p in (patches, others)
    ]
    weights = torch.linalg.lstsq(features[0], x_mm[:, :2]).solution
    left = (features[1] @ weights - places[:, :2]).square().sum(0)
    total = (places[:, :2] - places[:, :2].mean(0)).square().sum(0)
    return float((1 - left / total).mean())


def test_places_are_learned_better_than_by_simclr():
    """At equal steps, batches, encoder and augmentations, and better than without training."""
    train, test = cortex(1500, 0), cortex(700, 1)
    found = {
        loss: place_r2(trained(loss, *train, seed=0), train, test)
        for loss in ("spatialnce", "simclr")
    }
    torch.manual_seed(0)
    untrained = place_r2(SmallEncoder(widths=(8, 16, 32)).eval(), train, test)
    assert found["spatialnce"] > found["simclr"] + 0.05
    assert found["spatialnce"] > untrained + 0.05
