"""The projection head."""

import torch
from torch import nn

from cytosurf.spatialnce import projection_head


def test_the_head_is_the_published_one():
    """Linear, batch normalisation, ReLU, linear; as many hidden units as features."""
    head = projection_head(768)
    assert [type(layer) for layer in head] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert head[0].weight.shape == (768, 768)
    assert head(torch.zeros(2, 768)).shape == (2, 128)
    assert head[0].bias is None  # normalisation would take it away


def test_the_head_can_do_without_statistics_of_the_batch():
    """For a step in two passes."""
    head = projection_head(16, hidden=8, out=4, norm="group")
    x = torch.randn(3, 16)
    torch.testing.assert_close(head(x)[:1], head(x[:1]))
