"""Surfaces: meshes, spaces and the maps on them; files, templates, and moves between spaces.

Importing this package loads nothing heavy; its functions do when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.surfaces.adaptive import adaptive_weights, nearest_weights
    from cytosurf.surfaces.applying import apply_weights, masked_weights, resample_labels
    from cytosurf.surfaces.areas import midsurface_areas
    from cytosurf.surfaces.barycentric import barycentric_weights
    from cytosurf.surfaces.geodesic import disc_moments, geodesic_discs, geodesic_graph
    from cytosurf.surfaces.io import (
        read_map,
        read_mesh,
        read_parcellation,
        write_map,
        write_mesh,
        write_parcellation,
    )
    from cytosurf.surfaces.mapping import map_files
    from cytosurf.surfaces.maps import Parcellation, SurfaceMap, hemisphere_rows
    from cytosurf.surfaces.mesh import Mesh
    from cytosurf.surfaces.nilearn import (
        from_surface_image,
        labels_from_surface_image,
        poly_mesh,
        to_surface_image,
    )
    from cytosurf.surfaces.resample import resample
    from cytosurf.surfaces.routes import route, spheres_used
    from cytosurf.surfaces.space import HEMISPHERES, Space
    from cytosurf.surfaces.spheres import are_mirrored, check_sphere
    from cytosurf.surfaces.templates import greyordinate_mask, load_mesh, surfaces_of
    from cytosurf.surfaces.volume import sample_volume
    from cytosurf.surfaces.volume_files import map_volume
    from cytosurf.surfaces.volume_labels import labels_from_loadings, sample_labels
    from cytosurf.surfaces.volume_map import map_to_labels, volume_to_labels, volume_to_map
    from cytosurf.surfaces.volume_warp import DisplacementField, read_warp

__all__ = [
    "HEMISPHERES",
    "DisplacementField",
    "Mesh",
    "Parcellation",
    "Space",
    "SurfaceMap",
    "adaptive_weights",
    "apply_weights",
    "are_mirrored",
    "barycentric_weights",
    "check_sphere",
    "disc_moments",
    "from_surface_image",
    "geodesic_discs",
    "geodesic_graph",
    "greyordinate_mask",
    "hemisphere_rows",
    "labels_from_loadings",
    "labels_from_surface_image",
    "load_mesh",
    "map_files",
    "map_to_labels",
    "map_volume",
    "masked_weights",
    "midsurface_areas",
    "nearest_weights",
    "poly_mesh",
    "read_map",
    "read_mesh",
    "read_parcellation",
    "read_warp",
    "resample",
    "resample_labels",
    "route",
    "sample_labels",
    "sample_volume",
    "spheres_used",
    "surfaces_of",
    "to_surface_image",
    "volume_to_labels",
    "volume_to_map",
    "write_map",
    "write_mesh",
    "write_parcellation",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "adaptive": ["adaptive_weights", "nearest_weights"],
        "applying": ["apply_weights", "masked_weights", "resample_labels"],
        "areas": ["midsurface_areas"],
        "barycentric": ["barycentric_weights"],
        "geodesic": ["disc_moments", "geodesic_discs", "geodesic_graph"],
        "io": [
            "read_map",
            "read_mesh",
            "read_parcellation",
            "write_map",
            "write_mesh",
            "write_parcellation",
        ],
        "mapping": ["map_files"],
        "maps": ["Parcellation", "SurfaceMap", "hemisphere_rows"],
        "mesh": ["Mesh"],
        "nilearn": [
            "from_surface_image",
            "labels_from_surface_image",
            "poly_mesh",
            "to_surface_image",
        ],
        "resample": ["resample"],
        "routes": ["route", "spheres_used"],
        "space": ["HEMISPHERES", "Space"],
        "spheres": ["are_mirrored", "check_sphere"],
        "templates": ["greyordinate_mask", "load_mesh", "surfaces_of"],
        "volume": ["sample_volume"],
        "volume_files": ["map_volume"],
        "volume_labels": ["labels_from_loadings", "sample_labels"],
        "volume_map": ["map_to_labels", "volume_to_labels", "volume_to_map"],
        "volume_warp": ["DisplacementField", "read_warp"],
    },
)
