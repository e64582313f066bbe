"""Connectors: maps and labels that other packages fetch, read or compute.

siibra, neuromaps, nilearn's atlases and BrainSpace's gradients. The libraries are imported when a
function here is called and not before; what they need from the network is said, with the way to
bring it without. Results are maps and labels like any others, with sources and notes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.connectors.brainspace import Gradients, gradients_from_matrix
    from cytosurf.connectors.fetched import Fetched
    from cytosurf.connectors.neuromaps import (
        annotation,
        by_registration_fusion,
        resample_by_neuromaps,
    )
    from cytosurf.connectors.neuromaps_files import map_by_neuromaps
    from cytosurf.connectors.nilearn import nilearn_atlas
    from cytosurf.connectors.siibra import (
        siibra_layers,
        siibra_parcellation,
        siibra_profiles,
        siibra_region,
    )

__all__ = [
    "Fetched",
    "Gradients",
    "annotation",
    "by_registration_fusion",
    "gradients_from_matrix",
    "map_by_neuromaps",
    "nilearn_atlas",
    "resample_by_neuromaps",
    "siibra_layers",
    "siibra_parcellation",
    "siibra_profiles",
    "siibra_region",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "brainspace": ["Gradients", "gradients_from_matrix"],
        "fetched": ["Fetched"],
        "neuromaps": ["annotation", "by_registration_fusion", "resample_by_neuromaps"],
        "neuromaps_files": ["map_by_neuromaps"],
        "nilearn": ["nilearn_atlas"],
        "siibra": ["siibra_layers", "siibra_parcellation", "siibra_profiles", "siibra_region"],
    },
)
