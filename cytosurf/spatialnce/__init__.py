"""SpatialNCE: features of image patches, trained to be alike where patches lie near each other."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.spatialnce.attention import class_attention
    from cytosurf.spatialnce.batchnorm import synchronise
    from cytosurf.spatialnce.embed import embed_patches
    from cytosurf.spatialnce.encoders import build_encoder, known_encoders
    from cytosurf.spatialnce.gradcache import two_pass_step
    from cytosurf.spatialnce.loop import Training, train
    from cytosurf.spatialnce.loss import LossResult, nt_xent, spatial_nce, sup_con
    from cytosurf.spatialnce.model import PatchModel, load_model
    from cytosurf.spatialnce.pretrained import load_pretrained
    from cytosurf.spatialnce.projection import projection_head
    from cytosurf.spatialnce.surface import SurfaceTable, surface_table, write_surface_table

__all__ = [
    "LossResult",
    "PatchModel",
    "SurfaceTable",
    "Training",
    "build_encoder",
    "class_attention",
    "embed_patches",
    "known_encoders",
    "load_model",
    "load_pretrained",
    "nt_xent",
    "projection_head",
    "spatial_nce",
    "sup_con",
    "surface_table",
    "synchronise",
    "train",
    "two_pass_step",
    "write_surface_table",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "attention": ["class_attention"],
        "batchnorm": ["synchronise"],
        "embed": ["embed_patches"],
        "encoders": ["build_encoder", "known_encoders"],
        "gradcache": ["two_pass_step"],
        "loop": ["Training", "train"],
        "loss": ["LossResult", "nt_xent", "spatial_nce", "sup_con"],
        "model": ["PatchModel", "load_model"],
        "pretrained": ["load_pretrained"],
        "projection": ["projection_head"],
        "surface": ["SurfaceTable", "surface_table", "write_surface_table"],
    },
)
