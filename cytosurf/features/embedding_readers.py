"""Tables of other programs, read some rows at a time: npz, HDF5, parquet, csv and tsv.

Array files (npz, HDF5) are read by the names of their arrays, tables (parquet, csv, tsv) by those
of their columns; the user says which. Nothing is unpickled, and no file is held as a whole.
"""

from __future__ import annotations

import fnmatch
import re
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError, unknown_name
from cytosurf.features.embedding_writing import EmbeddingChunk
from cytosurf.surfaces.parts import reading

if TYPE_CHECKING:
    import pandas as pd
    from pandas.io.parsers import TextFileReader

Read = Callable[[int], npt.NDArray[Any]]  # the next rows, at most so many

ROWS = 4096
MOST_BYTES_AT_ONCE = 2**30  # of an array that cannot be read in parts
ARRAY_SUFFIXES = (".npz", ".h5", ".hdf5", ".he5")
PARQUET_SUFFIXES = (".parquet", ".pq")
TEXT_SUFFIXES = (".csv", ".tsv")
NO_HEAD = "Unnamed: 0"  # what pandas calls a first column without a head, as it writes its index
PARQUET_INDEX = "__index_level_*__"  # what it calls an index without a name in parquet files
WHOLE = re.compile("0|-?[1-9][0-9]{0,17}")  # fits int64, and comes back as it was written
SUFFIXES = (*ARRAY_SUFFIXES, *PARQUET_SUFFIXES, *TEXT_SUFFIXES)


@dataclass(frozen=True)
class Names:
    """What the user calls the parts of a table.

    Attributes
    ----------
    points : tuple of str
        One array (n, 3) or three arrays or columns x, y, z.
    features : tuple of str
        Arrays (n, d) or (n,), or columns; ``*`` and ``?`` stand for any characters in names of
        columns, but not for the index of a pandas table. A column of a parquet file may hold lists.
    ids : str or None
        An array or column of ids. Those of a csv or tsv file are text as it stands there unless
        all are whole numbers without leading zeros.
    """

    points: tuple[str, ...]
    features: tuple[str, ...]
    ids: str | None = None


def read_chunks(path: Path, names: Names) -> Iterator[EmbeddingChunk]:
    """Give the rows of a file of another program, in order.

    Parameters
    ----------
    path : pathlib.Path
        An existing ``.npz``, ``.h5``, ``.hdf5``, ``.parquet``, ``.csv`` or ``.tsv`` file.
    names : Names
        The arrays or columns to read.

    Yields
    ------
    EmbeddingChunk

    Raises
    ------
    InputError
        If the file is damaged or of another kind, an array or column is missing or holds no
        numbers, or rows differ in length.
    """
    suffix = path.suffix.lower()
    readers = dict.fromkeys(TEXT_SUFFIXES, _text_chunks)
    readers |= dict.fromkeys(PARQUET_SUFFIXES, _parquet_chunks)
    readers |= dict.fromkeys(ARRAY_SUFFIXES, _hdf5_chunks) | {".npz": _npz_chunks}
    if suffix not in readers:
        raise InputError(str(path), f"the ending {suffix!r}", f"one of {', '.join(SUFFIXES)}")
    with reading(path, f"a whole {suffix} file"):
        yield from readers[suffix](path, names)


def _npz_chunks(path: Path, names: Names) -> Iterator[EmbeddingChunk]:
    with zipfile.ZipFile(path) as archive, ExitStack() as stack:
        known = {name.removesuffix(".npy"): name for name in archive.namelist()}

        def find(name: str) -> tuple[int, Read]:
            if name not in known:
                raise unknown_name(f"{path}, arrays", name, known)
            stream = stack.enter_context(archive.open(known[name]))
            return _npy_rows(stream, f"{path}, array {name}")  # type: ignore[arg-type]

        yield from _array_chunks(path, names, find)


