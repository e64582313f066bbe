"""Telling what a file is by its content alone."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cytosurf.compute.files import file_sha256
from cytosurf.data.cache import npz_content_sha256
from cytosurf.data.manifest import File, Source

NPZ_MAGIC = b"PK\x03\x04"


@dataclass
class Candidate:
    """A file of a source, and what was found of it: the file itself, or its upstream parts."""

    source: Source
    file: File
    whole: Path | None = None
    parts: dict[int, Path] = field(default_factory=dict)

    @property
    def is_complete(self) -> bool:
        """Whether the file can be copied, or converted from its parts."""
        return self.whole is not None or len(self.parts) == len(self.file.upstream)

    def ordered_parts(self) -> list[Path]:
        """Return the upstream parts in the order of the manifest."""
        return [self.parts[i] for i in sorted(self.parts)]


class Recogniser:
    """All known hashes, and what was recognised by them so far.

    Parameters
    ----------
    known : iterable of Source
        The sources whose files can be recognised.
    """

    def __init__(self, known: Iterable[Source]) -> None:
        self.candidates = [Candidate(source, file) for source in known for file in source.files]
        self._sizes: set[int] = set()
        self._array_names: set[frozenset[str]] = set()
        self._by_hash: dict[str, list[tuple[Candidate, int | None]]] = {}
        self._source_of_name = {c.file.name: c.source.name for c in self.candidates}
        for candidate in self.candidates:
            self._register(candidate)

    def _register(self, candidate: Candidate) -> None:
        file = candidate.file
        for part, upstream in enumerate(file.upstream):
            self._sizes.add(upstream.bytes)
            meaning = (candidate, None if file.converter is None else part)
            self._by_hash.setdefault(upstream.sha256, []).append(meaning)
        if file.content_sha256 is not None:
            self._array_names.add(frozenset(str(upstream.array) for upstream in file.upstream))
            self._by_hash.setdefault(file.content_sha256, []).append((candidate, None))

    def take(self, path: Path) -> str:
        """Note what `path` is.

        Parameters
        ----------
        path : pathlib.Path
            Any file.

        Returns
        -------
        str
            Empty if the file was recognised, otherwise why it was not.
        """
        try:
            hashes = self._hashes(path)
        except OSError as error:
            return f"could not be read: {error.strerror or error}"
        meanings = [meaning for digest in hashes for meaning in self._by_hash.get(digest, [])]
        for candidate, part in meanings:
            if part is None:
                candidate.whole = candidate.whole or path
            else:
                candidate.parts.setdefault(part, path)
        if meanings:
            return ""
        if path.name in self._source_of_name:
            return (
                f"named like a file of {self._source_of_name[path.name]}, but its content is "
                "another: another version, or damaged"
            )
        return "not in any manifest"

    def _hashes(self, path: Path) -> list[str]:
        """Return the hashes worth looking up; large foreign files are not read."""
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
            raise OSError("not a regular file")
        hashes = [file_sha256(path)] if status.st_size in self._sizes else []
        with path.open("rb") as stream:
            is_archive = stream.read(len(NPZ_MAGIC)) == NPZ_MAGIC
        if is_archive and self._has_known_names(path):
            hashes.append(npz_content_sha256(path) or "")
        return hashes

    def _has_known_names(self, path: Path) -> bool:
        """Return whether an archive has the array names of a converted file."""
        try:
            with zipfile.ZipFile(path) as archive:
                names = frozenset(name.removesuffix(".npy") for name in archive.namelist())
        except zipfile.BadZipFile:
            return False
        return names in self._array_names
