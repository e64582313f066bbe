"""R50: counts, shapes and names on the meta device; values on a small one."""

from pathlib import Path

import pytest
import torch
from torch import nn

from cytosurf.errors import InputError
from cytosurf.spatialnce.encoders import ResNet

# Of torchvision 0.28.0, resnet50().state_dict() without conv1, bn1 and fc. With those weights,
# layers 1 to 4 gave the bits that torchvision's own gave.
KEYS = Path(__file__).parent / "torchvision_resnet50_keys.txt"
STEM = {"conv1.weight": (64, 1, 5, 5), "conv2.weight": (64, 64, 3, 3)}


def stored(path):
    """Return names and shapes of a list of parameters."""
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {
        name: () if shape == "scalar" else tuple(map(int, shape.split("x")))
        for name, shape in lines
    }


def shapes(model):
    """Return names and shapes of everything that a model saves."""
    return {name: tuple(value.shape) for name, value in model.state_dict().items()}


def small():
    """Make a network of two stages that runs in milliseconds."""
    torch.manual_seed(0)
    return ResNet(blocks=(2, 2), base=4)


@pytest.fixture(scope="module")
def r50():
    """Make R50 without memory."""
    with torch.device("meta"):
        return ResNet()


def test_names_and_shapes_are_those_of_torchvision(r50):
    """All but the stem, whose second convolution is conv2 and bn2."""
    found = shapes(r50)
    norms = {name for name in found if name.startswith(("bn1.", "bn2."))}
    assert {name: found.pop(name) for name in STEM} == STEM
    assert all(found.pop(name) in ((64,), ()) for name in norms)
    assert found == stored(KEYS)


def test_parameters_are_counted(r50):
    """Those of ResNet-50 without fc, less its 7 x 7 x 3 stem, plus the two convolutions."""
    stem = 5 * 5 * 64 + 3 * 3 * 64 * 64 + 2 * 64
    assert sum(p.numel() for p in r50.parameters()) == 23_508_032 - 7 * 7 * 3 * 64 + stem
    assert sum(p.numel() for p in r50.parameters()) == 23_537_216


@pytest.mark.parametrize(("side", "grid"), [(2048, 32), (1024, 16), (224, 4)])
def test_maps_are_64_times_smaller(r50, side, grid):
    """A patch of 2,048 px becomes 32 x 32 places of 2,048 numbers."""
    patches = torch.empty(2, 1, side, side, device="meta")
    assert r50.feature_map(patches).shape == (2, 2048, grid, grid)
    assert r50(patches).shape == (2, r50.width)


@pytest.mark.parametrize(("side", "stride", "kernel"), [(1024, 2, 3), (4096, 8, 7), (2048, 4, 1)])
def test_the_stem_is_an_option(side, stride, kernel):
    """Its first convolution is inferred: other patches give the same map by another stride."""
    with torch.device("meta"):
        model = ResNet(stem_stride=stride, stem_kernel=kernel)
    assert model.feature_map(torch.empty(1, 1, side, side, device="meta")).shape[2:] == (32, 32)
    assert model.stride == 16 * stride
    assert model.conv1.weight.shape[2:] == (kernel, kernel)


@pytest.mark.parametrize("bad", [{"stem_kernel": 4}, {"stem_kernel": -1}, {"stem_stride": 0}])
def test_a_stem_has_a_middle_and_a_stride(bad):
    """The message names the option."""
    with pytest.raises(InputError, match=next(iter(bad))):
        ResNet(**bad)


def test_convolutions_are_initialised_as_he_et_al_do():
    """By the number of their outputs; features are finite."""
    model = small()
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.weight.numel() > 500:
            fan_out = module.weight[:, 0].numel()
            assert module.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=0.1)
    assert model(torch.randn(2, 1, 64, 64)).isfinite().all()


def test_recomputing_changes_nothing_but_memory():
    """Gradients and running statistics are equal to the bit; blocks run twice, but the first."""
    found = []
    for recompute in (False, True):
        model, calls = small(), []
        model.recompute = recompute
        for block in (*model.layer1, *model.layer2):
            block.conv1.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        model(
            torch.randn(4, 1, 64, 64, generator=torch.Generator().manual_seed(1))
        ).sum().backward()
        gradients = [p.grad for p in model.parameters()]
        found.append((len(calls), gradients, list(model.buffers())))
    assert [n for n, *_ in found] == [4, 7]
    for kind in (1, 2):
        assert all(map(torch.equal, found[0][kind], found[1][kind]))


def test_group_normalisation_has_no_statistics():
    """So features of a patch do not depend on the others."""
    torch.manual_seed(0)
    model = ResNet(blocks=(1,), base=8, norm="group")
    assert not list(model.buffers())
    patches = torch.randn(3, 1, 32, 32)
    torch.testing.assert_close(model(patches)[:1], model(patches[:1]), rtol=1e-4, atol=1e-5)


def test_a_block_without_its_branch_passes_on_its_input():
    """The residual connection, and ReLU after it."""
    block = small().layer1[1]
    nn.init.zeros_(block.bn3.weight)
    x = torch.randn(2, 16, 5, 5)
    assert torch.equal(block(x), x.relu())
