"""Normalisation layers by name."""

import pytest
from torch import nn

from cytosurf.errors import InputError
from cytosurf.spatialnce.encoders.norms import norm_1d, norm_2d


def test_names_give_layers():
    """Groups divide the channels, whatever their number."""
    assert isinstance(norm_2d("batch", 8), nn.BatchNorm2d)
    assert isinstance(norm_1d("batch", 8), nn.BatchNorm1d)
    assert isinstance(norm_1d("group", 8), nn.LayerNorm)
    assert [norm_2d("group", n).num_groups for n in (4, 48, 64, 7)] == [4, 16, 32, 1]


@pytest.mark.parametrize("make", [norm_1d, norm_2d])
def test_unknown_names_are_refused(make):
    """With the nearest name that is known."""
    with pytest.raises(InputError, match="Did you mean 'batch'"):
        make("batchnorm", 8)
