"""Surfaces of fs_LR 32k that need no data: the embedded midthickness stands for white and pial."""

import numpy as np
import pytest

from cytosurf.surfaces import volume_map
from cytosurf.surfaces.templates import load_mesh


@pytest.fixture
def embedded_surfaces(monkeypatch):
    """Sample volumes at the midthickness that BrainSpace ships, all vertices of it."""

    def load(space, hemisphere, _):
        return load_mesh(space, hemisphere, "midthickness")

    def everywhere(hemispheres):
        return np.ones(32_492 * len(hemispheres), dtype=bool)

    monkeypatch.setattr(volume_map, "load_mesh", load)
    monkeypatch.setattr(volume_map, "greyordinate_mask", everywhere)
    return np.concatenate(
        [load_mesh(volume_map.FSLR_32K, h, "midthickness").vertices for h in "LR"]
    )
