"""A training of seconds: 48 patches whose texture follows their place."""

import numpy as np
import pytest
from safetensors.torch import load_file

OPTIONS = {
    "steps": 6,
    "batch": {"size": 16},
    "encoder": {
        "options": {"widths": [4, 8], "strides": [1, 1]},
        "projection_hidden": 8,
        "projection": 4,
    },
    "loss": {"sigma_mm": 10.0},
    "optimiser": {"name": "lars", "lr": 0.5},
    "schedule": {"name": "cosine", "warmup_steps": 2},
    "checkpoint": {"every": 2, "keep_last": 9},
    "log_every": 1,
}
TIMES = ("patches_per_second", "data_wait_share", "memory_mb")


def write_patches(folder, n=48, **more):
    """Write patches of 5 x 5 in two channels, and more arrays, to a file; return its path."""
    rng = np.random.default_rng(0)
    places = rng.uniform(-20, 20, (n, 3))
    wave = np.sin(np.arange(25).reshape(5, 5) * 0.3 + places[:, :1, None] / 8)
    patches = 0.5 + 0.2 * wave[:, None] + 0.05 * rng.standard_normal((n, 2, 5, 5))
    path = folder / "patches.npz"
    np.savez(path, patches=patches.clip(0, 1).astype(np.float32), coordinates_mm=places, **more)
    return path


def options(path, **changes):
    """Return the options of a training on these patches."""
    source = {"kind": "arrays", "path": str(path), "space": "other:toy"}
    return {"source": source, **OPTIONS, **changes}


def weights(directory):
    """Return the bytes of a finished training: weights, buffers, momenta."""
    last = max((directory / "checkpoints").iterdir())
    files = [directory / "model" / "model.safetensors", last / "optimiser.safetensors"]
    return [file.read_bytes() for file in files]


def records(directory):
    """Return its records without what depends on the clock."""
    from cytosurf.spatialnce.metrics import read_metrics

    return [
        {name: value for name, value in record.items() if name not in TIMES}
        for record in read_metrics(directory)
    ]


def assert_close(found, expected):
    """Weights, running statistics and records agree to rounding in float32."""
    for line, other in zip(records(found), records(expected), strict=True):
        assert line == pytest.approx(other, rel=2e-4)
    here, there = (load_file(run / "model" / "model.safetensors") for run in (found, expected))
    for name, value in there.items():
        scale = float(value.abs().max()) + 1e-6
        assert float((here[name] - value).abs().max()) <= 2e-4 * scale, name
