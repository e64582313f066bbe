"""Synchronised batch normalisation in one process; see tests/distributed for several."""

import pytest
import torch
from torch import nn

from cytosurf.errors import InputError
from cytosurf.spatialnce.batchnorm import SyncBatchNorm, synchronise
from cytosurf.spatialnce.encoders import ResNet


def test_a_model_is_converted_with_its_state():
    """Names, values and modes stay; parameters are the very ones, so optimisers stay valid."""
    model = ResNet(blocks=(1,), base=4)
    model.layer1[0].bn2.eval()
    names, parameters = list(model.state_dict()), list(model.parameters())
    assert synchronise(model) is model
    assert list(model.state_dict()) == names
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    norms = [m for m in model.modules() if isinstance(m, SyncBatchNorm)]
    assert len(norms) == 6
    assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    assert [m.training for m in norms].count(False) == 1


@pytest.mark.parametrize("options", [{}, {"affine": False}, {"track_running_stats": False}])
def test_alone_it_is_torch_s_own(options):
    """One process gives the same bits, in training and evaluation."""
    x = torch.randn(6, 3, 4, 4)
    plain = nn.BatchNorm2d(3, **options)
    converted = synchronise(nn.Sequential(nn.BatchNorm2d(3, **options)))[0]
    for _ in range(2):
        assert torch.equal(converted(x), plain(x))
    assert torch.equal(converted.eval()(x), plain.eval()(x))


def test_other_normalisations_stay():
    """Only statistics of a batch need to be synchronised."""
    model = nn.Sequential(nn.LayerNorm(3), nn.GroupNorm(1, 3), nn.InstanceNorm2d(3))
    assert [type(m) for m in synchronise(model)] == [nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d]


def test_channels_must_fit():
    """The message says what was found."""
    with pytest.raises(InputError, match=r"found shape \(4, 2\); expected shape \(samples, 3"):
        SyncBatchNorm(3)(torch.zeros(4, 2))
