"""The small encoder."""

import pytest
import torch

from cytosurf.errors import InputError
from cytosurf.spatialnce.encoders import SmallEncoder


@pytest.mark.parametrize(("channels", "side"), [(18, 7), (1, 128), (1, 3)])
def test_patches_of_any_size_become_vectors(channels, side):
    """Profile patches of 18 depths by 7 x 7 places, and grey tiles."""
    model = SmallEncoder(channels)
    assert model(torch.randn(5, channels, side, side)).shape == (5, model.width)


def test_it_is_small_enough_for_a_cpu():
    """Three convolutions, their normalisations, nothing else."""
    expected = 9 * (18 * 64 + 64 * 128 + 128 * 256) + 2 * (64 + 128 + 256)
    assert sum(p.numel() for p in SmallEncoder(18).parameters()) == expected


def test_every_width_has_a_stride():
    """The message counts both."""
    with pytest.raises(InputError, match="found 3 strides; expected one for each of 2 widths"):
        SmallEncoder(widths=(8, 16))