def _npy_rows(stream: BinaryIO, where: str) -> tuple[int, Read]:
    """Return the number of rows of an array in an npz, and what reads the next of them."""
    version = np.lib.format.read_magic(stream)
    header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if header is None:
        raise InputError(where, f"version {version} of the npy format", "version 1 or 2")
    shape, by_columns, dtype = header(stream)
    if dtype.hasobject:
        raise InputError(
            where,
            "an object array (pickled)",
            "an array of numbers or text",
            "Save numbers, and ids as text: np.array(ids).astype(str).",
        )
    if not shape:
        raise InputError(where, "a single number", "an array with one row per point")
    width = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    if by_columns and len(shape) > 1:
        n_bytes = shape[0] * width
        if n_bytes > MOST_BYTES_AT_ONCE:
            raise InputError(
                where,
                f"an array of {n_bytes / 2**30:.1f} GB stored by columns",
                "one stored by rows, which can be read in parts",
                "Save it with np.ascontiguousarray(array).",
            )
        whole = np.frombuffer(stream.read(n_bytes), dtype).reshape(shape, order="F")
        return shape[0], _rows_of(whole)

    def read(n_rows: int) -> npt.NDArray[Any]:
        content = stream.read(n_rows * width)
        return np.frombuffer(content, dtype).reshape(-1, *shape[1:])

    return shape[0], read


def _rows_of(array: Any) -> Read:
    """Return what reads the next rows of an array or dataset."""
    rows = iter(range(0, array.shape[0], ROWS))

    def read(n_rows: int) -> npt.NDArray[Any]:
        start = next(rows)
        part: npt.NDArray[Any] = array[start : start + n_rows]
        return part

    return read


def _hdf5_chunks(path: Path, names: Names) -> Iterator[EmbeddingChunk]:
    import h5py

    with h5py.File(path, "r") as file:
        known: list[str] = []
        file.visititems(lambda n, thing: known.append(n) if hasattr(thing, "shape") else None)

        def find(name: str) -> tuple[int, Read]:
            if name.strip("/") not in known:
                raise unknown_name(f"{path}, datasets", name, known)
            return _dataset_rows(file[name], f"{path}, dataset {name}")

        yield from _array_chunks(path, names, find)


def _dataset_rows(dataset: Any, where: str) -> tuple[int, Read]:
    """Return the number of rows of a dataset, and what reads the next of them."""
    import h5py

    text = h5py.check_string_dtype(dataset.dtype) is not None
    if not dataset.shape or (dataset.dtype.kind not in "biuf" and not text):
        found = f"{dataset.dtype} of shape {dataset.shape}"
        raise InputError(where, found, "numbers or text with one row per point")
    return dataset.shape[0], _rows_of(dataset.asstr() if text else dataset)


