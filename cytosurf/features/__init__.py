"""Features: what is decoded from. Position, gradients, profiles, components, embeddings, files.

Importing this package loads nothing heavy; its functions do when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.features.embedding_assign import AssignedEmbeddings, assign_to_midsurface
    from cytosurf.features.embedding_generated import generate_embeddings
    from cytosurf.features.embedding_import import import_embeddings
    from cytosurf.features.embedding_set import map_embeddings
    from cytosurf.features.embedding_table import EmbeddingTable
    from cytosurf.features.embedding_writing import EmbeddingChunk, write_embeddings
    from cytosurf.features.names import known_features
    from cytosurf.features.registry import (
        check_feature_name,
        load_feature_sets,
        load_features,
        matched_position,
    )
    from cytosurf.features.sets import FeatureSet, join_features

__all__ = [
    "AssignedEmbeddings",
    "EmbeddingChunk",
    "EmbeddingTable",
    "FeatureSet",
    "assign_to_midsurface",
    "check_feature_name",
    "generate_embeddings",
    "import_embeddings",
    "join_features",
    "known_features",
    "load_feature_sets",
    "load_features",
    "map_embeddings",
    "matched_position",
    "write_embeddings",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "embedding_assign": ["AssignedEmbeddings", "assign_to_midsurface"],
        "embedding_generated": ["generate_embeddings"],
        "embedding_import": ["import_embeddings"],
        "embedding_set": ["map_embeddings"],
        "embedding_table": ["EmbeddingTable"],
        "embedding_writing": ["EmbeddingChunk", "write_embeddings"],
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
