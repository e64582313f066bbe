"""GIFTI: surfaces, maps and labels of one hemisphere, as nibabel, nilearn and Workbench use them.

Arrays are written as float32 and int32, deflated and in base64, with the hemisphere in
``AnatomicalStructurePrimary``. A vertex that is not valid has NaN in every column: GIFTI has no
mask, and a zero would be a value.
"""

from __future__ import annotations

import colorsys
import os
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from cytosurf.errors import InputError
from cytosurf.surfaces.gifti_data import (
    empty_array,
    map_bytes,
    parse_gifti,
    stacked,
    write_gifti,
)
from cytosurf.surfaces.mesh import Mesh
from cytosurf.surfaces.parts import (
    SIDES,
    SPACE_KEY,
    Part,
    existing_file,
    hemisphere_from_name,
    naming,
    reading,
    space_from_metadata,
)
from cytosurf.surfaces.space import Space

_STRUCTURE = "AnatomicalStructurePrimary"
_STRUCTURES = {"CortexLeft": "L", "CortexRight": "R"}
_UNSTATED = {"", "Invalid", "Unknown"}
_INTENT = nib.nifti1.intent_codes.code
_POINTS, _TRIANGLES = _INTENT["NIFTI_INTENT_POINTSET"], _INTENT["NIFTI_INTENT_TRIANGLE"]
_LABEL, _NODES = _INTENT["NIFTI_INTENT_LABEL"], _INTENT["NIFTI_INTENT_NODE_INDEX"]
_FORBIDDEN = re.compile("[\x00-\x1f\ud800-\udfff\ufffe\uffff]")

# The mean of x over the range of x is below 0.03 on the real spheres and on a centred inflated
# surface, and above 0.3 on surfaces that lie where the brain lies.
_CLEARLY_ONE_SIDED = 0.1


def read_mesh(path: str | os.PathLike[str], hemisphere: str | None = None) -> Mesh:
    """Read a surface from a GIFTI file.

    Parameters
    ----------
    path : path-like
        File with one set of points in mm and one of triangles (``.surf.gii``).
    hemisphere : str, optional
        ``"L"`` or ``"R"``, where the caller knows which one it must be.

    Returns
    -------
    Mesh
        Coordinates as they stand in the file.

    Raises
    ------
    InputError
        If the file is missing, damaged or holds no surface; or if its metadata, its name, its
        coordinates (mean x left or right of 0, where it clearly is) and `hemisphere` disagree.

    Examples
    --------
    >>> from cytosurf import data
    >>> read_mesh(data.embedded_path("surfaces/conte69_32k_lh.gii"), "L").n_vertices
    32492
    """
    image = _load(path, "a GIFTI surface (.surf.gii)")
    file = Path(path)
    points = [a for a in image.darrays if a.intent == _POINTS]
    triangles = [a for a in image.darrays if a.intent == _TRIANGLES]
    if len(points) != 1 or len(triangles) != 1:
        raise InputError(
            str(file),
            _content(image),
            "one array of points and one of triangles",
            "Give a surface (.surf.gii), not a map or labels.",
        )
    with naming(file):
        mesh = Mesh(points[0].data, triangles[0].data)
    stated = _stated_hemisphere(image, file) or hemisphere_from_name(file.name)
    if hemisphere and stated and stated != hemisphere:
        raise InputError(
            str(file),
            f"the {SIDES[stated]} hemisphere in its metadata or name",
            f"the {SIDES[hemisphere]} hemisphere",
            "Are the hemispheres swapped?",
        )
    side = hemisphere or stated
    if side:
        check_side(mesh, side, str(file))
    return mesh


def check_side(mesh: Mesh, hemisphere: str, where: str) -> None:
    """Raise `InputError` if the mesh clearly lies on the other side of x = 0.

    Spheres and other centred surfaces pass for either hemisphere.
    """
    x = mesh.vertices[:, 0].astype(np.float64)
    if not x.size or not np.ptp(x):
        return
    mean = float(x.mean())
    side = "L" if mean < 0 else "R"
    if abs(mean) > _CLEARLY_ONE_SIDED * float(np.ptp(x)) and side != hemisphere:
        raise InputError(
            where,
            f"coordinates of the {SIDES[side]} hemisphere (mean x {mean:+.1f} mm)",
            f"those of the {SIDES[hemisphere]} hemisphere",
            "Are the hemispheres swapped?",
        )


def map_part(path: str | os.PathLike[str]) -> Part:
    """Read the values of a map of one hemisphere (``.func.gii``, ``.shape.gii``).

    An array of node indices, as AFNI writes it, says which vertex each value is of.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds a surface, labels or arrays of several lengths,
        or node indices that are not those of all vertices.
    """
    image = _load(path, "a GIFTI map (.func.gii, .shape.gii)")
    file = Path(path)
    kinds = {array.intent for array in image.darrays}
    if _LABEL in kinds:
        raise InputError(
            str(file), "labels", "a map of values", "Give it as a target, or read_parcellation."
        )
    if kinds & {_POINTS, _TRIANGLES}:
        raise InputError(
            str(file), "a surface", "a map of values", "Give a .func.gii or .shape.gii."
        )
    arrays, vectors = _by_vertex(image, file)
    columns = tuple(_column(array, i) for i, array in enumerate(arrays))
    # Columns are contiguous: so they come, and so they are carried and written.
    values = stacked(vectors)
    return Part(
        file, values, _stated_hemisphere(image, file), space_from_metadata(image.meta), columns
    )


