"""Tables of embeddings: feature vectors at points in the brain.

A table has one row per point: where it lies (mm, in a named space), its features and an id. On
disk it is an HDF5 file of uncompressed chunks, so that a part of it can be read without the rest:

=============  ======================  ==========================================================
dataset        shape and type          content
=============  ======================  ==========================================================
``points_mm``  (n, 3) float64          coordinates in mm
``features``   (n, d) float32          in chunks of whole rows, about 4 MB each
``ids``        (n,) int64 or UTF-8     numbers of the rows of the source where it has no ids
=============  ======================  ==========================================================

with the attributes ``format`` ("cytosurf-embeddings"), ``version`` (1) and ``space``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.features.embedding_spaces import point_space
from cytosurf.surfaces.parts import existing_file, reading

FORMAT, VERSION = "cytosurf-embeddings", 1
CHUNK_BYTES = 4 * 2**20  # of a chunk in the file
READ_BYTES = 32 * 2**20  # of what is read at once
EXPECTED = "a table of embeddings that cytosurf wrote (HDF5)"
IMPORT = "Import other files first: cytosurf embeddings import."


@dataclass(frozen=True)
class StoredFeatures:
    """The features of a table that stay in their file until they are read.

    Attributes
    ----------
    path : pathlib.Path
        The HDF5 file.
    shape : tuple of int
        Rows and columns.
    """

    path: Path
    shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class EmbeddingTable:
    """Feature vectors at points in the brain.

    Parameters
    ----------
    points_mm : (n, 3) array_like
        Where the points lie, in mm; kept as float64.
    features : (n, d) array_like or StoredFeatures
        Their features; kept as float32, or left in their file.
    ids : (n,) array_like of int or str, optional
        An id for each row; ``0, 1, ...`` if left out.
    space : str
        The space of the points: ``"bigbrain"`` (histological), ``"bigbrainsym"`` (ICBM),
        ``"colin27"``, or ``"other:NAME"``. It is required and never guessed.

    Raises
    ------
    InputError
        If the table is empty, the numbers of rows differ, a coordinate or a feature is NaN or
        infinite, or the space is missing or unknown.

    See Also
    --------
    cytosurf.features.embedding_writing.write_embeddings : Write a table from chunks.
    cytosurf.features.embedding_import.import_embeddings : Make one from files of other programs.

    Examples
    --------
    >>> table = EmbeddingTable([[0, 0, 1], [0, 0, 2]], [[1, 5], [2, 6]], space="bigbrain")
    >>> len(table), table.n_features, table.ids.tolist()
    (2, 2, [0, 1])
    >>> [rows.tolist() for _, rows in table.chunks()]
    [[[1.0, 5.0], [2.0, 6.0]]]
    >>> table
    EmbeddingTable(2 points in bigbrain, 2 features)
    """

    points_mm: npt.NDArray[np.float64]
    features: npt.NDArray[np.float32] | StoredFeatures
    ids: npt.NDArray[Any] = field(default=None)  # type: ignore[arg-type]
    space: str = field(kw_only=True)

    def __post_init__(self) -> None:
        points = np.ascontiguousarray(checked_points(self.points_mm, "points_mm"))
        features = self.features
        if not isinstance(features, StoredFeatures):
            features = checked_features(features, "features")
        shape = features.shape
        if shape[0] != len(points):
            raise InputError("features", f"{shape[0]:,} rows", f"{len(points):,}, one per point")
        if not len(points) or not shape[1]:
            raise InputError("table", f"{shape[0]:,} rows of {shape[1]} features", "at least one")
        ids = np.arange(len(points)) if self.ids is None else checked_ids(self.ids, len(points))
        for array, name in ((points, "points_mm"), (features, "features")):
            if isinstance(array, np.ndarray) and not np.isfinite(array).all():
                n_bad = int((~np.isfinite(array).all(axis=1)).sum())
                raise InputError(
                    name,
                    f"NaN or infinite values in {n_bad:,} of {len(array):,} rows",
                    "finite numbers",
                    "Leave these rows out; write_embeddings does it, with a warning.",
                )
        space = point_space(self.space)
        values = {"points_mm": points, "features": features, "ids": ids, "space": space}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        return f"EmbeddingTable({len(self):,} points in {self.space}, {self.n_features:,} features)"

    def __len__(self) -> int:
        return len(self.points_mm)

    @property
    def n_features(self) -> int:
        """Number of features of a point."""
        return int(self.features.shape[1])

    @property
    def name(self) -> str:
        """What messages call the table: its file as seen from the working folder, if it has one."""
        if not isinstance(self.features, StoredFeatures):
            return "embedding table"
        path, here = self.features.path, Path.cwd()
        return str(path.relative_to(here) if path.is_relative_to(here) else path)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> EmbeddingTable:
        """Open a table file; points and ids are read now, features when they are asked for.

        Parameters
        ----------
        path : path-like
            A file that `write` or `cytosurf embeddings import` made.

        Raises
        ------
        InputError
            If there is no such file, or it is damaged, empty or of another format.
        """
        import h5py

        file = existing_file(path, EXPECTED)
        if not h5py.is_hdf5(file):
            raise InputError(str(file), "a file that is not HDF5, or cut off", EXPECTED, IMPORT)
        with reading(file, EXPECTED), h5py.File(file, "r") as stored:
            if stored.attrs.get("format") != FORMAT:
                found = f"an HDF5 file of another kind ({', '.join(stored) or 'empty'})"
                raise InputError(str(file), found, EXPECTED, IMPORT)
            if stored.attrs["version"] != VERSION:
                found = f"version {stored.attrs['version']}"
                raise InputError(str(file), found, f"version {VERSION}", "Update cytosurf.")
            points, ids = stored["points_mm"][:], stored["ids"]
            ids = ids.asstr()[:] if h5py.check_string_dtype(ids.dtype) else ids[:]
            features = StoredFeatures(file.absolute(), stored["features"].shape)
            return cls(points, features, ids, space=str(stored.attrs["space"]))

    def chunks(self, n_rows: int | None = None) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Give the features in order, some rows at a time.

        Parameters
        ----------
        n_rows : int, optional
            Rows of a chunk; about 32 MB of them, in whole chunks of the file, if left out.

        Yields
        ------
        start : int
            The row of the table that the chunk begins with.
        features : (at most n_rows, d) ndarray of float32

        Raises
        ------
        InputError
            If the file is damaged, or a row holds NaN or infinite values.
        """
        if n_rows is None:
            per_chunk = rows_per_chunk(self.n_features)
            n_rows = per_chunk * max(1, READ_BYTES // (4 * per_chunk * self.n_features))
        starts = range(0, len(self), n_rows)
        if not isinstance(self.features, StoredFeatures):
            for start in starts:
                yield start, self.features[start : start + n_rows]
            return
        import h5py

        path = self.features.path
        with reading(path, EXPECTED), h5py.File(path, "r") as stored:
            for start in starts:
                rows = stored["features"][start : start + n_rows].astype(np.float32, copy=False)
                _check_stored(rows, start, path)
                yield start, rows

    def write(self, path: str | os.PathLike[str]) -> EmbeddingTable:
        """Write the table to an HDF5 file, under a temporary name until it is whole.

        Parameters
        ----------
        path : path-like
            ``*.h5``; an existing file is replaced.

        Returns
        -------
        EmbeddingTable
            The same table, with its features in the file.
        """
        from cytosurf.features.embedding_writing import EmbeddingChunk, write_embeddings

        chunks = (
            EmbeddingChunk(self.points_mm[a : a + len(rows)], rows, self.ids[a : a + len(rows)])
            for a, rows in self.chunks()
        )
        return write_embeddings(path, chunks, space=self.space)


def rows_per_chunk(n_features: int) -> int:
    """Return how many rows a chunk of the file has."""
    return max(1, CHUNK_BYTES // (4 * n_features))


def checked_points(points: npt.ArrayLike, where: str) -> npt.NDArray[np.float64]:
    """Return coordinates as float64, or raise `InputError` unless they are (n, 3) numbers."""
    array = np.asarray(points)
    if array.dtype.kind not in "iuf" or array.ndim != 2 or array.shape[1] != 3:
        raise InputError(where, f"{array.dtype} array of shape {array.shape}", "(n, 3) numbers")
    return array.astype(np.float64)


def checked_features(features: npt.ArrayLike, where: str) -> npt.NDArray[np.float32]:
    """Return features as float32, or raise `InputError` unless they are (n, d) numbers."""
    try:
        array = np.asarray(features)
    except ValueError:
        raise InputError(
            where, "rows of different lengths", "the same number of features in every row"
        ) from None
    if array.dtype.kind not in "biuf" or array.ndim != 2:
        raise InputError(where, f"{array.dtype} array of shape {array.shape}", "(n, d) numbers")
    with np.errstate(over="ignore"):  # becomes infinite, which is told to the user
        return np.ascontiguousarray(array, dtype=np.float32)


def checked_ids(ids: npt.ArrayLike, n_rows: int) -> npt.NDArray[Any]:
    """Return ids as int64 or as text, or raise `InputError` unless there is one for each row."""
    array = np.asarray(ids)
    if array.shape != (n_rows,):
        raise InputError("ids", f"shape {array.shape}", f"({n_rows},), one per row")
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "O" and not all(isinstance(value, str) for value in array):
        raise InputError("ids", "Python objects", "whole numbers or text")
    if array.dtype.kind not in "OUT":
        raise InputError("ids", f"dtype {array.dtype}", "whole numbers or text")
    return array.astype(object)


def _check_stored(rows: npt.NDArray[np.float32], start: int, path: Path) -> None:
    # A sum is finite where all its terms are, and a tenth of the work of asking every one.
    if np.isfinite(rows.sum(dtype=np.float64)) or np.isfinite(rows).all():
        return
    row = start + int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
    raise InputError(
        str(path), f"NaN or infinite features in row {row:,}", "finite numbers", "Import it again."
    )
