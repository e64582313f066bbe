"""A small convolutional encoder, for tests, for CPUs and for small patches."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from cytosurf.errors import InputError
from cytosurf.spatialnce.encoders.norms import norm_2d


class SmallEncoder(nn.Module):
    """Convolutions of 3 x 3 with normalisation and ReLU, then the mean over the image.

    With 18 channels it takes BigBrain profile patches: 18 depths as channels of 7 x 7 places on
    the surface.

    Parameters
    ----------
    channels : int
        Of the patches.
    widths : sequence of int
        Channels of each layer; the last is the width of the features.
    strides : sequence of int
        Stride of each layer.
    norm : str
        "batch" or "group".

    Attributes
    ----------
    width : int
        Number of features.

    Examples
    --------
    >>> import torch
    >>> SmallEncoder(18)(torch.zeros(4, 18, 7, 7)).shape
    torch.Size([4, 256])
    """

    def __init__(
        self,
        channels: int = 1,
        widths: Sequence[int] = (64, 128, 256),
        strides: Sequence[int] = (1, 2, 2),
        norm: str = "batch",
    ) -> None:
        super().__init__()
        if len(widths) != len(strides) or not widths:
            raise InputError(
                "strides", f"{len(strides)} strides", f"one for each of {len(widths)} widths"
            )
        layers: list[nn.Module] = []
        for before, after, stride in zip((channels, *widths), widths, strides, strict=False):
            layers += [
                nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
                norm_2d(norm, after),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers)
        self.width = widths[-1]

    def forward(self, patches: Tensor) -> Tensor:
        """Return features, (B, width), of patches (B, channels, H, W)."""
        features: Tensor = self.layers(patches).mean((2, 3))
        return features