def label_part(path: str | os.PathLike[str]) -> Part:
    """Read the labels of one hemisphere (``.label.gii``) with the names of its label table.

    Raises
    ------
    InputError
        If the file is missing, damaged, holds no labels or several sets of them, or a key is
        negative or not a whole number; or as `map_part` for node indices.
    """
    image = _load(path, "GIFTI labels (.label.gii)")
    file = Path(path)
    if {array.intent for array in image.darrays} - {_NODES} != {_LABEL}:
        raise InputError(
            str(file),
            _content(image),
            "labels",
            "Make labels of it with wb_command -metric-label-import, or give a .label.gii.",
        )
    arrays, vectors = _by_vertex(image, file)
    if len(arrays) != 1:
        raise InputError(
            str(file),
            f"{len(arrays)} sets of labels",
            "one",
            "Take one out with wb_command -label-merge.",
        )
    keys = whole_keys(vectors[0], file)
    names = {label.key: label.label or "" for label in image.labeltable.labels}
    hemisphere = _stated_hemisphere(image, file)
    return Part(file, keys, hemisphere, space_from_metadata(image.meta), names=named_keys(names))


def whole_keys(values: npt.NDArray[Any], where: str | Path) -> npt.NDArray[np.int32]:
    """Return label keys as int32, or raise `InputError` unless they are whole numbers from 0 on."""
    n_bad = int(np.count_nonzero(~np.isfinite(values)))
    if n_bad:
        raise InputError(str(where), f"{n_bad:,} labels that are NaN or infinite", "whole numbers")
    if values.size and (values.min() < 0 or values.max() > np.iinfo(np.int32).max):
        raise InputError(
            str(where),
            f"label keys {values.min()} to {values.max()}",
            "keys from 0 (unassigned) to 2,147,483,647",
            "Recode them.",
        )
    keys = values.astype(np.int32)
    if not np.array_equal(keys, values):
        raise InputError(
            str(where),
            "label keys that are not whole numbers",
            "whole numbers",
            "Labels must not be interpolated as numbers; resample them as labels.",
        )
    return keys


def named_keys(names: Mapping[int, str]) -> dict[int, str]:
    """Return the names of keys above 0, stripped; 0 is unassigned whatever a table calls it."""
    return {int(k): str(n).strip() for k, n in names.items() if int(k) > 0 and str(n).strip()}


def label_colour(key: int) -> tuple[float, float, float, float]:
    """Return an RGBA colour for a label key: neighbouring keys differ, 0 is transparent.

    Examples
    --------
    >>> label_colour(0)
    (0.0, 0.0, 0.0, 0.0)
    """
    if key == 0:
        return (0.0, 0.0, 0.0, 0.0)
    # Steps of the golden ratio spread any number of hues evenly.
    hue = (key * 0.6180339887498949) % 1
    return (*colorsys.hsv_to_rgb(hue, 0.5 + 0.2 * (key % 3), 0.95 - 0.15 * (key % 4)), 1.0)


def check_names(names: Iterable[str], where: str) -> None:
    """Raise `InputError` if a name of a column or label cannot stand in XML."""
    for name in names:
        if _FORBIDDEN.search(name):
            raise InputError(
                where, f"the name {name!r}", "names without control characters", "Rename it."
            )


def write_map_file(
    path: Path,
    column: Callable[[int], npt.NDArray[np.float32]],
    n_vertices: int,
    columns: tuple[str, ...],
    hemisphere: str,
    space: Space,
) -> None:
    """Write the columns of a map of one hemisphere; the suffix says func or shape.

    `column` gives the values of the i-th one, see `write_gifti`.
    """
    is_shape = path.name.endswith(".shape.gii")
    intent = "NIFTI_INTENT_SHAPE" if is_shape else "NIFTI_INTENT_NORMAL"
    arrays = [
        empty_array((n_vertices,), intent, "NIFTI_TYPE_FLOAT32", {"Name": name}) for name in columns
    ]
    _save(arrays, column, hemisphere, path, space)


def write_label_file(
    path: Path,
    keys: npt.NDArray[np.int32],
    names: Mapping[int, str],
    hemisphere: str,
    space: Space,
) -> None:
    """Write labels of one hemisphere with the names of its keys, 0 among them, as label table."""
    table = nib.gifti.GiftiLabelTable()
    for key, name in names.items():
        label = nib.gifti.GiftiLabel(key, *label_colour(key))
        label.label = name
        table.labels.append(label)
    array = empty_array(keys.shape, "NIFTI_INTENT_LABEL", "NIFTI_TYPE_INT32", {"Name": "labels"})
    _save([array], [keys].__getitem__, hemisphere, path, space, table)


