"""Getting files of a source: from the data directory, or else from the internet."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from cytosurf.data.cache import (
    data_directory,
    is_intact_remembered,
    is_offline,
    location,
    writable_folder,
)
from cytosurf.data.convert import store_converted
from cytosurf.data.manifest import File, load_source
from cytosurf.data.notice import announce
from cytosurf.errors import MissingDataError


def path(source: str, name: str) -> Path:
    """Return the local copy of a file of a source, and download it first if necessary.

    The content of the local file is compared with the checksum of the manifest, once per
    process. A damaged file is downloaded again.

    Parameters
    ----------
    source : str
        Name of a source, e.g. ``"yeo"``.
    name : str
        Name of one of its files.

    Returns
    -------
    pathlib.Path
        A file with exactly the content that the manifest describes.

    Raises
    ------
    InputError
        If there is no such source or file (the message names the nearest), or the data
        directory cannot be written to.
    MissingDataError
        If the file is not there and ``CYTOSURF_OFFLINE`` forbids downloads.
    DownloadError
        If every address of the file failed.
    """
    entry = load_source(source)
    file = entry.file(name)
    place = location(source, name)
    if is_intact_remembered(file, place):
        return place
    state = "is damaged" if place.exists() else "is not there"
    if entry.access == "import":
        raise MissingDataError(
            f"data source {source}",
            f"that {name} {state} and has no address that it could be downloaded from",
            f"the file in the data directory {data_directory()}",
            "Run `cytosurf data import DIR` on a folder that has it; `cytosurf data list "
            f"{source}` says what it is, {entry.homepage} what it was made of.",
        )
    if is_offline():
        raise MissingDataError(
            f"data source {source}",
            f"that {name} {state} and that CYTOSURF_OFFLINE forbids downloads",
            f"the file in the data directory {data_directory()}",
            f"Run `cytosurf data fetch {source}` where there is a connection, or "
            "`cytosurf data import DIR` on a folder that has the file.",
        )
    with writable_folder(source):
        _download(file, place, before_arrival=lambda: announce(entry))
    return place


def fetch(source: str) -> list[Path]:
    """Download every file of a source that is not in the data directory yet.

    Progress is shown where standard error is a terminal. The licence notice of the source is
    printed there before its first file arrives.

    Parameters
    ----------
    source : str
        Name of a source.

    Returns
    -------
    list of pathlib.Path
        All files of the source; empty for sources that come with a Python package.

    Raises
    ------
    InputError
        If there is no such source, or its files are not known to cytosurf.
    MissingDataError, DownloadError
        As for `path`.
    """
    entry = load_source(source)
    entry.check_downloadable()
    return [path(source, file.name) for file in entry.files]


def _download(file: File, place: Path, before_arrival: Callable[[], None]) -> None:
    """Download, check and, if need be, convert one file; it appears whole or not at all.

    What is to be said `before_arrival` is said when the download has succeeded.
    """
    from cytosurf.data.download import download, progress_bar

    with (
        tempfile.TemporaryDirectory(prefix=".tmp-", dir=place.parent) as scratch,
        progress_bar(file.name, file.bytes) as bar,
    ):
        parts = [Path(scratch, str(i)) for i in range(len(file.upstream))]
        for upstream, part in zip(file.upstream, parts, strict=True):
            download(upstream, part, bar)
        before_arrival()
        if file.converter is None:
            parts[0].replace(place)
        else:
            store_converted(file, parts, place)
