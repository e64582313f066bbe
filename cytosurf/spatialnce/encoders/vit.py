"""R50-ViT-B: a vision transformer over the feature map of R50.

Published (arXiv:2511.01870, 4.3): ViT-B appended to the feature map, learned positions, a class
token in front, whose last state is the feature vector. Assumption: a feature map of 32 x 32, so
1,024 tokens and the class token, for patches of 2,048 px.

Names of parameters are those of timm's hybrid vision transformers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from cytosurf.errors import InputError
from cytosurf.spatialnce.encoders.resnet import ResNet
from cytosurf.spatialnce.recompute import recomputed

_EPSILON = 1e-6


class Attention(nn.Module):
    """Multi-head attention of all tokens to all tokens.

    Parameters
    ----------
    width : int
        Of the tokens.
    heads : int
        Number of heads, which must divide the width.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return queries, keys and values, (B, heads, tokens, width / heads) each."""
        b, tokens, width = x.shape
        qkv = self.qkv(x).view(b, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        return q, k, v

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, tokens, width)."""
        found = nn.functional.scaled_dot_product_attention(*self.split(x))
        out: Tensor = self.proj(found.transpose(1, 2).reshape(x.shape))
        return out


class Mlp(nn.Module):
    """Two linear layers with GELU between them, the inner one four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the shape of `x`."""
        out: Tensor = self.fc2(nn.functional.gelu(self.fc1(x)))
        return out


class Block(nn.Module):
    """A transformer layer that normalises before attention and before the MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=_EPSILON)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=_EPSILON)
        self.mlp = Mlp(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return the shape of `x`."""
        x = x + self.attn(self.norm1(x))
        out: Tensor = x + self.mlp(self.norm2(x))
        return out


class MapEmbedding(nn.Module):
    """The feature map of a backbone as tokens."""

    def __init__(self, backbone: ResNet, width: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.proj = nn.Conv2d(backbone.width, width, 1)

    def forward(self, patches: Tensor) -> Tensor:
        """Return (B, tokens, width), row by row."""
        out: Tensor = self.proj(self.backbone.feature_map(patches)).flatten(2).transpose(1, 2)
        return out


class HybridViT(nn.Module):
    """A vision transformer over the feature map of a ResNet; R50-ViT-B if nothing else is said.

    Parameters
    ----------
    channels : int
        Of the patches: 1, grey values.
    image_px : int
        Side of the patches; a multiple of the stride of the backbone (64). Learned positions belong
        to one size.
    width, depth, heads : int
        Of the transformer; 768, 12 and 12 are ViT-B.
    stem_kernel, stem_stride : int
        Of the backbone, see `ResNet`.
    norm : str
        Of the backbone: "batch" (published) or "group".
    recompute : bool
        Save memory: residual blocks but the first, and all transformer layers, are computed again
        in the backward pass (published for R50-ViT).
    backbone : ResNet, optional
        In place of R50; it has its own stem.

    Attributes
    ----------
    width : int
        Number of features: 768.
    grid : int
        Side of the feature map: 32.

    Examples
    --------
    >>> with torch.device("meta"):
    ...     model = HybridViT()
    >>> model.pos_embed.shape
    torch.Size([1, 1025, 768])
    """

    def __init__(
        self,
        channels: int = 1,
        image_px: int = 2048,
        width: int = 768,
        depth: int = 12,
        heads: int = 12,
        stem_kernel: int = 5,
        stem_stride: int = 4,
        norm: str = "batch",
        recompute: bool = False,
        backbone: ResNet | None = None,
    ) -> None:
        super().__init__()
        if width % heads:
            raise InputError("heads", str(heads), f"a divisor of the width, {width}")
        body = backbone or ResNet(
            channels,
            stem_kernel=stem_kernel,
            stem_stride=stem_stride,
            norm=norm,
            recompute=recompute,
        )
        if image_px < body.stride or image_px % body.stride:
            raise InputError("image_px", str(image_px), f"a multiple of {body.stride}")
        self.width, self.image_px, self.grid = width, image_px, image_px // body.stride
        self.recompute = recompute
        self.patch_embed = MapEmbedding(body, width)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, self.grid**2 + 1, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=_EPSILON)
        self._initialise()

    def _initialise(self) -> None:
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def tokens(self, patches: Tensor) -> Tensor:
        """Return what the first transformer layer sees, (B, 1 + grid**2, width).

        Raises
        ------
        InputError
            Patches of another size than `image_px`.
        """
        if patches.shape[-2:] != (self.image_px, self.image_px):
            raise InputError(
                "patches",
                f"{patches.shape[-2]} x {patches.shape[-1]} px",
                f"{self.image_px} x {self.image_px} px, which positions were learned for",
                "Build the encoder with image_px of your patches.",
            )
        x = self.patch_embed(patches)
        return torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed

    def forward(self, patches: Tensor) -> Tensor:
        """Return features, (B, width): the class token after the last layer."""
        x = self.tokens(patches)
        again = self.recompute and x.requires_grad
        for block in self.blocks:
            x = recomputed(block, x) if again else block(x)
        out: Tensor = self.norm(x)[:, 0]
        return out
