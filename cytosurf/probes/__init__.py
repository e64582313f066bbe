"""Probes: what frozen features know of labels, and how labelled regions differ.

Importing this package loads nothing heavy; its functions do when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.probes.comparison import Comparison, Protocol, compare_models
    from cytosurf.probes.divergence import (
        grey_counts,
        kl_divergence,
        one_minus_cosine,
        tissue_counts,
    )
    from cytosurf.probes.folds import strip_folds
    from cytosurf.probes.linear import ProbeResult, linear_probe
    from cytosurf.probes.pixels import pixel_components
    from cytosurf.probes.raters import RaterScores, rater_scores

__all__ = [
    "Comparison",
    "ProbeResult",
    "Protocol",
    "RaterScores",
    "compare_models",
    "grey_counts",
    "kl_divergence",
    "linear_probe",
    "one_minus_cosine",
    "pixel_components",
    "rater_scores",
    "strip_folds",
    "tissue_counts",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "comparison": ["Comparison", "Protocol", "compare_models"],
        "divergence": ["grey_counts", "kl_divergence", "one_minus_cosine", "tissue_counts"],
        "folds": ["strip_folds"],
        "linear": ["ProbeResult", "linear_probe"],
        "pixels": ["pixel_components"],
        "raters": ["RaterScores", "rater_scores"],
    },
)
