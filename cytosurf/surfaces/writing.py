"""Write maps, labels and surfaces: GIFTI per hemisphere or CIFTI for all, by the suffix.

All files of a call are written to temporary names first, so that either all of them are there or
none is.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cytosurf.compute.files import atomic_path
from cytosurf.errors import FULL, CytosurfWarning, InputError
from cytosurf.surfaces import cifti, gifti
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.parts import SIDES, hemisphere_from_name
from cytosurf.surfaces.space import Space, check_hemispheres

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
# Hemisphere, what gives the values of a column, and the vertices to keep of them.
Half = tuple[str, Callable[[int], Floats], Bools]
_ENTITY = re.compile(r"(?<![A-Za-z0-9])hemi-[LR](?![A-Za-z0-9])")


def write_map(
    data: SurfaceMap, path: str | os.PathLike[str], *, mask: npt.ArrayLike | None = None
) -> list[Path]:
    """Write a map as GIFTI or CIFTI, by the suffix of `path`.

    Parameters
    ----------
    data : SurfaceMap
        The map.
    path : path-like
        ``*.func.gii`` or ``*.shape.gii``: one file per hemisphere, with ``{hemi}`` in the name or
        the BIDS entity ``hemi-L`` or ``hemi-R`` where both are written. ``*.dscalar.nii``: one
        file for all. Folders are made.
    mask : (n_vertices,) array_like of bool, optional
        Vertices to keep beside being valid, e.g. `greyordinate_mask`.

    Returns
    -------
    list of Path
        The files, left first: what `read_map` takes. In GIFTI, vertices left out are NaN in every
        column; in CIFTI, they are not listed.

    Raises
    ------
    InputError
        If suffix, names or mask do not fit, or the file cannot be written. No file is then left.
    """
    kept = data.valid & _checked_mask(mask, data.n_vertices)
    n = len(data.hemispheres)
    columns = [half.T.__getitem__ for half in np.split(data.values, n)]
    halves = zip(data.hemispheres, columns, np.split(kept, n), strict=True)
    return write_map_halves(list(halves), data.columns, data.space, path)


def write_map_halves(
    halves: Sequence[Half],
    columns: tuple[str, ...],
    space: Space,
    path: str | os.PathLike[str],
) -> list[Path]:
    """Write a map hemisphere by hemisphere and column by column, from what gives the columns.

    Parameters
    ----------
    halves : sequence of (hemisphere, column, kept)
        Left first: ``"L"`` or ``"R"``, a function, and the vertices to keep. ``column(i)`` returns
        the float32 values of the i-th column at all vertices. It is called once for each, in
        several threads, when its values are to be written: GIFTI never holds them all.
    columns : tuple of str
        Names of the columns.
    space : Space
        The mesh.
    path : path-like
        As in `write_map`.

    Returns
    -------
    list of Path
        The files, left first.

    Raises
    ------
    InputError
        As `write_map`.
    """
    gifti.check_names(columns, os.fspath(path))
    hemispheres = tuple(side for side, _, _ in halves)
    name = Path(path).name
    if name.endswith((".func.gii", ".shape.gii")):
        files = _hemisphere_files(Path(path), hemispheres)
        with _writing(files) as temporary:
            for target, (side, column, kept) in zip(temporary, halves, strict=True):
                filled = _nan_elsewhere(column, kept)
                gifti.write_map_file(target, filled, len(kept), columns, side, space)
        return files
    if name.endswith(".dscalar.nii"):
        _check_listed(halves, Path(path))
        with _writing([Path(path)]) as temporary:
            cifti.write_scalar_file(temporary[0], halves, columns, space)
        return [Path(path)]
    raise InputError(
        os.fspath(path), "no known suffix", "a name in .func.gii, .shape.gii or .dscalar.nii"
    )


def write_parcellation(
    data: Parcellation, path: str | os.PathLike[str], *, mask: npt.ArrayLike | None = None
) -> list[Path]:
    """Write labels as GIFTI (``*.label.gii``) or CIFTI (``*.dlabel.nii``), by the suffix.

    Parameters
    ----------
    data : Parcellation
        The labels. Colours are chosen by key.
    path : path-like
        As in `write_map`.
    mask : (n_vertices,) array_like of bool, optional
        Vertices to keep, e.g. `greyordinate_mask`; all if left out.

    Returns
    -------
    list of Path
        The files, left first: what `read_parcellation` takes. Vertices left out get key 0 in
        GIFTI and are not listed in CIFTI.

    Raises
    ------
    InputError
        As `write_map`.
    """
    gifti.check_names(data.names.values(), os.fspath(path))
    kept = _checked_mask(mask, data.n_vertices)
    names = _label_table(data.names, path)
    name = Path(path).name
    if name.endswith(".label.gii"):
        files = _hemisphere_files(Path(path), data.hemispheres)
        halves = np.split(np.where(kept, data.keys, np.int32(0)), len(files))
        with _writing(files) as temporary:
            for target, half, side in zip(temporary, halves, data.hemispheres, strict=True):
                gifti.write_label_file(target, half, names, side, data.space)
        return files
    if name.endswith(".dlabel.nii"):
        n = len(data.hemispheres)
        rows = list(zip(data.hemispheres, np.split(data.keys, n), np.split(kept, n), strict=True))
        _check_listed(rows, Path(path))
        with _writing([Path(path)]) as temporary:
            cifti.write_label_file(temporary[0], rows, names, data.space)
        return [Path(path)]
    raise InputError(os.fspath(path), "no known suffix", "a name in .label.gii or .dlabel.nii")


def write_mesh(mesh: Mesh, path: str | os.PathLike[str], *, hemisphere: str) -> Path:
    """Write a surface as GIFTI (``*.surf.gii``, with ``{hemi}`` in the name if wished).

    Raises
    ------
    InputError
        If the suffix or the hemisphere in the name does not fit, or the file cannot be written.
    """
    check_hemispheres((hemisphere,), "hemisphere")
    if not os.fspath(path).endswith(".surf.gii"):
        raise InputError(os.fspath(path), "no known suffix", "a name in .surf.gii")
    files = _hemisphere_files(Path(path), (hemisphere,))
    with _writing(files) as temporary:
        gifti.write_mesh_file(temporary[0], mesh, hemisphere)
    return files[0]


def _label_table(names: Mapping[int, str], path: str | os.PathLike[str]) -> dict[int, str]:
    """Return a name for key 0 and the others, each once: Workbench merges labels of one name."""
    distinct = {0: names.get(0, "???")}
    taken = {distinct[0]}
    for key, name in names.items():
        if key == 0:
            continue
        distinct[key] = name
        while distinct[key] in taken:
            distinct[key] += f" ({key})"
        taken.add(distinct[key])
    changed = [key for key, name in names.items() if name != distinct[key]]
    if changed:
        key = changed[0]
        warnings.warn(
            f"{os.fspath(path)}: {len(changed)} labels have the name of another one; they get "
            f"their key behind it, such as {distinct[key]!r}.",
            CytosurfWarning,
            stacklevel=3,
        )
    return distinct


def output_files(path: Path, hemispheres: tuple[str, ...]) -> list[Path]:
    """Return the files that hold a map or labels under a name, left first; CIFTI is one.

    Raises
    ------
    InputError
        If the name does not fit the hemispheres.

    Examples
    --------
    >>> [file.name for file in output_files(Path("a_hemi-{hemi}.func.gii"), ("L", "R"))]
    ['a_hemi-L.func.gii', 'a_hemi-R.func.gii']
    """
    return [path] if path.name.endswith(".nii") else _hemisphere_files(path, hemispheres)


def _hemisphere_files(path: Path, hemispheres: tuple[str, ...]) -> list[Path]:
    """Return the name of the file of each hemisphere."""
    if "{hemi}" in path.name:
        return [path.with_name(path.name.replace("{hemi}", side)) for side in hemispheres]
    if len(hemispheres) == 2:
        if not _ENTITY.search(path.name):
            raise InputError(
                str(path),
                "one name for two files",
                "a name that tells left from right",
                "Put {hemi} into the name, as in truth_hemi-{hemi}.func.gii.",
            )
        return [path.with_name(_ENTITY.sub(f"hemi-{side}", path.name)) for side in hemispheres]
    named = hemisphere_from_name(path.name)
    if named not in (None, *hemispheres):
        raise InputError(
            str(path),
            f"a name for the {SIDES[str(named)]} hemisphere",
            f"one for the {SIDES[hemispheres[0]]} hemisphere",
        )
    return [path]


def _nan_elsewhere(column: Callable[[int], Floats], kept: Bools) -> Callable[[int], Floats]:
    """Return what gives columns that are NaN at vertices that are not kept."""
    if kept.all():
        return column
    return lambda index: np.where(kept, column(index), np.float32(np.nan))


def _checked_mask(mask: npt.ArrayLike | None, n_vertices: int) -> Bools:
    if mask is None:
        return np.ones(n_vertices, bool)
    array = np.asarray(mask)
    if array.shape != (n_vertices,) or array.dtype != bool:
        raise InputError(
            "mask",
            f"{array.dtype} array of shape {array.shape}",
            f"bool array of shape ({n_vertices},)",
        )
    return array


def _check_listed(halves: Sequence[tuple[str, Any, Bools]], path: Path) -> None:
    """Raise `InputError` unless CIFTI can hold the hemispheres under this name."""
    if "{hemi}" in path.name:
        raise InputError(str(path), "{hemi} in the name", "a plain name: CIFTI holds both sides")
    for side, _, listed in halves:
        if not listed.any():
            raise InputError(
                str(path),
                f"no valid vertex in the {SIDES[side]} hemisphere",
                "at least one, because CIFTI lists the vertices it holds",
                "Write one hemisphere alone, or GIFTI.",
            )


@contextmanager
def _writing(files: list[Path]) -> Iterator[list[Path]]:
    """Give a temporary name for each file; all are renamed at the end, or none is left."""
    try:
        with ExitStack() as stack:
            yield [stack.enter_context(atomic_path(file)) for file in files]
    except OSError as error:
        if error.errno in FULL:  # nobody's mistake: the error says how to go on
            raise
        raise InputError(
            str(files[0]),
            f"a place that cannot be written to ({error.strerror})",
            "a folder with write permission and space left",
            "Choose another folder.",
        ) from error
