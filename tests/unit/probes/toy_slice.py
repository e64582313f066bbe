"""A slice of seconds: four regions side by side, each with a texture of its own, and a rare one."""

import numpy as np

from cytosurf.probes.comparison import Protocol

TILE = 8
PROTOCOL = Protocol(components=4, n_folds=2, strip_tiles=2, gap_tiles=0)


def write_slice(folder, change=None):
    """Write a slice of 24 x 288 pixels and return its path; `change` may alter the image."""
    rng = np.random.default_rng(0)
    region = np.repeat(np.array([1, 2, 4, 5, 7], np.uint8), [64, 64, 64, 64, 32])[None].repeat(
        24, 0
    )
    wave = np.sin(
        np.arange(288)
        * np.array([0.3, 0.8, 1.4, 2.2, 2.8])[[0, 1, 2, 3, 4]].repeat([64, 64, 64, 64, 32])
    )
    grey = 120 + 60 * wave + 15 * rng.standard_normal((24, 288))
    image = grey.clip(0, 255).astype(np.uint8)
    if change is not None:
        change(image)
    path = folder / "slice.npz"
    np.savez(path, image=image, roi=region)
    return path


def options(path, **changes):
    """Return the options of a training on its tiles."""
    return {
        "source": {"kind": "xray", "path": str(path), "tile_px": TILE, "stride_px": 4},
        "steps": 3,
        "batch": {"size": 16},
        "encoder": {
            "options": {"widths": [4, 8], "strides": [2, 2]},
            "projection_hidden": 8,
            "projection": 4,
        },
        "loss": {"sigma_mm": 0.02},
        "optimiser": {"name": "adamw", "lr": 0.01},
        "log_every": 1,
        **changes,
    }
