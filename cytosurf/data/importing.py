"""Taking data from a folder: files are recognised by their content, whatever they are called."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from cytosurf.compute.files import atomic_path
from cytosurf.data.cache import is_intact, location, writable_folder
from cytosurf.data.convert import store_converted
from cytosurf.data.manifest import sources
from cytosurf.data.notice import announce
from cytosurf.data.recognise import Candidate, Recogniser
from cytosurf.errors import CytosurfError, InputError


@dataclass(frozen=True)
class ImportedFile:
    """A file of a source and the files of the user's folder that it was recognised in."""

    source: str
    name: str
    origin: tuple[Path, ...]


@dataclass(frozen=True)
class IncompleteFile:
    """A converted file of which only some of the upstream files were found."""

    source: str
    name: str
    n_found: int
    n_needed: int


@dataclass(frozen=True)
class UnknownFile:
    """A file or folder of the user's folder that was left alone, and why."""

    path: Path
    reason: str


@dataclass(frozen=True)
class ImportReport:
    """What `import_directory` did; nothing in the folder goes unmentioned.

    Parameters
    ----------
    imported : tuple of ImportedFile
        Copied or converted into the data directory.
    already_there : tuple of ImportedFile
        Recognised, and intact in the data directory before.
    incomplete : tuple of IncompleteFile
        Not converted, because some of the upstream files were not in the folder.
    unknown : tuple of UnknownFile
        Left alone.

    Examples
    --------
    >>> print(ImportReport())
    0 files imported, 0 already there, 0 incomplete, 0 unknown
    """

    imported: tuple[ImportedFile, ...] = ()
    already_there: tuple[ImportedFile, ...] = ()
    incomplete: tuple[IncompleteFile, ...] = ()
    unknown: tuple[UnknownFile, ...] = ()

    def __str__(self) -> str:
        return (
            f"{len(self.imported)} files imported, {len(self.already_there)} already there, "
            f"{len(self.incomplete)} incomplete, {len(self.unknown)} unknown"
        )


def import_directory(folder: str | os.PathLike[str]) -> ImportReport:
    """Take every file of a known source from a folder into the data directory.

    Files are recognised by their content, wherever they lie below the folder and whatever their
    names: by the checksum of the upstream bytes or, for converted files, by the hash of their
    arrays. A converted file is also made from its upstream files when all of them are there.
    The folder itself is only read. The licence notice of a source is printed to standard error
    when its first file is taken.

    Parameters
    ----------
    folder : path-like
        A folder, e.g. on a disk that was filled on a machine with internet.

    Returns
    -------
    ImportReport
        What was imported, what was already there, what is incomplete and what is unknown.

    Raises
    ------
    InputError
        If `folder` is not a folder, or the data directory cannot be written to.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise InputError(str(folder), "no such folder", "a folder with data files")
    recogniser = Recogniser(sources().values())
    unknown = _recognise_below(root, recogniser)
    imported: list[ImportedFile] = []
    already: list[ImportedFile] = []
    incomplete: list[IncompleteFile] = []
    for found in recogniser.candidates:
        name, file = found.source.name, found.file
        intact = is_intact(file, location(name, file.name)) if found.whole or found.parts else True
        if found.is_complete:
            origin = (found.whole,) if found.whole else tuple(found.ordered_parts())
            (already if intact else imported).append(ImportedFile(name, file.name, origin))
            if not intact:
                announce(found.source)
                _put(found)
        elif not intact:
            n_needed = len(file.upstream)
            incomplete.append(IncompleteFile(name, file.name, len(found.parts), n_needed))
    return ImportReport(tuple(imported), tuple(already), tuple(incomplete), tuple(unknown))


def _recognise_below(root: Path, recogniser: Recogniser) -> list[UnknownFile]:
    """Show every file below `root` to the recogniser; return those that it does not know."""
    unknown: list[UnknownFile] = []

    def note_unreadable(error: OSError) -> None:
        reason = f"could not be read: {error.strerror or error}"
        unknown.append(UnknownFile(Path(error.filename), reason))

    for folder, subfolders, names in os.walk(root, onerror=note_unreadable):
        subfolders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if reason := recogniser.take(path):
                unknown.append(UnknownFile(path, reason))
    return unknown


def _put(found: Candidate) -> None:
    """Copy or convert one recognised file into the data directory."""
    file = found.file
    with writable_folder(found.source.name) as folder:
        place = folder / file.name
        if found.whole is None:
            store_converted(file, found.ordered_parts(), place)
            return
        with atomic_path(place) as temporary:
            shutil.copyfile(found.whole, temporary)
            # The origin may have changed meanwhile, or lie on a failing disk.
            if not is_intact(file, temporary):
                raise CytosurfError(f"{found.whole} changed while it was being copied.")
