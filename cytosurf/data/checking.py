"""Checking the data directory against the manifests."""

from __future__ import annotations

from dataclasses import dataclass

from cytosurf.data.cache import is_intact, location
from cytosurf.data.manifest import sources


@dataclass(frozen=True)
class SourceStatus:
    """The files of one source in the data directory, by name.

    Parameters
    ----------
    ok : tuple of str
        There, with the right content.
    damaged : tuple of str
        There, with another content.
    missing : tuple of str
        Not there.
    """

    ok: tuple[str, ...]
    damaged: tuple[str, ...]
    missing: tuple[str, ...]


def verify() -> dict[str, SourceStatus]:
    """Read every file in the data directory again and compare it with its checksum.

    Returns
    -------
    dict of str to SourceStatus
        One entry for each source that has files. Nothing is changed or downloaded:
        `cytosurf.data.fetch` and `cytosurf.data.import_directory` replace damaged files.
    """
    report = {}
    for source in sources().values():
        states: dict[str, list[str]] = {"ok": [], "damaged": [], "missing": []}
        for file in source.files:
            place = location(source.name, file.name)
            state = "missing" if not place.exists() else "damaged"
            states["ok" if is_intact(file, place) else state].append(file.name)
        if source.files:
            report[source.name] = SourceStatus(**{k: tuple(v) for k, v in states.items()})
    return report


def count_present() -> dict[str, int]:
    """Return for every source how many of its files are in the data directory, unread."""
    return {
        source.name: sum(location(source.name, file.name).exists() for file in source.files)
        for source in sources().values()
    }
