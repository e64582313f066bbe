"""Features that are gradients of a user's matrix: ``gradients:FILE@PARCELLATION:N``.

The matrix has a row and a column for every parcel of the parcellation, in the order of its keys;
without ``@PARCELLATION`` for every vertex of the space, or of its cortex (BrainSpace's mask).
``:N`` is the number of gradients, 10 if left out.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.connectors.brainspace import gradients_from_matrix
from cytosurf.errors import InputError
from cytosurf.features.sets import FeatureSet
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.parts import existing_file, naming
from cytosurf.surfaces.space import Space
from cytosurf.targets.embedded import cortex_mask
from cytosurf.targets.registry import load_target

GRADIENTS = "gradients:"
N_GRADIENTS = 10
MATRIX_SUFFIXES = (".npy", ".npz", ".csv", ".tsv", ".txt")


def matrix_gradients(text: str, space: Space) -> FeatureSet:
    """Compute the gradients of a matrix in a file, as a feature set.

    Parameters
    ----------
    text : str
        What the user typed; see the head of this module.
    space : Space
        Where the values are wanted.

    Returns
    -------
    FeatureSet
        Diffusion map embedding with BrainSpace's defaults (normalised angle, the largest 10 % of
        each row); valid on the parcels, or the cortex.

    Raises
    ------
    InputError
        If the file is no matrix of that many rows, or anything in `gradients_from_matrix`.
    """
    name, parcellation, n_components = split_gradients(text)
    path = existing_file(name, "the path of a matrix")
    matrix = read_matrix(path)
    target = load_target(parcellation, space) if parcellation else None
    with naming(path):
        if target is not None:
            rows = _rows_of_parcels(target.parcellation, len(matrix))
        else:
            rows = _rows_of_vertices(space, len(matrix))
        gradients = gradients_from_matrix(matrix, n_components)
    valid = rows >= 0
    values = np.where(valid[:, None], gradients.values[rows], 0.0)
    columns = tuple(f"gradient_{i + 1}" for i in range(n_components))
    hemispheres = target.parcellation.hemispheres if target else ("L", "R")
    notes = (
        (
            f"gradients of a {len(matrix):,} x {len(matrix):,} matrix by BrainSpace: diffusion "
            "map, normalised angle, sparsity 0.9; signs are arbitrary"
        ),
        "if the matrix is functional connectivity, they are circular for a functional target",
    )
    return FeatureSet(
        text,
        SurfaceMap(values, space, columns, valid, hemispheres),
        (f"file:{path}", *(target.sources if target else ())),
        (*notes, *(target.notes if target else ())),
    )


def split_gradients(text: str) -> tuple[str, str, int]:
    """Return the file, the parcellation ("" for none) and the number of gradients of a name.

    Raises
    ------
    InputError
        If there is no file in the name.

    Examples
    --------
    >>> split_gradients("gradients:fc.npy@schaefer400:3"), split_gradients("gradients:fc.npz")
    (('fc.npy', 'schaefer400', 3), ('fc.npz', '', 10))
    """
    rest = text.removeprefix(GRADIENTS)
    counted = re.fullmatch(r"(.+):([0-9]+)", rest)
    rest, n_components = (counted[1], int(counted[2])) if counted else (rest, N_GRADIENTS)
    file, at, parcellation = rest.partition("@")
    if not file or (at and not parcellation):
        raise InputError(repr(text), "no file", "gradients:FILE@PARCELLATION:N")
    return file, parcellation, n_components


def read_matrix(path: Path) -> npt.NDArray[np.float64]:
    """Read a matrix of numbers: ``.npy``, ``.npz`` with one array (or ``matrix``), or a table.

    Raises
    ------
    InputError
        If the file holds no numbers, or several arrays and none called ``matrix``.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".npz":
            with np.load(path, allow_pickle=False) as stored:
                names = list(stored.files)
                if len(names) != 1 and "matrix" not in names:
                    raise InputError(str(path), f"arrays {', '.join(names)}", "one, or `matrix`")
                loaded = stored["matrix" if "matrix" in names else names[0]]
        elif suffix == ".npy":
            loaded = np.load(path, allow_pickle=False)
        elif suffix in MATRIX_SUFFIXES:
            delimiter = {".csv": ",", ".tsv": "\t"}.get(suffix)
            loaded = np.loadtxt(path, delimiter=delimiter, ndmin=2)
        else:
            raise InputError(
                str(path), f"suffix {suffix!r}", f"one of {', '.join(MATRIX_SUFFIXES)}"
            )
        return np.asarray(loaded, dtype=np.float64)
    except InputError:
        raise
    except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(
            str(path), f"no matrix ({error})", "numbers alone, without names of rows"
        ) from None


def _rows_of_parcels(parcellation: Parcellation, n_rows: int) -> npt.NDArray[np.int64]:
    """Return the row of each vertex's parcel, -1 for none."""
    used = parcellation.used_keys()
    listed = np.array(sorted({key for key in parcellation.names if key > 0} | set(used.tolist())))
    for keys in (used, listed):
        if len(keys) == n_rows:
            row_of = np.full(int(keys.max()) + 1, -1)
            row_of[keys] = np.arange(n_rows)
            rows: npt.NDArray[np.int64] = row_of[parcellation.keys]
            return rows
    counts = sorted({len(used), len(listed)})
    raise InputError("matrix", f"{n_rows} rows", f"{' or '.join(map(str, counts))}, one per parcel")


def _rows_of_vertices(space: Space, n_rows: int) -> npt.NDArray[np.int64]:
    """Return the row of each vertex: of the whole space, or of its cortex with -1 elsewhere."""
    cortex = cortex_mask(space)
    if n_rows == len(cortex):
        return np.where(cortex, np.arange(n_rows), -1)
    if n_rows == cortex.sum():
        return np.where(cortex, np.cumsum(cortex) - 1, -1)
    raise InputError(
        "matrix",
        f"{n_rows:,} rows",
        f"{len(cortex):,} (vertices of {space}) or {int(cortex.sum()):,} (of its cortex)",
        "For parcels name the parcellation: gradients:FILE@PARCELLATION.",
    )