def write_mesh_file(path: Path, mesh: Mesh, hemisphere: str) -> None:
    """Write a surface of one hemisphere."""
    meta = {_STRUCTURE: f"Cortex{SIDES[hemisphere].capitalize()}"}
    arrays = [
        empty_array(mesh.vertices.shape, "NIFTI_INTENT_POINTSET", "NIFTI_TYPE_FLOAT32", meta),
        empty_array(mesh.faces.shape, "NIFTI_INTENT_TRIANGLE", "NIFTI_TYPE_INT32", {}),
    ]
    _save(arrays, [mesh.vertices, mesh.faces].__getitem__, hemisphere, path)


def _save(
    arrays: list[Any],
    array: Callable[[int], npt.NDArray[Any]],
    hemisphere: str,
    path: Path,
    space: Space | None = None,
    table: Any = None,
) -> None:
    meta = {_STRUCTURE: f"Cortex{SIDES[hemisphere].capitalize()}"}
    if space is not None:
        meta[SPACE_KEY] = str(space)
    image = nib.gifti.GiftiImage(
        meta=nib.gifti.GiftiMetaData(meta), darrays=arrays, labeltable=table
    )
    write_gifti(path, image, array)


def _load(path: str | os.PathLike[str], expected: str) -> Any:
    file = existing_file(path, expected)
    if not file.name.endswith((".gii", ".gii.gz")):
        raise InputError(str(file), "a name that does not end in .gii", expected)
    with reading(file, expected):
        image = parse_gifti(map_bytes(file))
        if image is None:
            image = nib.gifti.GiftiImage.from_filename(str(file), mmap=False)
        if image is None:
            raise ValueError("XML without a GIFTI element")
    if not image.darrays or any(array.data is None for array in image.darrays):
        raise InputError(str(file), "no data or a data array without data", expected)
    return image


def _by_vertex(image: Any, file: Path) -> tuple[list[Any], list[npt.NDArray[Any]]]:
    """Return the data arrays but that of node indices, and their values in the order of vertices.

    Raises
    ------
    InputError
        If the arrays are no vectors of one length, or node indices do not name each vertex once.
    """
    nodes = [array for array in image.darrays if array.intent == _NODES]
    arrays = [array for array in image.darrays if array.intent != _NODES]
    if not nodes:
        return arrays, _vectors(arrays, file)
    if len(nodes) > 1 or not arrays:
        raise InputError(
            str(file),
            f"{len(nodes)} data arrays of node indices beside {len(arrays)} of values",
            "values, and node indices once at most",
        )
    *vectors, index = _vectors([*arrays, *nodes], file)
    order = np.argsort(index)
    if not np.array_equal(index[order], np.arange(len(index))):
        raise InputError(
            str(file),
            f"node indices from {index.min()} to {index.max()} for {len(index):,} values",
            f"every vertex once, from 0 to {len(index) - 1}",
            "Write a value for every vertex, NaN (of labels 0) where there is none.",
        )
    return arrays, [vector[order] for vector in vectors]


def _vectors(data_arrays: list[Any], file: Path) -> list[npt.NDArray[Any]]:
    arrays = [np.asarray(array.data) for array in data_arrays]
    if any(array.ndim != 1 for array in arrays):
        shapes = sorted({str(array.shape) for array in arrays})
        raise InputError(
            str(file), f"data arrays of shape {', '.join(shapes)}", "one value per vertex in each"
        )
    lengths = sorted({len(array) for array in arrays})
    if len(lengths) > 1:
        raise InputError(
            str(file),
            f"data arrays of different lengths ({', '.join(f'{n:,}' for n in lengths)})",
            "one value per vertex in each",
        )
    return arrays


def _stated_hemisphere(image: Any, file: Path) -> str | None:
    for meta in (image.meta, *(array.meta for array in image.darrays)):
        structure = str(meta.get(_STRUCTURE, ""))
        if structure in _STRUCTURES:
            return _STRUCTURES[structure]
        if structure not in _UNSTATED:
            raise InputError(str(file), f"structure {structure!r}", "CortexLeft or CortexRight")
    return None


def _column(array: Any, index: int) -> str:
    """Return the name of a data array; of a path, which some programs put there, its last part."""
    name = str(array.meta.get("Name", ""))
    if name.startswith("/"):
        name = name.rpartition("/")[2]
    return name or f"column_{index + 1}"


def _content(image: Any) -> str:
    """Say in words what a GIFTI image holds."""
    kinds = [array.intent for array in image.darrays]
    if _POINTS in kinds or _TRIANGLES in kinds:
        return "a surface" if kinds == [_POINTS, _TRIANGLES] else "part of a surface"
    return "labels" if _LABEL in kinds else "a map of values"
