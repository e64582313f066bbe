"""Taking data from a folder: files are recognised by their content, whatever they are called."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cytosurf.compute.files import arrays_sha256, atomic_path, file_sha256, write_npz
from cytosurf.data.cache import content_hash, is_intact, location, writable_folder
from cytosurf.data.convert import convert
from cytosurf.data.manifest import File, Source, sources
from cytosurf.data.notice import announce
from cytosurf.errors import CytosurfError, InputError


@dataclass(frozen=True)
class ImportedFile:
    """A file of a source and the file in the user's folder that it was recognised in."""

    source: str
    name: str
    origin: Path


@dataclass(frozen=True)
class IncompleteFile:
    """A converted file of which only some of the upstream files were found."""

    source: str
    name: str
    n_found: int
    n_needed: int


@dataclass(frozen=True)
class UnknownFile:
    """A file of the user's folder that was left alone, and why."""

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


@dataclass
class _Found:
    """What the folder holds of one file of a source: the file itself, or its upstream parts."""

    source: Source
    file: File
    whole: Path | None = None
    parts: dict[int, Path] = field(default_factory=dict)

    @property
    def origin(self) -> Path | None:
        """The file to name in the report, or None while parts are missing."""
        if self.whole is None and len(self.parts) == len(self.file.upstream):
            return self.parts[0]
        return self.whole


class _Index:
    """All known hashes, and for each the files and parts that have them."""

    def __init__(self, known: dict[str, Source]) -> None:
        self.found: dict[tuple[str, str], _Found] = {}
        self.names: dict[str, str] = {}
        self.sizes: set[int] = set()
        self.array_names: set[frozenset[str]] = set()
        self.by_hash: dict[str, list[tuple[tuple[str, str], int | None]]] = {}
        for source in known.values():
            for file in source.files:
                self._add(source, file)

    def _add(self, source: Source, file: File) -> None:
        key = (source.name, file.name)
        self.found[key] = _Found(source, file)
        self.names[file.name] = source.name
        for part, upstream in enumerate(file.upstream):
            self.sizes.add(upstream.bytes)
            where = (key, None if file.converter is None else part)
            self.by_hash.setdefault(upstream.sha256, []).append(where)
        if file.content_sha256 is not None:
            self.array_names.add(frozenset(str(upstream.array) for upstream in file.upstream))
            self.by_hash.setdefault(file.content_sha256, []).append((key, None))

    def take(self, path: Path) -> UnknownFile | None:
        """Note what `path` is; return it with the reason if it is nothing known."""
        try:
            hashes = [file_sha256(path)] if path.stat().st_size in self.sizes else []
            if self._may_be_converted(path):
                status = path.stat()
                hashes.append(content_hash(path, status.st_size, status.st_mtime_ns) or "")
        except OSError as error:
            return UnknownFile(path, f"could not be read: {error.strerror or error}")
        places = [place for digest in hashes for place in self.by_hash.get(digest, [])]
        for key, part in places:
            if part is None:
                self.found[key].whole = self.found[key].whole or path
            else:
                self.found[key].parts.setdefault(part, path)
        if places:
            return None
        if path.name in self.names:
            return UnknownFile(
                path,
                f"named like a file of {self.names[path.name]}, but its content is another: "
                "another version, or damaged",
            )
        return UnknownFile(path, "not in any manifest")

    def _may_be_converted(self, path: Path) -> bool:
        """Look at the table of contents only, so that no foreign archive is read in full."""
        if not zipfile.is_zipfile(path):
            return False
        try:
            with zipfile.ZipFile(path) as archive:
                names = frozenset(name.removesuffix(".npy") for name in archive.namelist())
        except zipfile.BadZipFile:
            return False
        return names in self.array_names


def import_directory(folder: str | os.PathLike[str]) -> ImportReport:
    """Take every file of a known source from a folder into the data directory.

    Files are recognised by their content, wherever they lie below the folder and whatever their
    names: by the checksum of the upstream bytes or, for converted files, by the hash of their
    arrays. A converted file is also made from its upstream files when all of them are there.
    The folder itself is only read.

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
    index = _Index(sources())
    unknown = [left for path in _files_below(root) if (left := index.take(path))]
    imported: list[ImportedFile] = []
    already: list[ImportedFile] = []
    incomplete: list[IncompleteFile] = []
    for found in index.found.values():
        source, file = found.source, found.file
        if found.origin is None:
            if found.parts and not is_intact(file, location(source.name, file.name)):
                n_needed = len(file.upstream)
                incomplete.append(
                    IncompleteFile(source.name, file.name, len(found.parts), n_needed)
                )
            continue
        entry = ImportedFile(source.name, file.name, found.origin)
        if is_intact(file, location(source.name, file.name)):
            already.append(entry)
            continue
        announce(source)
        _put(found)
        imported.append(entry)
    return ImportReport(tuple(imported), tuple(already), tuple(incomplete), tuple(unknown))


def _files_below(root: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(root):
        subfolders.sort()
        for name in sorted(names):
            yield Path(folder, name)


def _put(found: _Found) -> None:
    """Copy or convert one recognised file into the data directory."""
    file = found.file
    with writable_folder(found.source.name) as folder:
        place = folder / file.name
        if found.whole is not None:
            with atomic_path(place) as temporary:
                shutil.copyfile(found.whole, temporary)
                # The origin may have changed, or be on a failing disk: check what arrived.
                if not is_intact(file, temporary):
                    raise CytosurfError(f"{found.whole} changed while it was being copied.")
        else:
            put_converted(file, [found.parts[i] for i in range(len(file.upstream))], place)


def put_converted(file: File, parts: list[Path], place: Path) -> None:
    """Convert upstream files and store the arrays, if they have the content hash expected.

    Raises
    ------
    CytosurfError
        If the arrays differ from those that the manifest describes.
    """
    arrays = convert(file, parts)
    if arrays_sha256(dict(arrays)) != file.content_sha256:
        raise CytosurfError(
            f"{file.name}: the upstream files are the right ones, but the arrays read from them "
            "differ from those described in the manifest. Please report this, with the versions "
            "of numpy and nibabel."
        )
    write_npz(place, **arrays)
