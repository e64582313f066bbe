"""R50: the ResNet-50 of CytoNet, with a stem of two convolutions for large patches.

Published (arXiv:2511.01870, 4.3): the first block of ResNet-50 is replaced by two convolutions with
64 filters each, the second of stride 1, each with batch normalisation and ReLU, and a maximum
pooling. Assumptions: the first convolution is 5 x 5 with stride 4, the second 3 x 3, and pooling
halves, so that a patch of 2,048 px becomes a feature map of 32 x 32.

Names of parameters are those of torchvision's ResNet, with ``conv2`` and ``bn2`` for the second
convolution of the stem and no ``fc``.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from cytosurf.errors import InputError
from cytosurf.spatialnce.encoders.norms import norm_2d
from cytosurf.spatialnce.recompute import recomputed

EXPANSION = 4


class Bottleneck(nn.Module):
    """A residual block of 1 x 1, 3 x 3 and 1 x 1 convolutions; the stride is in the 3 x 3.

    Parameters
    ----------
    before : int
        Channels that come in.
    planes : int
        Channels of the 3 x 3 convolution; four times as many go out.
    stride : int
        Of the 3 x 3 convolution.
    norm : str
        "batch" or "group".
    """

    def __init__(self, before: int, planes: int, stride: int, norm: str) -> None:
        super().__init__()
        after = planes * EXPANSION
        self.conv1 = nn.Conv2d(before, planes, 1, bias=False)
        self.bn1 = norm_2d(norm, planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn2 = norm_2d(norm, planes)
        self.conv3 = nn.Conv2d(planes, after, 1, bias=False)
        self.bn3 = norm_2d(norm, after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if stride != 1 or before != after:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=False), norm_2d(norm, after)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Return ``relu(x + f(x))``, downsampled by the stride."""
        kept = x if self.downsample is None else self.downsample(x)
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        out: Tensor = self.relu(y + kept)
        return out


class ResNet(nn.Module):
    """A residual network over large patches; R50 if nothing else is said.

    Parameters
    ----------
    channels : int
        Of the patches: 1, grey values.
    blocks : sequence of int
        Residual blocks of each stage.
    base : int
        Filters of the stem; stages have ``base * 2**stage`` planes.
    stem_kernel, stem_stride : int
        Of the first convolution. Assumptions: 5 and 4; for a map of 32 x 32, patches of 1,024 px
        want a stride of 2, and those of 4,096 px a stride of 8.
    norm : str
        "batch" (published) or "group".
    recompute : bool
        Save memory: activations of all residual blocks but the first are computed again in the
        backward pass.

    Attributes
    ----------
    width : int
        Number of features: 2,048.
    stride : int
        Side of a patch over that of its feature map: 64.

    Raises
    ------
    InputError
        A kernel that has no middle pixel, or a stride below 1.

    Examples
    --------
    >>> import torch
    >>> with torch.device("meta"):
    ...     r50 = ResNet()
    ...     features = r50.feature_map(torch.empty(1, 1, 2048, 2048))
    >>> features.shape, r50.width
    (torch.Size([1, 2048, 32, 32]), 2048)
    """

    def __init__(
        self,
        channels: int = 1,
        blocks: Sequence[int] = (3, 4, 6, 3),
        base: int = 64,
        stem_kernel: int = 5,
        stem_stride: int = 4,
        norm: str = "batch",
        recompute: bool = False,
    ) -> None:
        super().__init__()
        if stem_kernel < 1 or stem_kernel % 2 == 0:
            raise InputError("stem_kernel", str(stem_kernel), "an odd number of pixels")
        if stem_stride < 1:
            raise InputError("stem_stride", str(stem_stride), "1 or more")
        self.conv1 = nn.Conv2d(
            channels, base, stem_kernel, stride=stem_stride, padding=stem_kernel // 2, bias=False
        )
        self.bn1 = norm_2d(norm, base)
        self.conv2 = nn.Conv2d(base, base, 3, padding=1, bias=False)
        self.bn2 = norm_2d(norm, base)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        before = base
        for stage, count in enumerate(blocks):
            planes = base * 2**stage
            layer = nn.Sequential()
            for block in range(count):
                stride = 2 if stage and not block else 1
                layer.append(Bottleneck(before, planes, stride, norm))
                before = planes * EXPANSION
            self.add_module(f"layer{stage + 1}", layer)
        self.stages = len(blocks)
        self.recompute = recompute
        self.width = before
        self.stride = stem_stride * 2 ** len(blocks)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def feature_map(self, patches: Tensor) -> Tensor:
        """Return the last feature map, (B, width, H / stride, W / stride)."""
        x: Tensor = self.relu(self.bn1(self.conv1(patches)))
        x = self.maxpool(self.relu(self.bn2(self.conv2(x))))
        stages = (self.get_submodule(f"layer{i + 1}") for i in range(self.stages))
        again = self.recompute and x.requires_grad
        for i, block in enumerate(block for stage in stages for block in stage.children()):
            x = recomputed(block, x) if again and i else block(x)
        return x

    def forward(self, patches: Tensor) -> Tensor:
        """Return features, (B, width), of patches (B, channels, H, W): the mean of the map."""
        return self.feature_map(patches).mean((2, 3))
