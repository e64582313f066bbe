"""Converters: several bulky upstream files become the arrays of one ``.npz``.

Upstream keeps one text file per depth, layer or gradient, with one number per line, and repeats
the faces of a mesh in every surface. Packed as float32 arrays the same content is several times
smaller and is read in milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import arrays_sha256, write_npz
from cytosurf.data.manifest import File
from cytosurf.errors import CytosurfError, InputError

Arrays = dict[str, npt.NDArray[np.float32]]


def convert(file: File, paths: Sequence[Path]) -> Arrays:
    """Read the upstream files of a converted file into its arrays.

    Parameters
    ----------
    file : File
        A file whose manifest entry has a converter.
    paths : sequence of path
        Where its upstream files lie, in the order of ``file.upstream``.

    Returns
    -------
    dict of str to ndarray of float32
        An upstream file without a column is a whole array: (n_vertices,) from text,
        (n_vertices, 3) from a surface. Columns are stacked to (n_vertices, n_columns).

    Raises
    ------
    InputError
        If a file is not what its converter reads, or columns differ in length.
    """
    read = {"text": read_text_column, "gifti-points": read_gifti_points}[str(file.converter)]
    parts: dict[str, list[npt.NDArray[np.float32]]] = {}
    whole: set[str] = set()
    for upstream, path in zip(file.upstream, paths, strict=True):
        array = str(upstream.array)
        values = read(path)
        column = parts.setdefault(array, [])
        if column and len(values) != len(column[0]):
            raise InputError(str(path), f"{len(values)} values", f"{len(column[0])} as before it")
        column.append(values)
        if upstream.column is None:
            whole.add(array)
    return {
        name: columns[0] if name in whole else np.stack(columns, axis=1)
        for name, columns in parts.items()
    }


def read_text_column(path: Path) -> npt.NDArray[np.float32]:
    """Read a text file of one number per line; parsed as float64, kept as float32.

    Raises
    ------
    InputError
        If it holds something else than numbers, or nothing.
    """
    words = path.read_bytes().split()
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise InputError(str(path), str(error), "text with one number per line") from None
    if not values.size:
        raise InputError(str(path), "an empty file", "text with one number per line")
    return values.astype(np.float32)


def read_gifti_points(path: Path) -> npt.NDArray[np.float32]:
    """Read the (n_vertices, 3) coordinates in mm of a GIFTI surface as float32.

    Raises
    ------
    InputError
        If the file is not a GIFTI surface.
    """
    import nibabel as nib

    try:
        image = nib.gifti.GiftiImage.from_bytes(path.read_bytes())
        points = image.agg_data("pointset")
    except Exception as error:  # nibabel raises whatever its XML parser meets
        raise InputError(str(path), f"{type(error).__name__}: {error}", "a GIFTI surface") from None
    if not isinstance(points, np.ndarray) or points.ndim != 2 or points.shape[1] != 3:
        raise InputError(str(path), "no single array of coordinates", "a GIFTI surface")
    return np.ascontiguousarray(points, dtype=np.float32)


def store_converted(file: File, paths: Sequence[Path], place: Path) -> None:
    """Convert upstream files and store the arrays, if they have the content hash expected.

    Parameters
    ----------
    file : File
        A converted file.
    paths : sequence of path
        Its upstream files, already compared with their checksums.
    place : path
        Where the ``.npz`` is written, whole or not at all.

    Raises
    ------
    CytosurfError
        If the arrays differ from those that the manifest describes.
    """
    arrays = convert(file, paths)
    if arrays_sha256(dict(arrays)) != file.content_sha256:
        raise CytosurfError(
            f"{file.name}: the upstream files are the right ones, but the arrays read from them "
            "differ from those described in the manifest. Please report this, with the versions "
            "of numpy and nibabel."
        )
    write_npz(place, **arrays)
