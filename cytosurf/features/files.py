"""Feature sets from a user's own files.

======================  ==========================================================================
``FILE``                GIFTI, CIFTI or FreeSurfer map, npz, or csv/tsv with one row per vertex
``..{hemi}..``          a pair of files: ``{hemi}`` stands for L and R, lh and rh, or left and right
``FILE@PARCELLATION``   csv/tsv with one row per parcel of any target, e.g. ``my.csv@schaefer400``
======================  ==========================================================================

Rows are vertices, the left hemisphere first. An npz holds ``values`` (n_vertices, n_columns), or
``L`` and ``R`` with one hemisphere each, and if wanted ``valid`` (bool) and ``columns`` (text).
A CIFTI file that lists some of the vertices and an npz with ``valid`` bring their mask. Other
files are valid on the cortex of BrainSpace's mask, because what stands on the medial wall of a
file without a mask (zeros or NaN, mostly) means nothing. NaN inside the mask is missing data, of
which 5 % is tolerated.
"""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.features.cortex import on_cortex
from cytosurf.features.sets import FeatureSet
from cytosurf.features.tables import TABLE_SUFFIXES, parcel_table, vertex_table
from cytosurf.surfaces.io import read_map
from cytosurf.surfaces.maps import SurfaceMap
from cytosurf.surfaces.parts import existing_file, hemisphere_from_name, naming
from cytosurf.surfaces.space import HEMISPHERES, Space
from cytosurf.targets.files import SURFACE_SUFFIXES, hemisphere_paths
from cytosurf.targets.registry import load_target

FEATURE_SUFFIXES = (*SURFACE_SUFFIXES, ".npz", *TABLE_SUFFIXES)


def file_features(text: str, space: Space) -> FeatureSet:
    """Read a feature set from a file, a pair of files, or a table with a row per parcel.

    Parameters
    ----------
    text : str
        What the user typed; see the table at the head of this module.
    space : Space
        The space that the rows belong to.

    Returns
    -------
    FeatureSet
        Named by the text, with ``file:<path>`` as its source.

    Raises
    ------
    InputError
        If a file is missing or unreadable, holds pickled objects, or does not fit the space.
    """
    path, at, parcellation = text.rpartition("@")
    if at and path.lower().endswith(TABLE_SUFFIXES) and not Path(text).is_file():
        return _from_parcels(text, existing_file(path, "a csv or tsv table"), parcellation, space)
    paths = hemisphere_paths(text)
    if paths[0].suffix.lower() in (".npz", *TABLE_SUFFIXES):
        surface_map, masked = _from_arrays(paths, space)
    else:
        surface_map = read_map(paths[0] if len(paths) == 1 else (paths[0], paths[1]), space=space)
        # A CIFTI file that lists every vertex has no mask, whatever stands on the medial wall.
        is_cifti = paths[0].name.lower().endswith((".nii", ".nii.gz"))
        masked = is_cifti and not surface_map.valid.all()
    features = FeatureSet(text, surface_map, tuple(f"file:{p}" for p in paths))
    if masked:
        note = f"valid on {int(surface_map.valid.sum()):,} vertices of the file"
        features = replace(features, notes=(note,))
    else:
        features = on_cortex(features)
    empty = int((features.map.valid & (features.map.values == 0).all(axis=1)).sum())
    if not empty:
        return features
    note = (
        f"{empty:,} vertices inside the mask are 0 in every column and count as values: if 0 "
        "stands for no data there, give the mask too (an npz file with `valid`)"
    )
    return replace(features, notes=(*features.notes, note))


def _from_parcels(text: str, path: Path, parcellation: str, space: Space) -> FeatureSet:
    with naming(text):
        target = load_target(parcellation, space)
    values, valid, columns, notes = parcel_table(path, target.parcellation, text)
    surface_map = SurfaceMap(
        values.astype(np.float32), space, columns, valid, target.parcellation.hemispheres
    )
    sources = (f"file:{path}", *target.sources)
    return FeatureSet(text, surface_map, sources, (*target.notes, *notes))


def _from_arrays(paths: list[Path], space: Space) -> tuple[SurfaceMap, bool]:
    """Return the map of an npz or a table (or a pair of them), and whether it has a mask."""
    if len(paths) == 1:
        side = hemisphere_from_name(paths[0].name)
        return _array_map(paths[0], space, (side,) if side else HEMISPHERES)
    (left, left_masked), (right, right_masked) = (
        _array_map(path, space, (h,)) for path, h in zip(paths, HEMISPHERES, strict=True)
    )
    if left_masked != right_masked:
        raise InputError(str(paths[0]), "a mask on one hemisphere", "`valid` in both files or none")
    with naming(paths[1]):
        return SurfaceMap.join(left, right), left_masked


def _array_map(path: Path, space: Space, sides: tuple[str, ...]) -> tuple[SurfaceMap, bool]:
    arrays = read_arrays(path)
    if "values" in arrays:
        values = arrays["values"]
    else:
        sides = tuple(h for h in HEMISPHERES if h in arrays)
        shapes = [arrays[h].shape[1:] for h in sides]
        if shapes[0] != shapes[-1]:
            raise InputError(str(path), f"L and R of {shapes} columns", "the same columns in both")
        values = np.concatenate([arrays[h] for h in sides])
    columns = tuple(arrays["columns"].tolist()) if "columns" in arrays else ()
    with naming(path):
        surface_map = SurfaceMap(values, space, columns, arrays.get("valid"), sides)  # type: ignore[arg-type]
    return surface_map, "valid" in arrays


def read_arrays(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    """Read an npz, or a table with one row per vertex, as named arrays.

    Parameters
    ----------
    path : pathlib.Path
        A ``.npz``, ``.csv`` or ``.tsv`` file.

    Returns
    -------
    dict of str to ndarray
        ``values``, or ``L`` and ``R`` or one of them; ``columns`` and ``valid`` if they are there.

    Raises
    ------
    InputError
        If the file is damaged, holds pickled objects, or lacks the arrays.
    """
    if path.suffix.lower() in TABLE_SUFFIXES:
        values, columns = vertex_table(path)
        return {"values": values, "columns": np.array(columns)}
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        pickled = "pickle" in str(error).lower() and zipfile.is_zipfile(path)
        raise InputError(
            str(path),
            "an object array (pickled)" if pickled else "no readable npz file",
            "an npz with arrays of numbers",
            "Save numbers, and names as text: np.array(names).astype(str)." if pickled else "",
        ) from None
    if "values" not in arrays and not {"L", "R"} & arrays.keys():
        raise InputError(
            str(path), f"arrays {', '.join(sorted(arrays)) or 'none'}", "`values`, or `L` and `R`"
        )
    if "columns" in arrays and (arrays["columns"].dtype.kind != "U" or arrays["columns"].ndim != 1):
        raise InputError(str(path), f"columns of dtype {arrays['columns'].dtype}", "text")
    return arrays
