"""Targets: what is decoded. Parcellations and their label tables.

Importing this package loads nothing heavy; its functions do when they are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.targets.embedded import cortex_mask
    from cytosurf.targets.names import known_targets
    from cytosurf.targets.registry import load_target
    from cytosurf.targets.target import Target

__all__ = ["Target", "cortex_mask", "known_targets", "load_target"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "embedded": ["cortex_mask"],
        "names": ["known_targets"],
        "registry": ["load_target"],
        "target": ["Target"],
    },
)
