"""Histology: where image patches with coordinates come from.

Importing this package loads nothing heavy; its functions do when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.histology.arrays import read_arrays
    from cytosurf.histology.profiles import ProfileSource, bigbrain_patches
    from cytosurf.histology.sections import SectionSource, section_patches
    from cytosurf.histology.source import ArraySource, PatchSource, Selection
    from cytosurf.histology.xray import XraySource, xray_patches
    from cytosurf.histology.xray_labels import RatedSet, read_raters, read_tissue, recode_tissue

__all__ = [
    "ArraySource",
    "PatchSource",
    "ProfileSource",
    "RatedSet",
    "SectionSource",
    "Selection",
    "XraySource",
    "bigbrain_patches",
    "read_arrays",
    "read_raters",
    "read_tissue",
    "recode_tissue",
    "section_patches",
    "xray_patches",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "arrays": ["read_arrays"],
        "profiles": ["ProfileSource", "bigbrain_patches"],
        "sections": ["SectionSource", "section_patches"],
        "source": ["ArraySource", "PatchSource", "Selection"],
        "xray": ["XraySource", "xray_patches"],
        "xray_labels": ["RatedSet", "read_raters", "read_tissue", "recode_tissue"],
    },
)
