"""Writing tables of embeddings chunk by chunk, without ever holding all features.

What a network gives for a batch of patches is a chunk. Rows with NaN or infinite values (patches
off the tissue, failed batches) are left out with a count; more than 5 % of them is an error.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf._version import __version__
from cytosurf.compute.files import atomic_path
from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.features.embedding_spaces import point_space
from cytosurf.features.embedding_table import (
    FORMAT,
    VERSION,
    EmbeddingTable,
    checked_features,
    checked_ids,
    checked_points,
    rows_per_chunk,
)
from cytosurf.features.sets import MAX_DROPPED_SHARE
from cytosurf.surfaces.parts import naming

HDF5_SUFFIXES = (".h5", ".hdf5", ".he5")
CACHE_BYTES = 64 * 2**20  # chunks of the file that wait until they are full


@dataclass(frozen=True, eq=False)
class EmbeddingChunk:
    """Some rows of a table: points (n, 3), features (n, d) and, in all chunks or none, ids (n,)."""

    points: npt.ArrayLike
    features: npt.ArrayLike
    ids: npt.ArrayLike | None = None


def write_embeddings(
    path: str | os.PathLike[str],
    chunks: Iterable[EmbeddingChunk],
    *,
    space: str,
    source: str = "",
) -> EmbeddingTable:
    """Write a table of embeddings from chunks, and open it.

    Parameters
    ----------
    path : path-like
        The HDF5 file to write, ``*.h5``; it has a temporary name until it is whole.
    chunks : iterable of EmbeddingChunk
        Any number of rows each, all with the same number of features; points in mm.
    space : str
        The space of the points, see `EmbeddingTable`.
    source : str, optional
        Where the rows come from, kept as an attribute of the file.

    Returns
    -------
    EmbeddingTable

    Raises
    ------
    InputError
        If there is no row, a chunk has another number of features than the first, more than 5 % of
        the rows are NaN or infinite, or the file has another ending or cannot be written. Nothing
        is then left.

    Warns
    -----
    CytosurfWarning
        If rows were left out because they are NaN or infinite.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     batches = (EmbeddingChunk([[0, 0, i]], [[i, 2 * i]]) for i in range(3))
    ...     table = write_embeddings(Path(folder) / "t.h5", batches, space="bigbrain")
    ...     table.points_mm[:, 2].tolist(), table.n_features
    ([0.0, 1.0, 2.0], 2)
    """
    import h5py

    name = point_space(space)
    where = os.fspath(path)
    if Path(path).suffix.lower() not in HDF5_SUFFIXES:
        raise InputError(
            where, f"the ending {Path(path).suffix!r}", f"one of {', '.join(HDF5_SUFFIXES)}"
        )
    n_seen = n_dropped = 0
    try:
        with atomic_path(path) as temporary:
            with h5py.File(temporary, "w", rdcc_nbytes=CACHE_BYTES) as file:
                file.attrs.update(format=FORMAT, version=VERSION, space=name, source=source)
                file.attrs["written_by"] = f"cytosurf {__version__}"
                for chunk in chunks:
                    with naming(where):
                        n_rows, kept = _append(file, chunk, n_seen)
                    n_seen, n_dropped = n_seen + n_rows, n_dropped + n_rows - kept
            _check_dropped(where, n_seen, n_dropped)
    except OSError as error:
        raise InputError(
            where,
            f"a place that cannot be written to ({error.strerror or error})",
            "a folder with write permission and space left",
            "Choose another folder.",
        ) from error
    return EmbeddingTable.open(Path(path))


def _append(file: Any, chunk: EmbeddingChunk, start: int) -> tuple[int, int]:
    """Append the finite rows of a chunk; return how many rows it has and how many were kept."""
    points = checked_points(chunk.points, "points")
    features = checked_features(chunk.features, "features")
    n_rows = len(points)
    rows = f"rows {start:,} to {start + n_rows - 1:,}"
    if len(features) != n_rows:
        raise InputError(rows, f"{len(features):,} features", f"{n_rows:,}, one per point")
    ids = np.arange(start, start + n_rows)
    if chunk.ids is not None:
        ids = checked_ids(chunk.ids, n_rows)
    if n_rows == 0:
        return 0, 0
    if "features" not in file:
        _make_datasets(file, features.shape[1], ids.dtype.kind)
    n_features = file["features"].shape[1]
    if features.shape[1] != n_features:
        raise InputError(
            rows,
            f"{features.shape[1]} features",
            f"{n_features}, as in the rows before",
            "All rows must come from the same layer of the same network.",
        )
    if (ids.dtype.kind in "iu") != (file["ids"].dtype.kind in "iu"):
        raise InputError(rows, "ids of another kind", "whole numbers in all chunks, or text in all")
    kept = np.flatnonzero(np.isfinite(points).all(axis=1) & np.isfinite(features).all(axis=1))
    for name, values in (("points_mm", points), ("features", features), ("ids", ids)):
        dataset = file[name]
        end = len(dataset) + len(kept)
        dataset.resize(end, axis=0)
        dataset[end - len(kept) :] = values if len(kept) == n_rows else values[kept]
    return n_rows, len(kept)


def _make_datasets(file: Any, n_features: int, kind_of_ids: str) -> None:
    import h5py

    if not n_features:
        raise InputError("features", "no column", "at least one feature")
    of_ids = np.int64 if kind_of_ids in "iu" else h5py.string_dtype()
    rows = rows_per_chunk(n_features)
    _make_dataset(file, "points_mm", (3,), np.float64, 2**16)
    _make_dataset(file, "features", (n_features,), np.float32, rows)
    _make_dataset(file, "ids", (), of_ids, 2**16)


def _make_dataset(file: Any, name: str, width: tuple[int, ...], dtype: Any, rows: int) -> None:
    """Make an empty dataset that rows can be appended to, in chunks of so many rows."""
    file.create_dataset(name, (0, *width), dtype, maxshape=(None, *width), chunks=(rows, *width))


def _check_dropped(where: str, n_seen: int, n_dropped: int) -> None:
    if n_seen == 0:
        raise InputError(where, "no row", "at least one point with its features")
    if n_dropped > MAX_DROPPED_SHARE * n_seen:
        raise InputError(
            where,
            f"NaN or infinite values in {n_dropped:,} of {n_seen:,} rows "
            f"({n_dropped / n_seen:.1%})",
            f"at most {MAX_DROPPED_SHARE:.0%} of the rows",
            "Find out why they failed, or leave them out on purpose.",
        )
    if n_dropped:
        warnings.warn(
            f"{where}: {n_dropped:,} of {n_seen:,} rows have NaN or infinite values and were "
            "left out.",
            CytosurfWarning,
            stacklevel=3,
        )
