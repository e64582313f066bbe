"""R50-ViT-B: counts, shapes and names on the meta device; values on a small one."""

from pathlib import Path

import pytest
import torch
from torch import nn

from cytosurf.errors import InputError
from cytosurf.spatialnce.encoders import HybridViT, ResNet
from cytosurf.spatialnce.encoders.vit import Block
from tests.unit.spatialnce.encoders.test_resnet import shapes, stored

# Of timm 1.0.31: VisionTransformer of the size of ViT-B behind its HybridEmbed's proj, for 1,024
# places. With those weights, class features had the bits that timm's own had.
KEYS = Path(__file__).parent / "timm_hybrid_vit_keys.txt"
BACKBONE = "patch_embed.backbone."


def small(**options):
    """Make a network of 16 places, width 8, two layers."""
    torch.manual_seed(0)
    body = ResNet(blocks=(1, 1), base=4)
    return HybridViT(image_px=64, width=8, depth=2, heads=2, backbone=body, **options)


@pytest.fixture(scope="module")
def r50_vit_b():
    """Make R50-ViT-B without memory."""
    with torch.device("meta"):
        return HybridViT()


def test_names_and_shapes_are_those_of_timm(r50_vit_b):
    """The backbone is R50 under the name that timm's hybrids give it."""
    found = shapes(r50_vit_b)
    with torch.device("meta"):
        backbone = {BACKBONE + name: shape for name, shape in shapes(ResNet()).items()}
    assert {name: shape for name, shape in found.items() if name in backbone} == backbone
    assert {name: shape for name, shape in found.items() if name not in backbone} == stored(KEYS)


def test_parameters_are_counted(r50_vit_b):
    """R50, a linear map of 2,048 to 768, positions and class token, twelve layers, a last norm."""
    layer = 4 * 768 * 768 + 4 * 768 + 2 * 4 * 768 * 768 + 5 * 768 + 4 * 768
    expected = 23_537_216 + (2048 + 1) * 768 + (1025 + 1) * 768 + 12 * layer + 2 * 768
    assert sum(p.numel() for p in r50_vit_b.parameters()) == expected
    assert expected == 110_954_816


def test_a_patch_becomes_1025_tokens(r50_vit_b):
    """32 x 32 places and the class token, whose last state is the feature vector."""
    patches = torch.empty(2, 1, 2048, 2048, device="meta")
    assert r50_vit_b.tokens(patches).shape == (2, 1025, 768)
    assert r50_vit_b(patches).shape == (2, r50_vit_b.width)


def test_the_stem_is_an_option_here_too():
    """A stride of 2 in the stem gives patches of 1,024 px as many tokens."""
    with torch.device("meta"):
        model = HybridViT(image_px=1024, stem_stride=2, stem_kernel=3)
    assert (model.grid, model.patch_embed.backbone.conv1.stride) == (32, (2, 2))


def test_positions_belong_to_one_size():
    """Another size is refused, as is one that the backbone's stride does not divide."""
    with pytest.raises(InputError, match="found 32 x 64 px; expected 64 x 64 px"):
        small()(torch.zeros(1, 1, 32, 64))
    with (
        pytest.raises(InputError, match="image_px: found 100; expected a multiple of 64"),
        torch.device("meta"),
    ):
        HybridViT(image_px=100)
    with pytest.raises(InputError, match="heads: found 5; expected a divisor"):
        HybridViT(heads=5)


def test_places_matter():
    """Without learned positions the class token would not see where things are."""
    model = small().eval()
    patches = torch.randn(2, 1, 64, 64)
    tokens = model.tokens(patches)
    model.pos_embed.data.mul_(0)
    torch.testing.assert_close(model.tokens(patches)[:, 0], torch.zeros(2, 8), atol=1e-4, rtol=0)
    assert not torch.equal(model.tokens(patches), tokens)


def test_recomputing_changes_nothing_but_memory():
    """Gradients and running statistics are equal to the bit; each layer runs twice."""
    found = []
    for recompute in (False, True):
        model, calls = small(recompute=recompute), []
        for block in model.blocks:
            block.mlp.fc1.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        model(
            torch.randn(4, 1, 64, 64, generator=torch.Generator().manual_seed(1))
        ).sum().backward()
        found.append((len(calls), [p.grad for p in model.parameters()], list(model.buffers())))
    assert [n for n, *_ in found] == [2, 4]
    for kind in (1, 2):
        assert all(map(torch.equal, found[0][kind], found[1][kind]))


def test_a_layer_is_torch_s_own_with_the_same_weights():
    """Normalisation first, residual connections around attention and the MLP, exact GELU."""
    torch.manual_seed(0)
    block = Block(8, 2)
    layer = nn.TransformerEncoderLayer(
        8, 2, 32, 0.0, nn.functional.gelu, 1e-6, batch_first=True, norm_first=True
    )
    names = {
        "self_attn.in_proj_": "attn.qkv.",
        "self_attn.out_proj.": "attn.proj.",
        "linear1.": "mlp.fc1.",
        "linear2.": "mlp.fc2.",
    }
    state = block.state_dict()
    for theirs in layer.state_dict():
        ours = theirs
        for old, new in names.items():
            ours = ours.replace(old, new)
        layer.state_dict()[theirs].copy_(state[ours])
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(block(x), layer(x), rtol=1e-5, atol=1e-6)
