"""Data: from manifests to verified local files, and the embedded data set.

Importing this package reads nothing and loads nothing heavy; its functions do when called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.data.cache import data_directory, embedded_path
    from cytosurf.data.fetching import fetch, path
    from cytosurf.data.importing import ImportReport, import_directory
    from cytosurf.data.manifest import File, Source, sources

__all__ = [
    "File",
    "ImportReport",
    "Source",
    "data_directory",
    "embedded_path",
    "fetch",
    "import_directory",
    "path",
    "sources",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cache": ["data_directory", "embedded_path"],
        "fetching": ["fetch", "path"],
        "importing": ["ImportReport", "import_directory"],
        "manifest": ["File", "Source", "sources"],
    },
)