def _array_chunks(
    path: Path, names: Names, find: Callable[[str], tuple[int, Read]]
) -> Iterator[EmbeddingChunk]:
    """Give the rows of named arrays side by side."""
    wanted = [*names.points, *names.features, *([names.ids] if names.ids else [])]
    found = {name: find(name) for name in wanted}
    lengths = {name: n_rows for name, (n_rows, _) in found.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{name} {n:,}" for name, n in lengths.items())
        raise InputError(str(path), f"arrays of different lengths ({counts} rows)", "one length")
    for _ in range(0, lengths[names.points[0]], ROWS):
        part = {name: read(ROWS) for name, (_, read) in found.items()}
        points = _beside(path, [part[name] for name in names.points])
        features = _beside(path, [part[name] for name in names.features])
        yield EmbeddingChunk(points, features, part[names.ids] if names.ids else None)


def _beside(path: Path, arrays: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    for array in arrays:
        if array.ndim > 2 or array.dtype.kind not in "biuf":
            found = f"{array.dtype} array of shape (n, {', '.join(map(str, array.shape[1:]))})"
            raise InputError(str(path), found, "numbers, (n, columns) or (n,)")
    return arrays[0] if len(arrays) == 1 else np.column_stack(arrays)


def _parquet_chunks(path: Path, names: Names) -> Iterator[EmbeddingChunk]:
    try:
        from pyarrow import parquet
    except ImportError:
        raise InputError(
            str(path), "no pyarrow to read it with", "pyarrow", "pip install 'cytosurf[parquet]'"
        ) from None
    with parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        index = {name for name in schema.names if fnmatch.fnmatchcase(name, PARQUET_INDEX)}
        described = (schema.pandas_metadata or {}).get("index_columns", [])
        index |= {name for name in described if isinstance(name, str)}  # a range is a dict
        points, features = _chosen(path, names, schema.names, index)
        wanted = [*points, *features, *([names.ids] if names.ids else [])]
        for batch in file.iter_batches(batch_size=ROWS, columns=wanted):
            # All columns stay columns: pandas would take those of its index away.
            part = batch.to_pandas(ignore_metadata=True)
            yield _chunk_of(path, part, points, features, names.ids)


def _text_chunks(path: Path, names: Names) -> Iterator[EmbeddingChunk]:
    import pandas as pd

    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    head = pd.read_csv(path, sep=separator, encoding="utf-8-sig", nrows=0)
    columns = [str(c) for c in head.columns]
    index = [name for name in columns[:1] if name == NO_HEAD]
    points, features = _chosen(path, names, columns, index)
    # pandas would guess the type of ids anew in each part, and take the zeros off 007.
    types = {names.ids: str} if names.ids else None
    read = partial(
        pd.read_csv, path, sep=separator, encoding="utf-8-sig", chunksize=ROWS, dtype=types
    )
    whole = bool(names.ids) and _whole_ids(str(names.ids), read)
    with read() as parts:
        for part in parts:
            if names.ids:
                _check_none_missing(path, part[names.ids], names.ids)
            if whole:
                part[names.ids] = part[names.ids].astype(np.int64)
            yield _chunk_of(path, part, points, features, names.ids)


def _whole_ids(ids: str, read: Callable[..., TextFileReader]) -> bool:
    """Return whether the ids of all rows, read as text, are whole numbers as these are written."""
    with read(usecols=[ids]) as parts:
        return all(WHOLE.fullmatch(text) for part in parts for text in part[ids].dropna())


def _check_none_missing(path: Path, column: pd.Series[Any], name: str) -> None:
    missing = np.flatnonzero(column.isna())
    if missing.size:
        found = f"no id in row {column.index[missing[0]]} of column {name!r}"
        raise InputError(
            str(path), found, "an id in every row, and none that means a missing value (NA, null)"
        )


def _chosen(
    path: Path, names: Names, columns: Sequence[str], index: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return the columns of the points, and those of the features that names and patterns fit.

    No pattern fits columns of an index: they are features only if they are named.
    """
    for name in (*names.points, *([names.ids] if names.ids else [])):
        if name not in columns:
            raise _missing(path, name, columns)
    taken = {*names.points, names.ids, *index}
    features: dict[str, None] = {}
    for pattern in names.features:
        if pattern in columns:
            fitting = [pattern]
        else:
            free = (column for column in columns if column not in taken)
            fitting = [column for column in free if fnmatch.fnmatchcase(column, pattern)]
        if not fitting:
            raise _missing(path, pattern, columns)
        features |= dict.fromkeys(fitting)
    return list(names.points), list(features)


def _missing(path: Path, name: str, columns: Sequence[str]) -> InputError:
    most = 12  # names in the message: a table has hundreds of columns
    shown = ", ".join(columns[:most]) + (f", ... ({len(columns)})" if len(columns) > most else "")
    return InputError(
        str(path), f"no column {name!r}", f"one of its columns: {shown}", "Name the right one."
    )


def _chunk_of(
    path: Path, part: pd.DataFrame, points: list[str], features: list[str], ids: str | None
) -> EmbeddingChunk:
    for column in points:
        _check_numbers(path, part[column], column)
    return EmbeddingChunk(
        part[points].to_numpy(dtype=np.float64),
        _feature_rows(path, part, features),
        part[ids].to_numpy() if ids else None,
    )


def _feature_rows(path: Path, part: pd.DataFrame, features: list[str]) -> npt.NDArray[Any]:
    """Return the features of some rows: columns of numbers, or one column of lists."""
    if len(features) == 1 and part[features[0]].dtype == object and len(part):
        rows = part[features[0]].tolist()
        lengths = {len(row) if isinstance(row, list | np.ndarray) else -1 for row in rows}
        if len(lengths) == 1 and -1 not in lengths:
            return np.array(rows)
        if -1 not in lengths:
            found = f"lists of {min(lengths)} to {max(lengths)} numbers in column {features[0]!r}"
            raise InputError(str(path), found, "lists of one length")
    for column in features:
        _check_numbers(path, part[column], column)
    return part[features].to_numpy(dtype=np.float64)


def _check_numbers(path: Path, column: pd.Series[Any], name: str) -> None:
    if column.dtype.kind in "biuf" or not len(column):
        return
    raise InputError(
        str(path),
        f"text in column {name!r} (such as {next(iter(column))!r})",
        "numbers",
        "Name the columns of the features; one of ids is named apart (ids, --ids).",
    )
