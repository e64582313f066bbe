"""The data directory: where the files of all sources lie on this machine.

``<data directory>/<source>/<name>``. The data directory is the folder named by ``CYTOSURF_DATA``,
or the user cache of the platform. A file is only ever put there after its content was checked,
and is checked again, once per process, before it is used.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from importlib import resources
from pathlib import Path

import numpy as np

from cytosurf.compute.files import arrays_sha256, file_sha256
from cytosurf.data.manifest import File
from cytosurf.errors import InputError, MissingDataError


def data_directory() -> Path:
    """Return the folder that holds downloaded and imported data; it need not exist yet.

    Returns
    -------
    pathlib.Path
        The folder named by the environment variable ``CYTOSURF_DATA``, or the user cache of the
        platform (``~/.cache/cytosurf`` on Linux).
    """
    named = os.environ.get("CYTOSURF_DATA")
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("cytosurf", appauthor=False)


def is_offline() -> bool:
    """Return whether downloads are switched off (``CYTOSURF_OFFLINE=1``)."""
    return os.environ.get("CYTOSURF_OFFLINE", "").lower() not in ("", "0", "false", "no")


def location(source: str, name: str) -> Path:
    """Return where a file of a source lies in the data directory, whether or not it is there."""
    return data_directory() / source / name


def embedded_path(relative: str) -> Path:
    """Return a file of the embedded data set, which the BrainSpace package ships.

    Parameters
    ----------
    relative : str
        Path below ``brainspace/datasets``, e.g. ``"surfaces/conte69_32k_lh_sphere.gii"``.

    Returns
    -------
    pathlib.Path
        An existing file.

    Raises
    ------
    MissingDataError
        If the installed BrainSpace has no such file.

    Examples
    --------
    >>> embedded_path("surfaces/conte69_32k_lh_sphere.gii").name
    'conte69_32k_lh_sphere.gii'
    """
    # Not through brainspace.datasets: importing it takes two seconds and needs VTK.
    with resources.as_file(resources.files("brainspace") / "datasets") as folder:
        path = folder / relative
    if not path.is_file():
        raise MissingDataError(
            "embedded data",
            f"no file {path}",
            "a file of the BrainSpace package",
            "If it should be there, reinstall it: pip install --force-reinstall brainspace",
        )
    return path


def is_intact(file: File, path: Path) -> bool:
    """Return whether `path` exists and has the content that the manifest demands of `file`.

    Original files are compared by the SHA-256 of their bytes, converted ones by that of their
    arrays.
    """
    if not path.is_file():
        return False
    if file.converter is not None:
        return npz_content_sha256(path) == file.content_sha256
    return path.stat().st_size == file.bytes and file_sha256(path) == file.upstream[0].sha256


def is_intact_remembered(file: File, path: Path) -> bool:
    """Do the same as `is_intact`, once per process as long as size and time of the file stay."""
    if not path.is_file():
        return False
    status = path.stat()
    return _intact_at(file, path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _intact_at(file: File, path: Path, _size: int, _time_ns: int) -> bool:
    return is_intact(file, path)


def npz_content_sha256(path: Path) -> str | None:
    """Return the hash of the arrays of an ``.npz``, or None if it is damaged or needs pickle."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return arrays_sha256({name: archive[name] for name in archive.files})
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error):
        return None


@contextmanager
def writable_folder(source: str) -> Iterator[Path]:
    """Give the existing folder of a source, and say clearly when it cannot be written to.

    What was made here and is empty at the end is removed again.

    Raises
    ------
    InputError
        If the folder cannot be made, is full or may not be written to.
    """
    folder = data_directory() / source
    new = [place for place in (folder, folder.parent) if not place.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
    except OSError as error:
        raise InputError(
            f"data directory {data_directory()}",
            f"{error.strerror or error} ({error.filename or folder})",
            "a folder that can be written to, with enough space",
            "Set CYTOSURF_DATA to another folder.",
        ) from error
    finally:
        for made in new:
            with suppress(OSError):  # not empty, or never made
                made.rmdir()
