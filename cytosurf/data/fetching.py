"""Getting files of a source: from the data directory, or from the internet."""

from __future__ import annotations

from pathlib import Path

from cytosurf.data.cache import data_directory, is_intact, is_offline, location
from cytosurf.data.manifest import load_source
from cytosurf.errors import MissingDataError


def path(source: str, name: str) -> Path:
    """Return the verified local file of a source."""
    load_source(source).file(name)
    file = load_source(source).file(name)
    place = location(source, name)
    if is_intact(file, place):
        return place
    raise missing(source, name, place)


def missing(source: str, name: str, place: Path) -> MissingDataError:
    """Build the error for a file that is needed, absent and may not be downloaded."""
    state = "is damaged" if place.exists() else "is not there"
    reason = "downloads are switched off by CYTOSURF_OFFLINE" if is_offline() else "no download"
    return MissingDataError(
        f"data source {source}",
        f"{name} {state} ({data_directory()}), and {reason}",
        "the file in the data directory",
        f"Run `cytosurf data fetch {source}` with a connection to the internet, "
        "or `cytosurf data import DIR` on a folder that has the file.",
    )
