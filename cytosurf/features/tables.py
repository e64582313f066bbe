"""Features from csv and tsv tables: one row per vertex, or one row per parcel.

A table has a header line when its first line holds anything but numbers; without one, columns are
called ``column_1, ...``. Cells are numbers; empty cells and ``NaN`` are missing values.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.surfaces.maps import Parcellation

if TYPE_CHECKING:
    import pandas as pd

TABLE_SUFFIXES = (".csv", ".tsv")
KEY_COLUMNS = ("key", "index", "label", "id")
NAME_COLUMNS = ("name", "region", "parcel", "area", "")
UNNAMED = ("",)  # what pandas writes as the head of an index
VERTEX_COLUMNS = ("vertex", "index", *UNNAMED)


def vertex_table(path: Path) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    """Read a table with one row per vertex.

    A first column called ``vertex`` or ``index``, or without a name, must count the rows from 0
    or 1; it is left out.

    Parameters
    ----------
    path : pathlib.Path
        A csv or tsv file.

    Returns
    -------
    values : (n_rows, n_columns) ndarray of float64
    columns : tuple of str

    Raises
    ------
    InputError
        If the file is no table of numbers, or its first column is an index in another order.
    """
    return _numbers(path, _without_counter(path, _read(path), VERTEX_COLUMNS))


def parcel_table(
    path: Path, parcellation: Parcellation, where: str
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], tuple[str, ...], tuple[str, ...]]:
    """Read a table with one row per parcel, and give every vertex the values of its parcel.

    Rows find their parcel by a column of keys (called ``key``, ``index``, ``label`` or ``id``),
    else by a column of names (``name``, ``region``, ``parcel`` or ``area``), else by their order:
    then there must be as many rows as the parcellation has keys. A row of key 0 is left out; keys
    that count as many rows as there are parcels from 0 are refused.

    Parameters
    ----------
    path : pathlib.Path
        A csv or tsv file.
    parcellation : Parcellation
        The parcels of the rows.
    where : str
        What to call the file in messages.

    Returns
    -------
    values : (n_vertices, n_columns) ndarray of float64
        0 where not valid.
    valid : (n_vertices,) ndarray of bool
        Vertices of parcels that have a row.
    columns : tuple of str
    notes : tuple of str

    Raises
    ------
    InputError
        If a row names no parcel or several, two rows name the same, keys are no whole numbers or
        may only count the rows, or the number of rows does not fit.
    """
    table = _without_counter(path, _read(path), UNNAMED)
    keys, how = _row_keys(table, parcellation, where)
    values, columns = _numbers(path, table.drop(columns=[] if how == "order" else [how]))
    keys, values = keys[keys > 0], values[keys > 0]
    if not keys.size:
        raise InputError(where, "no row of a parcel", "one row per parcel")
    repeated = keys[np.flatnonzero(np.bincount(keys)[keys] > 1)]
    if repeated.size:
        raise InputError(where, f"several rows of parcel {repeated[0]}", "one row per parcel")
    row_of_key = np.full(max(int(parcellation.keys.max()), int(keys.max())) + 1, -1)
    row_of_key[keys] = np.arange(len(keys))
    row = row_of_key[parcellation.keys]
    valid = (parcellation.keys > 0) & (row >= 0)
    on_vertices = np.where(valid[:, None], values[row], 0.0)
    missing = np.setdiff1d(parcellation.used_keys(), keys)
    notes = [f"one value per parcel, rows matched by {how}: vertices of a parcel are not distinct"]
    if missing.size:
        notes.append(f"{missing.size} parcels without a row: their vertices are not valid")
    return on_vertices, valid, columns, tuple(notes)


def _row_keys(
    table: pd.DataFrame, parcellation: Parcellation, where: str
) -> tuple[npt.NDArray[np.int64], str]:
    by_lower = {str(column).lower(): column for column in reversed(list(table.columns))}
    known = np.array(sorted({0, *parcellation.names, *parcellation.used_keys().tolist()}))
    for candidate in KEY_COLUMNS:
        column = by_lower.get(candidate)
        if column is not None and table[column].dtype.kind in "iuf":
            keys = _whole_keys(table[column], where)
            _check_no_counter(keys, str(column), parcellation, where)
            strangers = np.setdiff1d(keys, known)
            if strangers.size:
                expected = f"keys of the parcellation ({known[1]} to {known[-1]})"
                raise InputError(where, f"key {strangers[0]} in column {column!r}", expected)
            return keys, str(column)
    for candidate in NAME_COLUMNS:
        column = by_lower.get(candidate)
        if column is not None and table[column].dtype.kind not in "iuf":
            return _keys_of_names(table[column], parcellation, where), str(column)
    return _keys_by_order(table, parcellation, where), "order"


def _whole_keys(column: pd.Series, where: str) -> npt.NDArray[np.int64]:
    """Return keys, which other programs may have stored as floats, or raise `InputError`."""
    keys = column.to_numpy()
    wrong = ~np.isfinite(keys) | (np.rint(keys) != keys)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            where,
            f"{keys[row]:g} in row {row} of column {column.name!r}",
            "keys of parcels, whole numbers in every row",
            "Give that column another name if it is a feature.",
        )
    return keys.astype(np.int64)


def _check_no_counter(
    keys: npt.NDArray[np.int64], column: str, parcellation: Parcellation, where: str
) -> None:
    """Refuse keys from 0 where there is a row for each parcel: they would all be one off."""
    n_parcels = {len(parcels) for parcels in _parcels(parcellation)}
    if len(keys) in n_parcels and np.array_equal(np.sort(keys), np.arange(len(keys))):
        raise InputError(
            where,
            f"keys of 0 to {len(keys) - 1} in column {column!r}, as if it counted the rows",
            f"keys of the parcellation, which has {len(keys)} parcels beside 0",
            "If that column counts the rows, delete it; if it holds keys, leave out the row of 0.",
        )


def _keys_of_names(
    column: pd.Series, parcellation: Parcellation, where: str
) -> npt.NDArray[np.int64]:
    keys: dict[str, list[int]] = {}
    for key, name in parcellation.names.items():
        keys.setdefault(name, []).append(key)
    for name in column:
        if name not in keys:
            example = next(iter(keys), "none")
            raise InputError(where, f"parcel {name!r}", f"a name like {example!r}")
        if len(keys[name]) > 1:
            raise InputError(
                where,
                f"parcel {name!r}, which stands for keys {' and '.join(map(str, keys[name]))}",
                "the name of a single parcel",
                "Add a column `key`.",
            )
    return np.array([keys[name][0] for name in column], dtype=np.int64)


def _keys_by_order(
    table: pd.DataFrame, parcellation: Parcellation, where: str
) -> npt.NDArray[np.int64]:
    named, used = _parcels(parcellation)
    for keys in (named, used):
        if len(keys) == len(table):
            return keys
    way_out = "Add a column `key` or `name` that says which parcel a row belongs to."
    if table.shape[1] in (len(named), len(used)):
        way_out = "The number of columns fits: transpose the table."
    raise InputError(where, f"{len(table)} rows", f"{len(used)}, one per parcel", way_out)


def _parcels(
    parcellation: Parcellation,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the keys that have a name, and those that a vertex has."""
    named = np.array([key for key in parcellation.names if key > 0], dtype=np.int64)
    return named, parcellation.used_keys().astype(np.int64)


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    separator = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        with path.open(encoding="utf-8-sig") as stream:
            first = stream.readline().strip("\r\n").split(separator)
        table = pd.read_csv(path, sep=separator, header=0 if _is_header(first) else None)
    except (OSError, ValueError) as error:  # UnicodeDecodeError and pandas' errors are ValueErrors
        raise InputError(str(path), f"no readable table ({error})", "a csv or tsv table") from None
    if not len(table):
        raise InputError(str(path), "no rows", "one row per vertex or per parcel")
    if _is_header(first):
        return table.rename(columns={c: "" for c in table.columns[:1] if str(c) == "Unnamed: 0"})
    return table.set_axis([f"column_{i + 1}" for i in range(table.shape[1])], axis=1)


