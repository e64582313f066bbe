"""Import tables of embeddings from the files of other programs.

How CytoNet's embeddings are published is not documented, so the importer takes any file with
coordinates and features, whose names the user gives. It was tried on files made for the tests, not
on published embeddings.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cytosurf.errors import InputError, unknown_name
from cytosurf.features.embedding_readers import (
    ARRAY_SUFFIXES,
    SUFFIXES,
    Names,
    read_chunks,
)
from cytosurf.features.embedding_spaces import point_space
from cytosurf.features.embedding_table import EmbeddingTable
from cytosurf.features.embedding_writing import EmbeddingChunk, write_embeddings
from cytosurf.surfaces.parts import existing_file

MM_PER_UNIT = {"mm": 1.0, "um": 1e-3, "nm": 1e-6, "cm": 10.0, "m": 1000.0}
_UNIT_ALIASES = {"µm": "um", "μm": "um", "micrometre": "um", "micrometer": "um", "micron": "um"}


def import_embeddings(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    space: str | None,
    points: Sequence[str] | None = None,
    features: Sequence[str] | None = None,
    ids: str | None = None,
    unit: str = "mm",
) -> EmbeddingTable:
    r"""Import embeddings from an npz, HDF5, parquet, csv or tsv file, some rows at a time.

    Parameters
    ----------
    source : path-like
        The file.
    out : path-like
        The table to write, ``*.h5``; it has a temporary name until it is whole.
    space : str
        The space of the points: ``"bigbrain"``, ``"bigbrainsym"`` (ICBM), ``"colin27"`` or
        ``"other:NAME"``. It is required and never guessed.
    points : sequence of str, optional
        The array (n, 3), or the three arrays or columns of x, y and z. ``points`` in npz and
        HDF5 files, ``x``, ``y`` and ``z`` in tables if left out.
    features : sequence of str, optional
        Arrays or columns of the features. In tables ``*`` and ``?`` stand for any characters,
        and a parquet column may hold lists. ``features`` in npz and HDF5 files, and every other
        column of a table if left out; the index of a pandas table is none of them.
    ids : str, optional
        Array or column with an id for each row, whole numbers or text; the number of the row in
        the source if left out. In csv and tsv files ids such as ``007`` make text of all of them.
    unit : {"mm", "um", "nm", "cm", "m"}
        Unit of the coordinates in the file; they are stored in mm.

    Returns
    -------
    EmbeddingTable

    Raises
    ------
    InputError
        If no space is given, the file is empty, damaged or holds pickled objects, an array or
        column is missing, rows differ in length, or more than 5 % of them are NaN or infinite.

    Warns
    -----
    CytosurfWarning
        If rows with NaN or infinite values were left out.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     csv = Path(folder) / "patches.csv"
    ...     _ = csv.write_text("patch,x,y,z,f0,f1\na,1000,0,0,0.5,1\nb,2000,0,0,0.6,2\n")
    ...     table = import_embeddings(
    ...         csv, Path(folder) / "t.h5", space="bigbrain", ids="patch", unit="um"
    ...     )
    ...     table.points_mm.tolist(), table.n_features, table.ids.tolist()
    ([[1.0, 0.0, 0.0], [2.0, 0.0, 0.0]], 2, ['a', 'b'])
    """
    name = point_space(space)
    factor = _mm_per_unit(unit)
    path = existing_file(source, f"a file in {', '.join(SUFFIXES)}")
    if Path(out).exists() and path.samefile(out):
        raise InputError(str(out), "the file that is imported", "another file to write")
    chunks = read_chunks(path, _names(path, points, features, ids))
    return write_embeddings(out, _in_mm(chunks, factor), space=name, source=path.name)


def _mm_per_unit(unit: str) -> float:
    name = _UNIT_ALIASES.get(unit, unit)
    if name not in MM_PER_UNIT:
        raise unknown_name("unit", unit, MM_PER_UNIT)
    return MM_PER_UNIT[name]


def _names(
    path: Path, points: Sequence[str] | None, features: Sequence[str] | None, ids: str | None
) -> Names:
    arrays = path.suffix.lower() in ARRAY_SUFFIXES
    of_points = tuple(points or (("points",) if arrays else ("x", "y", "z")))
    if len(of_points) != 3 and not (arrays and len(of_points) == 1):
        raise InputError(
            "points",
            f"{len(of_points)} names",
            "one array (n, 3) or three of x, y and z" if arrays else "three columns: x, y and z",
        )
    return Names(of_points, tuple(features or (("features",) if arrays else ("*",))), ids)


def _in_mm(chunks: Iterator[EmbeddingChunk], factor: float) -> Iterator[EmbeddingChunk]:
    for chunk in chunks:
        points = np.asarray(chunk.points, dtype=np.float64) * factor
        yield EmbeddingChunk(points, chunk.features, chunk.ids)
