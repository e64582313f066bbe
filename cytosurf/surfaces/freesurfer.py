"""FreeSurfer: morphometry ("curv") files and annotations of one hemisphere, reading only."""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

import nibabel as nib
import numpy as np

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.parts import Part, existing_file, reading

_CURV_MAGIC = b"\xff\xff\xff"
_CURV_HEADER_BYTES = 15

# Entries of a colour table that stand for no region: "unknown", "???", "Medial_wall",
# "FreeSurfer_Defined_Medial_Wall", "Background+FreeSurfer_Defined_Medial_Wall".
_UNASSIGNED = re.compile(r"\?*|unknown|none|background.*|.*medial[ _.]?wall", re.IGNORECASE)


def is_curv(path: str | os.PathLike[str]) -> bool:
    """Return whether a file begins like a FreeSurfer morphometry file."""
    with Path(path).open("rb") as stream:
        return stream.read(3) == _CURV_MAGIC


def curv_part(path: str | os.PathLike[str]) -> Part:
    """Read one value per vertex from a morphometry file (``lh.thickness``, ``*.sulc``).

    The column is named after the file, without the hemisphere.

    Raises
    ------
    InputError
        If the file is missing, truncated or no morphometry file.
    """
    expected = "a FreeSurfer morphometry (curv) file"
    file = existing_file(path, expected)
    if not is_curv(file):
        raise InputError(str(file), "a file without the mark of the format", expected)
    with reading(file, expected):
        n_vertices, _, per_vertex = np.fromfile(file, ">i4", 3, offset=3).tolist()
        n_bytes = file.stat().st_size - _CURV_HEADER_BYTES
        if per_vertex != 1 or n_bytes != 4 * n_vertices:
            raise ValueError(f"{n_bytes:,} bytes of values for {n_vertices:,} vertices")
        values = nib.freesurfer.read_morph_data(file)
    prefix, _, rest = file.name.partition(".")
    column = rest if prefix in ("lh", "rh") and rest else file.suffix.lstrip(".") or file.name
    return Part(file, values.astype(np.float32)[:, None], columns=(column,))


def annot_part(path: str | os.PathLike[str]) -> Part:
    """Read labels from an annotation file (``lh.aparc.annot``).

    A key is the row of the colour table. Vertices without a colour, with a colour that the table
    does not have, or with an entry such as "unknown" or "Medial_wall" get key 0. Should row 0 be a
    region, keys are the rows counted from 1.

    Raises
    ------
    InputError
        If the file is missing, truncated or no annotation with a colour table.
    """
    expected = "a FreeSurfer annotation (.annot) with a colour table"
    file = existing_file(path, expected)
    with reading(file, expected):
        n_vertices = int(np.fromfile(file, ">i4", 1)[0])
        if n_vertices < 1 or file.stat().st_size < 4 + 8 * n_vertices:
            raise ValueError(f"{n_vertices:,} vertices in a file of this size")
        colours, table, names_bytes = nib.freesurfer.read_annot(file, orig_ids=True)
        names = [name.decode("utf-8", "replace").strip() for name in names_bytes]
    assigned = {row: name for row, name in enumerate(names) if not _UNASSIGNED.fullmatch(name)}
    first = 1 if 0 in assigned else 0
    # Looked up here, because the library gives a colour that is not in the table to a neighbour.
    key_of = {int(table[row, 4]): row + first for row in reversed(assigned)}
    n_strange = int(np.count_nonzero((colours != 0) & ~np.isin(colours, table[:, 4])))
    if n_strange:
        warnings.warn(
            f"{file}: {n_strange:,} vertices have a colour that the colour table does not have; "
            "they are unassigned.",
            CytosurfWarning,
            stacklevel=2,
        )
    unique, inverse = np.unique(colours, return_inverse=True)
    keys = np.array([key_of.get(int(colour), 0) for colour in unique], np.int32)[inverse]
    return Part(file, keys, names={row + first: name for row, name in assigned.items()})
