"""CIFTI-2: dense scalars and dense labels of the cortex.

A dense CIFTI file lists *greyordinates*: for each cortical hemisphere the vertices it covers, then
voxels of subcortical structures. The standard 91,282 of the Human Connectome Project are 29,696
left and 29,716 right vertices of the 32,492 of fs_LR 32k, without the medial wall, and 31,870
voxels. Other files list every vertex, or only one hemisphere. Here the cortex is kept, on whole
hemispheres: a vertex that is not listed has NaN and is not valid, or has label key 0.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import numpy.typing as npt

from cytosurf.errors import CytosurfWarning, InputError
from cytosurf.surfaces.gifti import label_colour, named_keys, whole_keys
from cytosurf.surfaces.gifti_data import in_threads
from cytosurf.surfaces.parts import (
    SIDES,
    SPACE_KEY,
    Part,
    existing_file,
    reading,
    space_from_metadata,
)
from cytosurf.surfaces.space import Space

_CORTEX = {"CIFTI_STRUCTURE_CORTEX_LEFT": "L", "CIFTI_STRUCTURE_CORTEX_RIGHT": "R"}
_EXPECTED = {
    "SCALARS": "dense scalars of the cortex (.dscalar.nii)",
    "LABELS": "dense labels of the cortex (.dlabel.nii)",
}
_FOUND = {
    "SCALARS": "scalars (a map of values)",
    "LABELS": "labels",
    "SERIES": "a time series",
    "PARCELS": "parcels",
    "BRAIN_MODELS": "connectivity",
}
_WAY_OUT = {
    "SCALARS": "Give a .dlabel.nii.",
    "LABELS": "Give it as a target, or read_parcellation.",
    "SERIES": "Reduce it with wb_command -cifti-reduce first.",
}

# Side, rows of the matrix, vertices that they belong to, and vertices of the hemisphere.
_Model = tuple[str, slice, npt.NDArray[np.int64], int]


def map_parts(path: str | os.PathLike[str]) -> list[Part]:
    """Read the cortical values of a ``.dscalar.nii``: one part per hemisphere it covers.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another CIFTI type, or without cortex.
    """
    file, axis, models, data = _load(path, "SCALARS")
    columns = tuple(str(name) or f"column_{i + 1}" for i, name in enumerate(axis.name))
    parts = []
    for side, rows, vertices, n_vertices in models:
        values = np.full((n_vertices, len(columns)), np.nan, np.float32)
        values[vertices] = data[:, rows].T
        listed = np.zeros(n_vertices, bool)
        listed[vertices] = True
        space = space_from_metadata(axis.meta[0])
        parts.append(Part(file, values, side, space, columns, listed=listed))
    return parts


def label_parts(path: str | os.PathLike[str]) -> list[Part]:
    """Read the cortical labels of a ``.dlabel.nii``: one part per hemisphere it covers.

    Raises
    ------
    InputError
        If the file is missing, damaged, of another CIFTI type, without cortex, with several sets
        of labels, or with keys that are negative or not whole.
    """
    file, axis, models, data = _load(path, "LABELS")
    if len(axis) != 1:
        raise InputError(
            str(file),
            f"{len(axis)} sets of labels",
            "one",
            "Take one out with wb_command -cifti-merge (option -column).",
        )
    names = named_keys({key: name for key, (name, _) in axis.label[0].items()})
    parts = []
    for side, rows, vertices, n_vertices in models:
        keys = np.zeros(n_vertices, np.int32)
        keys[vertices] = whole_keys(data[0, rows], file)
        parts.append(Part(file, keys, side, space_from_metadata(axis.meta[0]), names=names))
    return parts


def write_scalar_file(
    path: Path,
    rows: Sequence[tuple[str, Callable[[int], npt.NDArray[np.float32]], npt.NDArray[np.bool_]]],
    columns: tuple[str, ...],
    space: Space,
) -> None:
    """Write a ``.dscalar.nii`` from (hemisphere, column, listed vertices) of each hemisphere.

    ``column(i)`` gives the values of the i-th column at all vertices; it is called in threads.
    """
    meta = [{SPACE_KEY: str(space)} for _ in columns]
    axis = nib.cifti2.ScalarAxis(columns, meta)
    n_listed = sum(np.count_nonzero(listed) for _, _, listed in rows)
    data = np.empty((len(columns), n_listed), np.float32)

    def fill(index: int) -> None:
        np.concatenate([column(index)[listed] for _, column, listed in rows], out=data[index])

    in_threads(fill, range(len(columns)), data.nbytes)
    _save(path, axis, rows, data, "ConnDenseScalar")


def write_label_file(
    path: Path,
    rows: Sequence[tuple[str, npt.NDArray[np.int32], npt.NDArray[np.bool_]]],
    names: Mapping[int, str],
    space: Space,
) -> None:
    """Write a ``.dlabel.nii`` from (hemisphere, keys, listed vertices) of each hemisphere."""
    table = {key: (name, label_colour(key)) for key, name in names.items()}
    axis = nib.cifti2.LabelAxis(["labels"], [table], [{SPACE_KEY: str(space)}])
    data = np.concatenate([keys[listed] for _, keys, listed in rows])[None]
    _save(path, axis, rows, data, "ConnDenseLabel")


def _save(
    path: Path,
    axis: Any,
    rows: Sequence[tuple[str, Any, npt.NDArray[np.bool_]]],
    data: npt.NDArray[Any],
    intent: str,
) -> None:
    models = [
        nib.cifti2.BrainModelAxis.from_surface(
            np.flatnonzero(listed), len(listed), f"Cortex{SIDES[side].capitalize()}"
        )
        for side, _, listed in rows
    ]
    greyordinates = sum(models[1:], start=models[0])
    image = nib.Cifti2Image(np.ascontiguousarray(data), (axis, greyordinates))
    image.nifti_header.set_intent(intent, name=intent)
    image.to_filename(str(path))


def _load(path: str | os.PathLike[str], wanted: str) -> tuple[Path, Any, list[_Model], Any]:
    """Return file, map axis, cortical models and data (n_maps, n_greyordinates) of a CIFTI file."""
    expected = _EXPECTED[wanted]
    file = existing_file(path, expected)
    with reading(file, expected):
        image = nib.load(file)
        if not isinstance(image, nib.Cifti2Image):
            raise InputError(
                str(file),
                "a NIfTI volume",
                expected,
                "Sample a volume to the surface first.",
            )
        kinds = [_kind(image, dimension) for dimension in range(image.ndim)]
        _check_kinds(file, kinds, wanted)
        models = _cortical_models(file, image.header.matrix.get_index_map(1).brain_models)
        data = np.asarray(image.dataobj)
        axis = image.header.get_axis(0)
        if data.shape != image.header.matrix.get_data_shape():
            raise ValueError("the matrix does not have the size that its header states")
    return file, axis, models, data


def _kind(image: Any, dimension: int) -> str:
    """Return what a dimension of the matrix stands for: SCALARS, BRAIN_MODELS, ..."""
    index_map = image.header.matrix.get_index_map(dimension)
    return str(index_map.indices_map_to_data_type).removeprefix("CIFTI_INDEX_TYPE_")


def _check_kinds(file: Path, kinds: list[str], wanted: str) -> None:
    if kinds == [wanted, "BRAIN_MODELS"]:
        return
    dense = "dense" if kinds[-1] == "BRAIN_MODELS" else "parcellated"
    raise InputError(
        str(file),
        f"{dense} CIFTI with {' by '.join(_FOUND[kind] for kind in kinds)}",
        _EXPECTED[wanted],
        "Spread the parcels over their vertices: wb_command -cifti-create-dense-from-template."
        if dense == "parcellated"
        else _WAY_OUT.get(kinds[0], ""),
    )


def _cortical_models(file: Path, brain_models: Iterable[Any]) -> list[_Model]:
    """Return side, rows, vertices and size of each hemisphere, left first."""
    models: list[_Model] = []
    others, n_ignored = [], 0
    for model in brain_models:
        side = _CORTEX.get(model.brain_structure)
        if side and model.model_type == "CIFTI_MODEL_TYPE_SURFACE":
            rows = slice(model.index_offset, model.index_offset + model.index_count)
            vertices = np.array(list(model.vertex_indices), np.int64)
            n_vertices = int(model.surface_number_of_vertices)
            if len(vertices) != model.index_count or np.any(
                (vertices < 0) | (vertices >= n_vertices)
            ):
                raise ValueError("vertex numbers that do not fit the surface")
            models.append((side, rows, vertices, n_vertices))
        else:
            name = model.brain_structure.removeprefix("CIFTI_STRUCTURE_")
            others.append(name.lower().replace("_", " "))
            n_ignored += model.index_count
    models.sort(key=lambda model: model[0])
    sides = [model[0] for model in models]
    if not models or len(set(sides)) < len(sides):
        raise InputError(
            str(file),
            "a hemisphere listed twice" if models else f"structures {', '.join(others)}",
            "the vertices of the cortex",
            "Give a file that covers the cortex.",
        )
    if others:
        warnings.warn(
            f"{file}: {n_ignored:,} rows of {len(others)} structures other than the cortical "
            "surface were left out.",
            CytosurfWarning,
            stacklevel=2,
        )
    return models
