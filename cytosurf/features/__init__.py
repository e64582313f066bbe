"""Features: what is decoded from. Position, gradients, staining profiles, components, files.

Importing this package loads nothing heavy; its functions do when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.features.names import known_features
    from cytosurf.features.registry import (
        check_feature_name,
        load_feature_sets,
        load_features,
        matched_position,
    )
    from cytosurf.features.sets import FeatureSet, join_features

__all__ = [
    "FeatureSet",
    "check_feature_name",
    "join_features",
    "known_features",
    "load_feature_sets",
    "load_features",
    "matched_position",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "names": ["known_features"],
        "registry": [
            "check_feature_name",
            "load_feature_sets",
            "load_features",
            "matched_position",
        ],
        "sets": ["FeatureSet", "join_features"],
    },
)
