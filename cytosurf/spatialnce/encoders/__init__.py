"""Encoders: from patches (B, channels, H, W) to features (B, width)."""

from cytosurf.spatialnce.encoders.registry import build_encoder, known_encoders
from cytosurf.spatialnce.encoders.resnet import ResNet
from cytosurf.spatialnce.encoders.small import SmallEncoder
from cytosurf.spatialnce.encoders.vit import HybridViT

__all__ = ["HybridViT", "ResNet", "SmallEncoder", "build_encoder", "known_encoders"]
