"""Where the class token of a vision transformer looks."""

from __future__ import annotations

import torch
from torch import Tensor

from cytosurf.errors import InputError
from cytosurf.spatialnce.encoders.vit import Block, HybridViT


@torch.no_grad()
def class_attention(encoder: HybridViT, patches: Tensor, layer: int = -1) -> Tensor:
    """Return the attention of the class token to each place of the feature map.

    Parameters
    ----------
    encoder : HybridViT
        In evaluation mode, for maps that do not depend on the batch.
    patches : torch.Tensor
        (B, channels, image_px, image_px).
    layer : int
        Transformer layer, from 0; -1 is the last.

    Returns
    -------
    torch.Tensor
        (B, heads, grid, grid), at least 0. The sum over the map is at most 1: what is missing is
        the attention of the class token to itself.

    Raises
    ------
    InputError
        A layer that the encoder does not have.

    Examples
    --------
    >>> from cytosurf.spatialnce.encoders import HybridViT, ResNet
    >>> body = ResNet(blocks=(1, 1), base=4)
    >>> vit = HybridViT(image_px=64, width=8, depth=2, heads=2, backbone=body).eval()
    >>> class_attention(vit, torch.zeros(3, 1, 64, 64)).shape
    torch.Size([3, 2, 4, 4])
    """
    depth = len(encoder.blocks)
    if not -depth <= layer < depth:
        raise InputError("layer", str(layer), f"a layer from {-depth} to {depth - 1}")
    x = encoder.tokens(patches)
    for block in encoder.blocks[: layer % depth]:
        x = block(x)
    block = encoder.blocks[layer]
    assert isinstance(block, Block)
    q, k, _ = block.attn.split(block.norm1(x))
    scores = q[:, :, :1] @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    attention = scores.softmax(-1)[:, :, 0, 1:]
    return torch.unflatten(attention, -1, (encoder.grid, encoder.grid))
