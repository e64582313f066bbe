"""SpatialNCE: features of image patches, trained to be alike where patches lie near each other."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.spatialnce.loss import LossResult, nt_xent, spatial_nce, sup_con
    from cytosurf.spatialnce.surface import SurfaceTable, surface_table

__all__ = ["LossResult", "SurfaceTable", "nt_xent", "spatial_nce", "sup_con", "surface_table"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "loss": ["LossResult", "nt_xent", "spatial_nce", "sup_con"],
        "surface": ["SurfaceTable", "surface_table"],
    },
)
