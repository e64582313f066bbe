"""Attention of the class token."""

import pytest
import torch

from cytosurf.errors import InputError
from cytosurf.spatialnce import class_attention
from tests.unit.spatialnce.encoders.test_vit import small


@pytest.mark.parametrize("layer", [0, 1, -1, -2])
def test_maps_are_what_the_layer_used(layer):
    """Values weighted by them, and by the rest on the class token, are the layer's output."""
    model = small().eval()
    for parameter in model.parameters():  # far from uniform attention
        parameter.data.mul_(3)
    patches = torch.randn(3, 1, 64, 64)
    inputs = []
    attention = model.blocks[layer].attn
    attention.register_forward_hook(lambda _, given, found: inputs.append((*given, found)))
    with torch.no_grad():
        model(patches)
    (x, output), *_ = inputs
    maps = class_attention(model, patches, layer).flatten(2)
    itself = 1 - maps.sum(-1, keepdim=True)
    assert maps.min() >= 0
    assert itself.min() > 0
    _, _, v = attention.split(x)
    mixed = torch.einsum("bht,bhtd->bhd", torch.cat([itself, maps], -1), v).flatten(1)
    torch.testing.assert_close(attention.proj(mixed), output[:, 0], rtol=1e-4, atol=1e-5)


def test_maps_have_the_places_of_the_feature_map():
    """A position that is changed, row 1 and column 2, changes the attention to it most."""
    model = small().eval()
    patches = torch.zeros(1, 1, 64, 64)
    before = class_attention(model, patches, 0)
    assert before.shape == (1, 2, 4, 4)
    model.pos_embed.data[0, 1 + 4 * 1 + 2] += 50 * torch.randn(8)
    changed = (class_attention(model, patches, 0) - before).abs().sum((0, 1))
    assert divmod(int(changed.argmax()), 4) == (1, 2)


def test_rows_of_the_map_are_rows_of_the_patch():
    """The token of the first row and last column depends on the pixels there."""
    model = small().eval()
    patches = torch.randn(1, 1, 64, 64, requires_grad=True)
    model.tokens(patches)[0, 1 + 3].square().sum().backward()
    pull = patches.grad[0, 0].abs()
    assert pull[:32, 32:].sum() > 10 * pull[32:, :32].sum()


def test_a_layer_must_exist():
    """Counted from the front or the back."""
    with pytest.raises(InputError, match="layer: found 2; expected a layer from -2 to 1"):
        class_attention(small(), torch.zeros(1, 1, 64, 64), 2)
