"""Surfaces: meshes, spaces and the maps on them; files, templates, and moves between spaces.

Importing this package loads nothing heavy; its functions do when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
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
    from cytosurf.surfaces.mapping import map_file
    from cytosurf.surfaces.maps import Parcellation, SurfaceMap, hemisphere_rows
    from cytosurf.surfaces.mesh import Mesh
    from cytosurf.surfaces.nilearn import (
        from_surface_image,
        labels_from_surface_image,
        poly_mesh,
        to_surface_image,
    )
    from cytosurf.surfaces.resample import apply_weights, resample, resample_labels
    from cytosurf.surfaces.routes import route
    from cytosurf.surfaces.space import HEMISPHERES, Space
    from cytosurf.surfaces.spheres import are_mirrored, check_sphere
    from cytosurf.surfaces.templates import greyordinate_mask, load_mesh, surfaces_of
    from cytosurf.surfaces.volume import sample_volume
    from cytosurf.surfaces.volume_labels import labels_from_loadings, sample_labels

__all__ = [
    "HEMISPHERES",
    "Mesh",
    "Parcellation",
    "Space",
    "SurfaceMap",
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
    "map_file",
    "poly_mesh",
    "read_map",
    "read_mesh",
    "read_parcellation",
    "resample",
    "resample_labels",
    "route",
    "sample_labels",
    "sample_volume",
    "surfaces_of",
    "to_surface_image",
    "write_map",
    "write_mesh",
    "write_parcellation",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
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
        "mapping": ["map_file"],
        "maps": ["Parcellation", "SurfaceMap", "hemisphere_rows"],
        "mesh": ["Mesh"],
        "nilearn": [
            "from_surface_image",
            "labels_from_surface_image",
            "poly_mesh",
            "to_surface_image",
        ],
        "resample": ["apply_weights", "resample", "resample_labels"],
        "routes": ["route"],
        "space": ["HEMISPHERES", "Space"],
        "spheres": ["are_mirrored", "check_sphere"],
        "templates": ["greyordinate_mask", "load_mesh", "surfaces_of"],
        "volume": ["sample_volume"],
        "volume_labels": ["labels_from_loadings", "sample_labels"],
    },
)
