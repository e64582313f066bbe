"""Read and write surfaces, maps and labels: one function each, whatever the format.

Reading takes one file (GIFTI or FreeSurfer of one hemisphere, CIFTI of one or both) or a pair of
files, left first. Nothing is guessed: see `cytosurf.surfaces.parts` for how side and space of a
file are settled. Writing is in `cytosurf.surfaces.writing`.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces import cifti, freesurfer, gifti
from cytosurf.surfaces.gifti import read_mesh
from cytosurf.surfaces.maps import Parcellation, SurfaceMap
from cytosurf.surfaces.parts import Part, existing_file, naming, settle_hemisphere, settle_space
from cytosurf.surfaces.space import Space, check_hemispheres
from cytosurf.surfaces.writing import write_map, write_mesh, write_parcellation

__all__ = [
    "read_map",
    "read_mesh",
    "read_parcellation",
    "write_map",
    "write_mesh",
    "write_parcellation",
]

PathOrPair = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

_MAP_FILES = "a map: .func.gii, .shape.gii, .dscalar.nii or a FreeSurfer curv file"
_LABEL_FILES = "labels: .label.gii, .dlabel.nii or .annot"
# Marks of the hemisphere in the name of a column: "hemi-L_", "lh.", "L.".
_SIDE_MARK = re.compile(r"(?<![A-Za-z0-9])(?:hemi-)?(?:[lr]h|[LR]H|[LR])(?![A-Za-z0-9])[._]?")


def read_map(
    path_or_pair: PathOrPair,
    *,
    space: Space | None = None,
    hemispheres: tuple[str, ...] | None = None,
) -> SurfaceMap:
    """Read a map of one or both hemispheres.

    Parameters
    ----------
    path_or_pair : path-like, or (left, right) of path-like
        GIFTI (``.func.gii``, ``.shape.gii``), CIFTI (``.dscalar.nii``) or a FreeSurfer
        morphometry file.
    space : Space, optional
        Where the files do not say it (metadata, BIDS entities) and their number of vertices is
        not that of a single known space.
    hemispheres : tuple of str, optional
        ``("L",)`` or ``("R",)``, where a single file does not say it.

    Returns
    -------
    SurfaceMap
        ``valid`` is False where a CIFTI file lists no vertex, and where every column of a GIFTI
        or FreeSurfer file, which lists all, is NaN. Other NaN and infinite values stay as they
        are, and zeros are values.

    Raises
    ------
    InputError
        If a file is missing, damaged or of another kind, or if hemispheres, spaces, numbers of
        vertices or columns do not fit.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> thickness = SurfaceMap(np.ones(64984), Space("fsLR", "32k"), ("thickness",))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_map(thickness, f"{folder}/group_hemi-{{hemi}}_thickness.shape.gii")
    ...     again = read_map(files)
    >>> again.columns, again.hemispheres, str(again.space)
    (('thickness',), ('L', 'R'), 'fsLR-32k')
    """
    columns, halves = read_map_halves(path_or_pair, space=space, hemispheres=hemispheres)
    maps = []
    for half in halves:
        with naming(half.path):
            maps.append(SurfaceMap(half.values, half.space, columns, half.valid, (half.side,)))
    return maps[0] if len(maps) == 1 else SurfaceMap.join(*maps)


@dataclass(frozen=True, eq=False)
class MapHalf:
    """One hemisphere of a map as it was read.

    Attributes
    ----------
    path : Path
        The file.
    side : str
        ``"L"`` or ``"R"``.
    space : Space
        Its mesh.
    values : (n_vertices, n_columns) ndarray of float32
        From GIFTI with contiguous columns.
    valid : (n_vertices,) ndarray of bool
        As in `read_map`.
    """

    path: Path
    side: str
    space: Space
    values: npt.NDArray[np.float32]
    valid: npt.NDArray[np.bool_]


def read_map_halves(
    path_or_pair: PathOrPair,
    *,
    space: Space | None = None,
    hemispheres: tuple[str, ...] | None = None,
) -> tuple[tuple[str, ...], list[MapHalf]]:
    """Read a map hemisphere by hemisphere, without copying it.

    Parameters
    ----------
    path_or_pair, space, hemispheres
        As in `read_map`.

    Returns
    -------
    columns : tuple of str
        Names of the columns.
    halves : list of MapHalf
        Left first.

    Raises
    ------
    InputError
        As `read_map`.
    """
    settled = _settled(path_or_pair, _map_parts, space, hemispheres)
    columns = _common_columns([part for part, _, _ in settled])
    halves = []
    for part, part_space, side in settled:
        valid = part.listed
        if valid is None:
            valid = np.zeros(len(part.values), bool)
            for column in part.values.T:  # by columns, which are contiguous
                valid |= ~np.isnan(column)
        halves.append(MapHalf(part.path, side, part_space, part.values, valid))
    columns = columns or tuple(f"column_{i + 1}" for i in range(halves[0].values.shape[1]))
    return columns, halves


def read_parcellation(
    path_or_pair: PathOrPair,
    *,
    space: Space | None = None,
    hemispheres: tuple[str, ...] | None = None,
) -> Parcellation:
    """Read labels of one or both hemispheres.

    Parameters
    ----------
    path_or_pair : path-like, or (left, right) of path-like
        GIFTI (``.label.gii``), CIFTI (``.dlabel.nii``) or a FreeSurfer ``.annot``.
    space, hemispheres : optional
        As in `read_map`.

    Returns
    -------
    Parcellation
        With the names of the label tables. Key 0, and every vertex that a CIFTI file does not
        list or an annotation leaves unknown, is unassigned.

    Raises
    ------
    InputError
        As `read_map`; also if some keys have the same name left and right and others do not.

    Warns
    -----
    CytosurfWarning
        Once, if keys are used that no label table names; they are called ``label_<key>``. Also if
        no key has the same name left and right, as in tables that count the regions of each
        hemisphere from 1: the regions of the right then get keys of their own.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> lobes = Parcellation(np.r_[0, np.ones(64983)], Space("fsLR", "32k"), {1: "cortex"})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     again = read_parcellation(write_parcellation(lobes, f"{folder}/lobes.dlabel.nii"))
    >>> again.names
    {1: 'cortex'}
    """
    settled = _told_apart(_settled(path_or_pair, _label_parts, space, hemispheres))
    names = _common_names([part for part, _, _ in settled])
    halves = []
    for part, part_space, side in settled:
        with naming(part.path):
            halves.append(Parcellation(part.values, part_space, names, (side,)))
    return halves[0] if len(halves) == 1 else Parcellation.join(*halves)


def _map_parts(path: str | os.PathLike[str]) -> list[Part]:
    """Read the values of any supported map file."""
    name = existing_file(path, _MAP_FILES).name
    if name.endswith((".gii", ".gii.gz")):
        return [gifti.map_part(path)]
    if name.endswith((".nii", ".nii.gz")):
        return cifti.map_parts(path)
    if name.endswith(".annot"):
        raise InputError(str(path), "labels", _MAP_FILES, "Give it as a target.")
    if freesurfer.is_curv(path):
        return [freesurfer.curv_part(path)]
    raise InputError(str(path), "a file of another format", _MAP_FILES)


def _label_parts(path: str | os.PathLike[str]) -> list[Part]:
    """Read the keys of any supported label file."""
    name = existing_file(path, _LABEL_FILES).name
    if name.endswith((".gii", ".gii.gz")):
        return [gifti.label_part(path)]
    if name.endswith((".nii", ".nii.gz")):
        return cifti.label_parts(path)
    if name.endswith(".annot"):
        return [freesurfer.annot_part(path)]
    if freesurfer.is_curv(path):
        raise InputError(str(path), "a map of values (FreeSurfer curv)", _LABEL_FILES)
    raise InputError(str(path), "a file of another format", _LABEL_FILES)


def _settled(
    path_or_pair: PathOrPair,
    read: Callable[[str | os.PathLike[str]], list[Part]],
    space: Space | None,
    hemispheres: tuple[str, ...] | None,
) -> list[tuple[Part, Space, str]]:
    """Read one file or a pair, and settle space and side of every part, left first."""
    if hemispheres is not None:
        check_hemispheres(hemispheres, "hemispheres")
    files = [path_or_pair] if isinstance(path_or_pair, str | os.PathLike) else list(path_or_pair)
    if len(files) not in (1, 2):
        raise InputError(
            "files", f"{len(files)} files", "one file, or a left and a right one in this order"
        )
    parts = read(files[0]) if len(files) == 1 else [_single(read(file)) for file in files]
    positions = hemispheres or (("L", "R") if len(parts) == 2 else (None,))
    if len(positions) != len(parts):
        sides = "both hemispheres" if len(parts) == 2 else "one hemisphere"
        raise InputError(str(parts[0].path), sides, f"hemispheres {'+'.join(hemispheres or ())}")
    settled = [
        (part, settle_space(part, space), settle_hemisphere(part, position))
        for part, position in zip(parts, positions, strict=True)
    ]
    if len(settled) == 2:
        _check_same_mesh(*settled)
    return settled


def _check_same_mesh(left: tuple[Part, Space, str], right: tuple[Part, Space, str]) -> None:
    """Raise `InputError` unless both hemispheres are of one space and size."""
    for what, found, expected in (
        ("space", str(right[1]), str(left[1])),
        ("vertices", f"{len(right[0].values):,}", f"{len(left[0].values):,}"),
    ):
        if found != expected:
            raise InputError(
                str(right[0].path),
                f"{what} {found}",
                f"{expected} as on the left ({left[0].path})",
                "Move one of them to the space of the other first.",
            )


def _single(parts: list[Part]) -> Part:
    if len(parts) != 1:
        raise InputError(
            str(parts[0].path),
            "both hemispheres in one file of a pair",
            "one hemisphere in each",
            "Give this file alone.",
        )
    return parts[0]


def _common_columns(parts: list[Part]) -> tuple[str, ...]:
    """Return the names of columns that are the same left and right, marks of the side aside."""
    if len(parts) == 1 or parts[0].columns == parts[1].columns:
        return parts[0].columns
    left, right = ([_SIDE_MARK.sub("", name) for name in part.columns] for part in parts)
    if left == right:
        return tuple(name or f"column_{i + 1}" for i, name in enumerate(left))
    if len(left) == len(right) == 1:
        warnings.warn(
            f"{parts[1].path}: the column is called {parts[1].columns[0]!r}, on the left "
            f"{parts[0].columns[0]!r}; the name of the left is used.",
            CytosurfWarning,
            stacklevel=3,
        )
        return parts[0].columns
    raise InputError(
        str(parts[1].path),
        f"columns {', '.join(right)}",
        f"{', '.join(left)} as on the left",
        "Give both hemispheres the same columns in the same order.",
    )


def _told_apart(settled: list[tuple[Part, Space, str]]) -> list[tuple[Part, Space, str]]:
    """Give the right keys of its own where the two label tables name every shared key otherwise.

    Tables that agree on some of the keys are left for `_common_names` to refuse: a name that is
    spelt in two ways must not become two regions.
    """
    if len(settled) < 2:
        return settled
    left, right = settled[0][0], settled[1][0]
    used_left, used_right = (set(np.unique(p.values[p.values > 0]).tolist()) for p in (left, right))
    named = used_left & used_right & left.names.keys() & right.names.keys()
    offset = max({*used_left, *left.names, 0})
    largest = offset + max({*used_right, *right.names, 0})
    alike = any(left.names[key] == right.names[key] for key in named)
    if not named or alike or largest > np.iinfo(np.int32).max:
        return settled
    key = min(named)
    warnings.warn(
        f"{right.path}: key {key} is {right.names[key]!r}, on the left {left.names[key]!r}. The "
        f"regions of the right are other regions, and get their key + {offset}.",
        CytosurfWarning,
        stacklevel=3,
    )
    moved = replace(
        right,
        values=np.where(right.values > 0, right.values + offset, 0),
        names={key + offset: name for key, name in right.names.items() if key > 0},
    )
    return [settled[0], (moved, *settled[1][1:])]


def _common_names(parts: list[Part]) -> dict[int, str]:
    """Return the names of all keys, and warn once about used keys that no table names."""
    names: dict[int, str] = {}
    for part in parts:
        for key, name in part.names.items():
            if names.setdefault(key, name) != name:
                raise InputError(
                    str(part.path),
                    f"key {key} named {name!r}",
                    f"{names[key]!r} as on the left",
                    "Spell the names alike where a key is one region on both sides, or give the "
                    "regions of the two hemispheres different keys.",
                )
    used = {key for part in parts for key in np.unique(part.values).tolist() if key > 0}
    nameless = sorted(used - names.keys())
    if nameless:
        files = " and ".join(dict.fromkeys(str(part.path) for part in parts))
        shown = ", ".join(map(str, nameless[:3])) + (", ..." if len(nameless) > 3 else "")
        warnings.warn(
            f"{files}: {len(nameless):,} label keys without a name in the label table ({shown}); "
            "each is called label_<key>.",
            CytosurfWarning,
            stacklevel=3,
        )
    return names