def _without_counter(path: Path, table: pd.DataFrame, heads: tuple[str, ...]) -> pd.DataFrame:
    """Leave out a first column that only counts the rows; refuse one that counts otherwise."""
    head, first = str(table.columns[0]).lower(), table.iloc[:, 0].to_numpy()
    if head not in heads or first.dtype.kind not in "iuf":
        return table
    if not any(np.array_equal(first, np.arange(len(table)) + start) for start in (0, 1)):
        raise InputError(
            str(path),
            f"a first column {head!r} that does not count the rows from 0 or 1",
            "rows in order (vertices: the left hemisphere first)",
            "Sort the table, or give that column another name if it is a feature.",
        )
    return table.iloc[:, 1:]


def _is_header(cells: list[str]) -> bool:
    if not cells[0] and cells[1:] == [str(i) for i in range(len(cells) - 1)]:
        return True  # pandas numbers columns that have no name
    for cell in cells:
        try:
            float(cell.strip().strip('"') or "nan")
        except ValueError:
            return True
    return False


def _numbers(path: Path, table: pd.DataFrame) -> tuple[npt.NDArray[np.float64], tuple[str, ...]]:
    if table.shape[1] == 0:
        raise InputError(str(path), "no column of values", "at least one")
    for column in table.columns:
        if table[column].dtype.kind not in "biuf":
            raise InputError(
                str(path),
                f"text in column {str(column)!r}",
                "numbers in every column",
                "Leave out the columns that are not features.",
            )
    columns = tuple(str(column) for column in table.columns)
    return table.to_numpy(dtype=np.float64), columns
