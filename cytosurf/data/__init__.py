"""Data: from manifests to verified local files, and the embedded data set.

Importing this package reads nothing and loads nothing heavy; its functions do when called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from cytosurf.data.cache import data_directory, embedded_path
    from cytosurf.data.checking import SourceStatus, count_present, verify
    from cytosurf.data.fetching import fetch, path
    from cytosurf.data.importing import ImportReport, import_directory
    from cytosurf.data.manifest import File, Source, sources

__all__ = [
    "File",
    "ImportReport",
    "Source",
    "SourceStatus",
    "count_present",
    "data_directory",
    "embedded_path",
    "fetch",
    "import_directory",
    "path",
    "sources",
    "verify",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "cache": ["data_directory", "embedded_path"],
        "checking": ["SourceStatus", "count_present", "verify"],
        "fetching": ["fetch", "path"],
        "importing": ["ImportReport", "import_directory"],
        "manifest": ["File", "Source", "sources"],
    },
)
